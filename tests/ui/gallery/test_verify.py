"""Verification of a picture of the gallery: requested from the engine, stopped, and its result as one sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from studio.gallery import png
from studio.gallery.images import encode, read_pixels
from studio.ui.gallery import text
from tests.ui.fakes import Forming, Gate
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.gallery.index import Entry
    from studio.ui.gallery.verify import Check


class Bench:
    """A session, and what checks its pictures."""

    def __init__(self, qtbot: QtBot, home: Path, *scripts: Forming) -> None:
        self.studio = Studio(qtbot, home, *scripts)
        self.model = self.studio.models.verifier
        self.studio.session.start()

    def picture(self) -> Entry:
        self.studio.generate()
        self.studio.wait_idle()
        return self.studio.wall.entries[-1]

    def outcome(self, entry: Entry) -> str:
        check = self.model.of(entry)
        return check.outcome if check is not None else ""

    def checked(self, entry: Entry) -> Check:
        self.model.begin(entry)
        self.studio.wait(lambda: self.outcome(entry) not in ("", "running"))
        check = self.model.of(entry)
        assert check is not None
        return check


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(qtbot, tmp_path, *getattr(request, "param", (Forming(),)))
    yield made
    made.studio.close()


def test_a_picture_that_comes_out_the_same_is_identical(bench: Bench) -> None:
    entry = bench.picture()
    assert bench.model.of(entry) is None
    check = bench.checked(entry)
    assert (check.outcome, bool(check.sentence)) == ("same", True)


def test_an_edited_picture_differs_by_the_reported_amount(bench: Bench) -> None:
    entry = bench.picture()
    pixels = read_pixels(entry.path).copy()
    pixels[0, 0, 0] ^= 4
    entry.path.write_bytes(encode(pixels, entry.metadata))
    check = bench.checked(entry)
    assert check.outcome == "different"
    assert re.search(r"\b4\b", check.sentence), "the largest difference"
    assert "stepwise-studio" in check.sentence, "the version that made it was another"


def test_a_missing_or_foreign_file_is_reported_in_one_sentence(bench: Bench) -> None:
    entry = bench.picture()
    entry.path.write_bytes(
        encode(read_pixels(entry.path), entry.metadata).replace(b"stepwise\0", b"stepwide\0")
    )
    sentences = []
    for _ in range(2):
        check = bench.checked(entry)
        assert check.outcome == "failed"
        assert str(entry.path) in check.sentence
        sentences.append(check.sentence)
        entry.path.unlink(missing_ok=True)
    assert sentences[0] != sentences[1]


GATE = Gate()


@pytest.mark.parametrize("bench", [(Forming(), Forming(at={(0, 3): GATE}))], indirect=True)
def test_it_reports_its_progress_and_can_be_stopped(bench: Bench) -> None:
    entry = bench.picture()
    bench.model.begin(entry)
    assert bench.model.of(entry).sentence == text.verify_waiting()  # type: ignore[union-attr]
    bench.studio.wait(lambda: bench.model.of(entry).fraction == 0.5)  # type: ignore[union-attr]
    assert bench.model.of(entry).sentence == text.verify_step(2, 4)  # type: ignore[union-attr]
    bench.model.stop()
    assert bench.model.of(entry) is None
    GATE.open()
    bench.studio.wait(lambda: bench.studio.engine.takes[-1].over)
    bench.picture()
    assert bench.model.of(entry) is None


def test_verifying_another_picture_stops_the_one_before(bench: Bench) -> None:
    first, second = bench.picture(), bench.picture()
    bench.model.begin(first)
    bench.model.begin(second)
    bench.studio.wait(lambda: bench.outcome(second) == "same")
    assert bench.model.of(first) is None
    assert png.metadata_of(second.path) == second.metadata
