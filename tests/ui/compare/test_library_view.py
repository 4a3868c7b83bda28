"""Recorded runs in the whole window: selected in their list, the gallery or the canvas, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.ui.compare import library_view
from studio.ui.compare import text as words
from studio.ui.compare.library import PlaceRole, RunRole
from studio.ui.shell.compare_page import ComparePage
from studio.ui.shell.main_window import SMALLEST
from tests.ui.fakes import Forming

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.gallery.index import Entry
    from studio.ui.compare.page import CompareView
    from tests.ui.program import MakeProgram

CONTROL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


class Room:
    """The window with three runs made, of three prompts."""

    def __init__(self, make_program: MakeProgram) -> None:
        self._opened = make_program(Forming(pixels=True))
        self.program, self.window, self.models = (
            self._opened.program,
            self._opened.window,
            self._opened.models,
        )
        for prompt in ("a fox", "a cat", "a dog"):
            self.make(prompt)

    def make(self, prompt: str) -> None:
        self.models.form.edit(prompt=prompt, steps=4)
        self.window.generate()
        self.wait(lambda: self.models.queue.rowCount() == 0)

    def wait(self, condition: Callable[[], object]) -> None:
        self._opened.wait(condition)

    @property
    def received(self) -> list[str]:
        return [notice.sentence for notice in self._opened.notices]

    @property
    def page(self) -> CompareView:
        page = self.window.pages.currentWidget()
        assert isinstance(page, ComparePage)
        return page.view

    def compared(self) -> list[str]:
        """The prompts of what lies side by side."""
        job_state = self.models.compare.job_state
        return [request.prompt for request in job_state.requests] if job_state is not None else []

    def card(self, prompt: str) -> QPoint:
        """Where the card of a run is."""
        cards = self.page.library.list
        for row in range(self.models.library.rowCount()):
            index = self.models.library.index(row)
            if index.data(RunRole).request.prompt == prompt:
                return cards.visualRect(index).center()
        raise AssertionError(prompt)

    def choose(self, *prompts: str) -> None:
        for prompt in prompts:
            QTest.mouseClick(self.page.library.list.viewport(), LEFT, pos=self.card(prompt))


@pytest.fixture
def room(make_program: MakeProgram) -> Room:
    return Room(make_program)


def opened(room: Room) -> CompareView:
    QTest.keyClick(room.window, Qt.Key.Key_2, CONTROL)
    QTest.mouseClick(room.page.setup.recorded, LEFT)
    room.wait(lambda: room.models.library.rowCount() == 3)
    return room.page


def test_runs_are_chosen_from_their_list_and_laid_side_by_side(room: Room) -> None:
    page = opened(room)
    assert not page.setup.isVisible()
    room.choose("a fox", "a dog")
    QTest.mouseClick(page.library.start, LEFT)
    room.wait(lambda: room.compared() == ["a fox", "a dog"])
    assert page.runs.isVisible()
    assert page.runs.results.isVisible()
    assert not page.library.isVisible()
    assert [card.fraction for card in page.runs.canvas.cards] == pytest.approx([1, 1])
    assert page.head.title.text() == words.title(room.models.compare.job_state)
    assert len(set(room.models.compare.hashes)) == 1
    assert page.head.noise.isVisible()
    QTest.keyClick(page.runs.canvas, Qt.Key.Key_Home)
    assert [run.shown.step for run in room.models.compare.runs()] == [0, 0]
    assert [card.fraction for card in page.runs.canvas.cards] == pytest.approx([0, 0])
    assert "a fox" in page.runs.canvas.cards[0].name


def test_another_recorded_run_joins_those_that_are_compared(room: Room) -> None:
    page = opened(room)
    room.choose("a fox", "a dog")
    QTest.mouseClick(page.library.start, LEFT)
    room.wait(lambda: len(room.compared()) == 2)
    QTest.mouseClick(page.head.library, LEFT)
    room.wait(lambda: page.library.list.isVisible() and room.models.library.rowCount() == 3)
    room.choose("a cat")
    QTest.mouseClick(page.library.start, LEFT)
    room.wait(lambda: room.compared() == ["a fox", "a dog", "a cat"])


def test_the_keyboard_searches_chooses_and_compares(room: Room) -> None:
    page = opened(room)
    QTest.keyClicks(page.library.search, "a DoG")
    QTest.keyClick(page.library.search, Qt.Key.Key_Down)
    assert room.models.library.rowCount() == 1
    QTest.keyClick(page.library.list, Qt.Key.Key_Space)
    page.library.search.clear()
    page.library.search.setFocus()
    QTest.keyClick(page.library.search, Qt.Key.Key_Down)
    page.library.list.setCurrentIndex(room.models.library.index(2))
    QTest.keyClick(page.library.list, Qt.Key.Key_Space)
    assert [room.models.library.index(row).data(PlaceRole) for row in range(3)] == [0, None, 1]
    QTest.keyClick(page.library.list, Qt.Key.Key_Return)
    room.wait(lambda: room.compared() == ["a dog", "a fox"])


def test_a_run_whose_steps_were_deleted_is_refused_with_the_reason(room: Room) -> None:
    oldest = room.models.runs.store.runs()[-1]
    (room.models.runs.store.path(oldest) / "states.safetensors").unlink()
    page = opened(room)
    room.choose("a fox")
    assert room.models.library.chosen == ()
    assert room.received[-1] == words.not_comparable(1, words.steps_deleted())
    assert not page.library.start.isEnabled()


def test_pictures_of_the_gallery_are_compared_by_their_menu(room: Room) -> None:
    room.window.pages.open("gallery")
    room.wait(lambda: room.models.gallery.pictures == 3)
    entries: list[Entry] = []
    room.models.gallery.read_entries([0, 2], entries.extend)
    room.wait(lambda: len(entries) == 2)
    room.models.library.open_pictures(entries)
    room.wait(lambda: len(room.compared()) == 2)
    assert room.page.isVisible()


def test_the_shown_run_can_be_compared(room: Room) -> None:
    QTest.mouseClick(room.window.pages.create_page.canvas.action_row.compare, LEFT)
    assert room.page.library.isVisible()
    assert room.models.library.chosen == room.models.runs.store.runs()[:1]


def test_a_running_comparison_is_kept_while_recorded_runs_are_shown(room: Room) -> None:
    QTest.keyClick(room.window, Qt.Key.Key_2, CONTROL)
    room.page.start()
    room.wait(lambda: room.models.queue.rowCount() == 0)
    live = room.models.compare.job_state
    room.models.library.open_runs(room.models.runs.store.runs()[-2:])
    room.wait(lambda: room.models.compare.job_state is not live)
    assert room.models.compare.newest is live


def test_ctrl_enter_compares_the_selected_runs_and_esc_closes_the_list(room: Room) -> None:
    page = opened(room)
    QTest.keyClick(room.window, Qt.Key.Key_Escape)
    assert not page.library.isVisible()
    page.open_library()
    room.choose("a fox", "a dog")
    QTest.keyClick(page.library.list, Qt.Key.Key_S)
    QTest.keyClick(room.window, Qt.Key.Key_Return, CONTROL)
    room.wait(lambda: room.compared() == ["a fox", "a dog"])
    assert room.models.queue.rowCount() == 0


@pytest.mark.layout
def test_the_list_fits_the_smallest_window(room: Room) -> None:
    page = opened(room)
    assert page.minimumSizeHint().width() <= SMALLEST[0]
    room.choose("a fox", "a dog")
    QTest.mouseClick(page.library.start, LEFT)
    room.wait(lambda: len(room.compared()) == 2)
    page.show_library(True)
    QApplication.processEvents()
    assert page.minimumSizeHint().height() <= SMALLEST[1] - room.window.status.height()


@pytest.mark.layout
def test_a_long_list_covers_no_picture_in_the_smallest_window(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(room)
    room.choose("a fox", "a dog")
    QTest.mouseClick(page.library.start, LEFT)
    room.wait(lambda: len(room.compared()) == 2)
    monkeypatch.setattr(library_view, "WIDTH", SMALLEST[0])
    monkeypatch.setattr(library_view, "ROW", 120)
    room.window.resize(*SMALLEST)
    page.show_library(True)
    QApplication.processEvents()
    assert page.library.sizeHint().height() > page.library.height()
    assert page.library.geometry().bottom() < page.runs.geometry().top()
    assert page.runs.height() >= page.runs.minimumSizeHint().height()
