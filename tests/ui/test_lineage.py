"""The family of a run: found on the disk, drawn as a tree, each relative a click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint

from studio.engine.fork import ForkRequest
from studio.errors import StorageError
from studio.ui.models.lineage import Relative, family_of
from studio.ui.models.runs import RunsModel
from studio.ui.theme.theme import Theme
from studio.ui.views.lineage_menu import LineageMenu, branch
from tests.ui.fakes import Forming, asking
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    yield made
    assert made.session.close()


def forked(studio: Studio, step: int, prompt: str) -> str:
    """Fork the run that is looked at; return the fork's id."""
    course, picture = studio.run.viewed, studio.run.picture
    assert course is not None
    assert picture is not None
    start = picture.standing_at(step)
    assert start is not None
    studio.session.fork(ForkRequest(request=asking(prompt), start=start), (course, 0))
    studio.run.go_live()
    studio.wait_idle()
    return studio.runs.runs()[0]


def test_a_family_is_listed_from_its_first_run_on_whoever_asks(studio: Studio) -> None:
    studio.generate("a fox")
    studio.wait_idle()
    first, course = studio.runs.runs()[0], studio.run.viewed
    assert course is not None
    child = forked(studio, 2, "a wolf")
    grandchild = forked(studio, 3, "a dog")
    studio.run.watch(course)
    other = forked(studio, 1, "a cat")
    for run in (first, child, grandchild, other):
        family = family_of(studio.runs, run)
        assert [(one.run, one.depth, one.step, one.prompt) for one in family] == [
            (first, 0, None, "a fox"),
            (child, 1, 2, "a wolf"),
            (grandchild, 2, 3, "a dog"),
            (other, 1, 1, "a cat"),
        ]
        assert [one.run for one in family if one.is_this] == [run]


def test_a_parent_that_is_gone_leaves_the_rest(studio: Studio) -> None:
    studio.generate("a fox")
    studio.wait_idle()
    first = studio.runs.runs()[0]
    child = forked(studio, 2, "a wolf")
    studio.runs.remove(first)
    (alone,) = family_of(studio.runs, child)
    assert (alone.run, alone.step) == (child, None)
    with pytest.raises(StorageError):
        family_of(studio.runs, first)


def test_the_window_asks_in_another_thread(qtbot: QtBot, studio: Studio) -> None:
    studio.generate()
    studio.wait_idle()
    runs = RunsModel(studio.runs)
    with qtbot.waitSignal(runs.family) as heard:
        runs.find_family(studio.runs.runs()[0])
    assert len(heard.args[0]) == 1
    runs.close()


def test_the_tree_is_plain_text_and_a_relative_is_chosen(
    qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    menu = LineageMenu(Theme(qapp, "dark"))
    qtbot.addWidget(menu)
    opened: list[QPoint] = []
    monkeypatch.setattr(menu, "popup", opened.append)
    family = (
        Relative("one", 0, None, "<b>fox</b> & \t friend", "ddim", is_this=True),
        Relative("two", 1, 12, "x" * 200, "ddpm", is_this=False),
        Relative("three", 2, 20, "", "ddim", is_this=False),
    )
    menu.show_family(family, QPoint(0, 0))
    shown = [action.text() for action in menu.relatives]
    assert shown[0].startswith("<b>fox</b> && ")
    assert shown[1].startswith("└─ step 12: xxx")
    assert len(shown[1]) < 80
    assert branch(family[2]).lstrip("\u2003").startswith("└─ step 20: No prompt")
    with qtbot.waitSignal(menu.run_requested) as asked:
        list(menu.relatives)[1].trigger()
    assert asked.args == ["two"]
    menu.show_family(family[:1], QPoint(0, 0))
    assert "No forks yet" in menu.actions()[-1].text()
    assert opened == [QPoint(0, 0)] * 2
