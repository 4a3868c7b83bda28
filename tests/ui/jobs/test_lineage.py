"""The family of a run: found on the disk, drawn as a tree, each relative a click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.engine.requests.fork import ForkRequest
from studio.errors import StorageError
from studio.ui.core.job_state import Lineage
from studio.ui.core.thumbnails import Thumbnails
from studio.ui.jobs.lineage import Relative, family_of, places_of
from studio.ui.run import text
from studio.ui.run.lineage_view import LineagePopup
from studio.ui.theme.theme import Theme
from tests.ui.fakes import Forming, asking
from tests.ui.rooms import Studio
from tests.ui.widgets.hands import accessible_value

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
    made.close()


def forked(studio: Studio, step: int, prompt: str) -> str:
    """Fork the run that is looked at; return the fork's id."""
    job_state, picture = studio.run.viewed, studio.run.picture
    assert job_state is not None
    assert picture is not None
    start = picture.state_at(step)
    assert start is not None
    studio.session.fork(ForkRequest(request=asking(prompt), start=start), (job_state, 0))
    studio.run.go_live()
    studio.wait_idle()
    return studio.runs.runs()[0]


def test_a_family_is_listed_from_its_first_run_whichever_run_is_given(studio: Studio) -> None:
    studio.generate("a fox")
    studio.wait_idle()
    first, job_state = studio.runs.runs()[0], studio.run.viewed
    assert job_state is not None
    child = forked(studio, 2, "a wolf")
    grandchild = forked(studio, 3, "a dog")
    studio.run.watch(job_state)
    other = forked(studio, 1, "a cat")
    for run in (first, child, grandchild, other):
        family = family_of(studio.runs, studio.store.catalogue, run)
        assert [(one.run, one.depth, one.step, one.prompt) for one in family] == [
            (first, 0, None, "a fox"),
            (child, 1, 2, "a wolf"),
            (grandchild, 2, 3, "a dog"),
            (other, 1, 1, "a cat"),
        ]
        assert [one.run for one in family if one.is_this] == [run]


def test_a_deleted_parent_leaves_the_rest(studio: Studio) -> None:
    studio.generate("a fox")
    studio.wait_idle()
    first = studio.runs.runs()[0]
    child = forked(studio, 2, "a wolf")
    studio.runs.remove(first)
    (alone,) = family_of(studio.runs, studio.store.catalogue, child)
    assert (alone.run, alone.step) == (child, None)
    assert alone.entry is not None
    with pytest.raises(StorageError):
        family_of(studio.runs, studio.store.catalogue, first)


def test_the_family_is_read_in_another_thread(qtbot: QtBot, studio: Studio) -> None:
    studio.generate()
    studio.wait_idle()
    runs = studio.models.runs
    with qtbot.waitSignal(runs.family) as heard:
        runs.find_family(studio.runs.runs()[0])
    assert len(heard.args[0]) == 1


def relative(run: str, depth: int = 0, parent: str | None = None, **fields: object) -> Relative:
    step = 10 * depth if parent is not None else None
    usual = {"prompt": "a fox", "sampler": "ddim", "steps": 30, "step": step}
    return Relative(run=run, depth=depth, parent=parent, **{**usual, **fields})  # type: ignore[arg-type]


FAMILY = (
    relative("one", prompt="<b>fox</b> & \t friend", is_this=True),
    relative("two", 1, "one", prompt="x" * 200, sampler="ddpm"),
    relative("three", 2, "two", prompt=""),
    relative("four", 2, "two"),
    relative("five", 1, "one"),
)


def test_the_first_fork_lies_beside_its_parent_and_the_others_beneath() -> None:
    assert places_of(FAMILY) == {
        "one": (0, 0),
        "two": (1, 0),
        "three": (2, 0),
        "four": (2, 1),
        "five": (1, 2),
    }
    torn = (relative("one"), relative("far", 1, "gone"))
    assert places_of(torn) == {"one": (0, 0), "far": (1, 1)}


@pytest.fixture
def popup(qtbot: QtBot, qapp: QApplication) -> Iterator[LineagePopup]:
    theme, window, thumbnails = Theme(qapp, "dark"), QWidget(), Thumbnails()
    popup = LineagePopup(theme, thumbnails, window)
    qtbot.addWidget(window)
    window.resize(900, 500)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    popup.show_family(FAMILY, QPoint(700, 10))
    yield popup
    thumbnails.close()


def test_a_click_opens_a_run_and_one_on_the_shown_run_only_closes_the_tree(
    qtbot: QtBot, popup: LineagePopup
) -> None:
    tree = popup.tree
    with qtbot.waitSignal(popup.chosen) as asked:
        QTest.mouseClick(tree, Qt.MouseButton.LeftButton, pos=tree.place_of("four").center())
    assert asked.args == [FAMILY[3]]
    assert not popup.isVisible()
    popup.show_family(FAMILY, QPoint(700, 10))
    with qtbot.assertNotEmitted(popup.chosen):
        QTest.mouseClick(tree, Qt.MouseButton.LeftButton, pos=tree.place_of("one").center())
    assert not popup.isVisible()


def test_keys_move_through_the_tree_and_the_reached_run_is_announced(
    qtbot: QtBot, popup: LineagePopup
) -> None:
    tree = popup.tree
    assert accessible_value(tree) == text.relative(FAMILY[0])
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Right):
        QTest.keyClick(tree, key)
    assert accessible_value(tree) == text.relative(FAMILY[2])
    with qtbot.waitSignal(popup.chosen) as asked:
        QTest.keyClick(tree, Qt.Key.Key_Return)
    assert asked.args == [FAMILY[2]]


def test_it_closes_with_esc_its_button_or_the_loss_of_focus(
    popup: LineagePopup,
) -> None:
    field = QLineEdit(popup.window())
    field.show()
    ways = (
        lambda: QTest.keyClick(popup.tree, Qt.Key.Key_Escape),
        lambda: popup.show_family(FAMILY, QPoint(700, 10)),
        lambda: field.setFocus(),
    )
    for leave in ways:
        assert popup.isVisible()
        leave()
        assert not popup.isVisible()
        popup.show_family(FAMILY, QPoint(700, 10))


@pytest.mark.layout
def test_a_run_alone_says_how_to_fork_it(popup: LineagePopup) -> None:
    popup.hide()
    popup.show_family(FAMILY[:1], QPoint(700, 10))
    assert popup.tree.sizeHint().height() > popup.tree.place_of("one").height()
    popup.grab()


def test_a_run_that_is_opened_from_the_tree_leads_to_its_picture(qtbot: QtBot, studio: Studio) -> None:
    studio.generate()
    studio.wait_idle()
    runs = studio.models.runs
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_run(studio.runs.runs()[0])
    kept = heard.args[0].pictures[0]
    assert kept.entry.path == studio.wall.entries[-1].path
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_parent(Lineage(run=studio.runs.runs()[0], step=2))
    assert heard.args[0].opens_at == 2
    assert 0 in heard.args[0].pictures
