"""The list of recorded runs: what is chosen of it, and how many may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.ui.compare.library import CompareLibrary, run_ids_of
from tests.ui.fakes import Forming
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.modeltest import ModelTester
    from pytestqt.qtbot import QtBot


@pytest.fixture
def seven(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    made.generate(count=7)
    made.wait_idle()
    yield made
    made.close()


@pytest.fixture
def library(qtbot: QtBot, seven: Studio) -> CompareLibrary:
    made = seven.models.library
    with qtbot.waitSignal(made.modelReset):
        made.reload()
    return made


def test_it_is_a_list_as_qt_wants_it(library: CompareLibrary, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(library)
    library.search("nothing of this kind")
    assert library.rowCount() == 0
    library.search("FOX fake")
    assert library.rowCount() == 7


def test_six_runs_are_chosen_at_most_and_let_go_of_again(library: CompareLibrary) -> None:
    received: list[str] = []
    library.failed.connect(received.append)
    for row in range(7):
        library.toggle(row)
    assert len(library.chosen) == 6
    assert received == ["At most 6 runs can be compared; deselect one first."]
    library.toggle(0)
    assert len(library.chosen) == 5


def test_one_run_alone_is_offered_and_two_are_opened(
    qtbot: QtBot, seven: Studio, library: CompareLibrary
) -> None:
    with qtbot.waitSignal(library.offered):
        library.open_pictures(seven.wall.entries[:1])
    assert len(library.chosen) == 1
    with qtbot.waitSignal(library.opened) as heard:
        library.open_pictures(seven.wall.entries[:2])
    assert run_ids_of(heard.args[0]) == library.chosen


def test_pictures_without_a_run_are_told_of(qtbot: QtBot, seven: Studio, library: CompareLibrary) -> None:
    seven.runs.remove(seven.runs.runs()[-1])
    with qtbot.waitSignal(library.failed) as heard:
        library.open_pictures(seven.wall.entries[:3])
    assert heard.args == ["1 of 3 pictures have no recorded run to compare."]
    with qtbot.waitSignal(library.failed) as heard:
        library.open_pictures(seven.wall.entries[:1])
    assert "no recorded run" in heard.args[0]


def test_what_cannot_be_opened_is_a_sentence(qtbot: QtBot, seven: Studio, library: CompareLibrary) -> None:
    library.choose(seven.runs.runs()[:2])
    for run in seven.runs.runs():
        (seven.runs.path(run) / "states.safetensors").unlink()
    with qtbot.waitSignal(library.failed) as heard:
        library.open()
    assert heard.args[0].startswith("A comparison needs at least two recorded runs")
