"""Keeping a step: what is shown becomes a picture that says which step of which run it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.gallery.images import read_pixels
from studio.ui.run.steps import StepSaver
from tests.ui.fakes import Forming, Take
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.events import Event
    from studio.ui.run.steps import StepSaver


def latent(take: Take) -> Iterator[Event]:
    yield take.started()
    yield take.began(0)
    for step in range(1, take.steps + 1):
        yield take.step(0, step)
    yield take.picture(0)
    yield take.finished()


@pytest.fixture
def keeping(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[[bool], tuple[Studio, StepSaver]]]:
    made: list[tuple[Studio, StepSaver]] = []

    def make(pixels: bool) -> tuple[Studio, StepSaver]:
        studio = Studio(qtbot, tmp_path, Forming(pixels=True) if pixels else latent)
        studio.session.start()
        made.append((studio, studio.models.keeper))
        return made[0]

    yield make
    for studio, _ in made:
        studio.close()


def test_a_step_is_kept_as_it_is_shown_and_says_where_it_comes_from(
    keeping: Callable[[bool], tuple[Studio, StepSaver]],
) -> None:
    studio, keeper = keeping(True)
    studio.generate()
    studio.wait_idle()
    for what, value in (("x0", round(1.02 * 127.5)), ("x_t", round(0.98 * 127.5))):
        studio.run.set_quantity(what)
        studio.run.select(2)
        before = len(studio.wall.entries)
        keeper.keep()
        studio.wait(lambda before=before: len(studio.wall.entries) > before)
        entry = studio.wall.entries[-1]
        origin = entry.metadata.origin
        assert origin is not None
        assert (origin.kind, origin.step, origin.of, origin.run) == ("step", 2, 4, studio.runs.runs()[0])
        # What was shown as a preview is kept as that, and the other side as it is decoded.
        assert int(read_pixels(entry.path)[0, 0, 0]) == (2 if what == "x0" else value)
    assert any("step 2 of 4" in sentence for sentence in studio.sentences)


def test_a_kept_step_leads_back_to_its_run(
    qtbot: QtBot, keeping: Callable[[bool], tuple[Studio, StepSaver]]
) -> None:
    studio, keeper = keeping(True)
    studio.generate()
    studio.wait_idle()
    studio.run.select(3)
    keeper.keep()
    studio.wait(lambda: len(studio.wall.entries) == 2)
    runs = studio.models.runs
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_picture(studio.wall.entries[-1])
    assert heard.args[0].opens_at == 3


def test_a_latent_step_is_decoded_in_full_before_it_is_kept(
    keeping: Callable[[bool], tuple[Studio, StepSaver]],
) -> None:
    studio, keeper = keeping(False)
    studio.preferences.set("record_runs", False)
    studio.generate()
    studio.wait_idle()
    studio.run.set_quantity("x_t")
    studio.run.select(2)
    keeper.keep()
    studio.wait(lambda: len(studio.wall.entries) == 2)
    assert studio.engine.decoded[-1][2] == -2.0


def test_the_finished_picture_is_not_kept_twice(
    keeping: Callable[[bool], tuple[Studio, StepSaver]],
) -> None:
    studio, keeper = keeping(True)
    keeper.keep()
    studio.generate()
    studio.wait_idle()
    keeper.keep()
    assert len(studio.wall.entries) == 1
    assert "in the gallery already" in studio.sentences[-1]


def test_a_disk_that_is_full_is_told(keeping: Callable[[bool], tuple[Studio, StepSaver]]) -> None:
    studio, keeper = keeping(True)
    studio.generate()
    studio.wait_idle()
    studio.store.full = studio.store.rescue_full = True
    studio.run.select(1)
    keeper.keep()
    studio.wait(lambda: studio.sentences)
    assert "could not be kept" in studio.sentences[-1]
