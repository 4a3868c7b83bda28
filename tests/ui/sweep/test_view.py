"""The sweep in the whole window around a scripted engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from studio.errors import RequestError, capitalised
from studio.ui.jobs.text import model_calls
from studio.ui.shell.compare_page import ComparePage
from studio.ui.sweep import text as words
from studio.ui.sweep.plan import FIELDS, parse_axis
from studio.ui.theme.metrics import RING
from tests.ui.fakes import Gate, Lockstep
from tests.ui.widgets.hands import accessible_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.sweep.grid import SweepGrid
    from tests.ui.program import MakeProgram


def cells_of(grid: SweepGrid) -> list[QImage]:
    """What is painted of each cell, with its edge."""
    image, geometry = grid.grab().toImage(), grid.geometry_of_cells
    assert geometry is not None
    ratio = image.devicePixelRatio()
    found = []
    for place in range(4):
        rect = geometry.cell_rect(place).adjusted(-RING, -RING, RING, RING)
        edges = QRectF(rect.topLeft() * ratio, rect.size() * ratio)
        found.append(image.copy(edges.toAlignedRect()))
    return found


class Sweeping:
    """A program whose page of comparisons shows the sweep."""

    def __init__(self, make_program: MakeProgram) -> None:
        self.gate = Gate()
        self.opened = make_program(Lockstep(at={(0, 2): self.gate}))
        self.program, self.engine = self.opened.program, self.opened.engine
        page = self.opened.page("compare")
        assert isinstance(page, ComparePage)
        self.page, self.view, self.model = page, page.sweep, self.program.models.sweep
        QTest.mouseClick(page.view.setup.sweep, Qt.MouseButton.LeftButton)

    def set_axes(self, across: str, down: str) -> None:
        for axis, text in ((self.view.across, across), (self.view.down, down)):
            axis.values.selectAll()
            QTest.keyClicks(axis.values, text)

    def finish(self) -> None:
        self.gate.open()
        self.opened.wait(lambda: not self.model.running)
        self.opened.finish()


@pytest.fixture
def sweeping(make_program: MakeProgram) -> Iterator[Sweeping]:
    sweeping = Sweeping(make_program)
    yield sweeping
    sweeping.gate.open()


def test_every_cell_is_made_without_changing_the_shown_runs(qtbot: QtBot, sweeping: Sweeping) -> None:
    sweeping.set_axes("4, 5, 6, 7", "1, 2")
    cells = sweeping.model.plan(sweeping.view.across.axis(), sweeping.view.down.axis())
    assert len(cells) == 8
    assert sweeping.view.note.text() == words.plan(8, sum(map(model_calls, cells)))
    QTest.mouseClick(sweeping.view.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(sweeping.gate.reached.is_set)
    assert sweeping.view.stop.isVisible()
    assert sweeping.program.window.focusWidget() is sweeping.view.grid
    assert not sweeping.view.start_button.isEnabled()
    sweeping.finish()
    assert sweeping.model.finished == 8
    assert [len(take.runs) for take in sweeping.engine.takes] == [4, 4]
    assert sweeping.program.models.compare.job_state is None
    assert len(list(sweeping.program.models.folders.outputs.rglob("*.png"))) == 8
    assert not sweeping.view.stop.isVisible()


def test_the_grid_shows_each_cell_in_its_place(sweeping: Sweeping) -> None:
    sweeping.set_axes("4, 5", "1, 2, 3")
    sweeping.program.window.pages.start()
    sweeping.finish()
    grid = sweeping.view.grid
    middles = [grid.centre_of(place).toPoint() for place in range(6)]
    assert len({point.x() for point in middles}) == 2
    image = grid.grab().toImage()
    assert [image.pixelColor(point).red() for point in middles] == [
        100,
        101,
        102,
        103,
        104,
        105,
    ]


def test_before_the_first_sweep_the_page_says_what_it_would_make(sweeping: Sweeping) -> None:
    view, form = sweeping.view, sweeping.program.models.form
    assert view.empty.isVisible()
    assert not view.grid.isVisible()
    form.edit(prompt="an owl", seed=5)
    cells = sweeping.model.plan(view.across.axis(), view.down.axis())
    assert view.empty.how.text() == words.empty("an owl")
    assert view.facts.text() == words.facts(cells[0], ("steps", "guidance"))
    sweeping.set_axes("4, 5", "1, 2")
    view.start()
    assert view.grid.isVisible()
    assert not view.empty.isVisible()
    sweeping.finish()
    form.edit(seed=6)
    assert view.facts.text() == words.facts(cells[0], ("steps", "guidance")), "still what is shown"


def test_stop_ends_the_whole_sweep(qtbot: QtBot, sweeping: Sweeping) -> None:
    sweeping.set_axes("4, 5, 6, 7", "1, 2")
    sweeping.view.start()
    qtbot.waitUntil(sweeping.gate.reached.is_set)
    QTest.mouseClick(sweeping.view.stop, Qt.MouseButton.LeftButton)
    sweeping.finish()
    assert len(sweeping.engine.takes) == 1


@pytest.mark.parametrize("across", ["", "4, x", "0, 4"])
def test_an_impossible_sweep_is_reported_and_cannot_be_started(sweeping: Sweeping, across: str) -> None:
    plan = sweeping.view.note.text()
    sweeping.set_axes(across, "1, 2")
    if not across:
        QTest.keyClick(sweeping.view.across.values, Qt.Key.Key_Backspace)
        sweeping.view.across.values.clear()
        sweeping.view.across.edited.emit()
    with pytest.raises(RequestError) as caught:
        sweeping.model.plan(sweeping.view.across.axis(), sweeping.view.down.axis())
    assert sweeping.view.note.text() == capitalised(caught.value.message) != plan
    assert not sweeping.view.start_button.isEnabled()
    sweeping.view.start()
    assert not sweeping.model.running


def test_a_setting_brings_its_usual_values_and_cannot_be_on_both_axes(sweeping: Sweeping) -> None:
    axis = sweeping.view.down
    axis.setting.set_value("steps")
    axis.setting.edited.emit("steps")
    assert axis.values.text() == FIELDS["steps"].usual
    with pytest.raises(RequestError) as caught:
        sweeping.model.plan(sweeping.view.across.axis(), axis.axis())
    assert sweeping.view.note.text() == capitalised(caught.value.message)


def test_the_sweep_is_saved_as_one_labelled_picture(
    qtbot: QtBot, sweeping: Sweeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not sweeping.view.save.isVisible()
    sweeping.set_axes("4, 5", "1, 2")
    sweeping.view.start()
    sweeping.finish()
    received: list[str] = []
    sweeping.program.models.notices.posted.connect(lambda notice: received.append(notice.sentence))
    path = tmp_path / "sweep.png"
    monkeypatch.setattr("studio.ui.jobs.sheet_writer.QFileDialog.getSaveFileName", lambda *_: (str(path), ""))
    QTest.mouseClick(sweeping.view.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(received))
    assert [str(path) in sentence for sentence in received] == [True]
    assert QImage(str(path)).width() > 2 * 256


def test_back_leads_to_the_runs(sweeping: Sweeping) -> None:
    QTest.mouseClick(sweeping.view.back, Qt.MouseButton.LeftButton)
    assert sweeping.page.currentWidget() is sweeping.page.view


def test_two_cells_are_chosen_and_lie_side_by_side(qtbot: QtBot, sweeping: Sweeping) -> None:
    sweeping.set_axes("4, 5", "1, 2")
    sweeping.view.start()
    sweeping.finish()
    grid, view = sweeping.view.grid, sweeping.view
    assert not view.compare.isEnabled()
    before = cells_of(grid)
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.centre_of(0).toPoint())
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Space):
        QTest.keyClick(grid, key)
    assert accessible_value(grid) == words.cell_name(("Steps", "5"), ("Guidance", "2"))
    assert sweeping.model.chosen == (0, 3)
    after = cells_of(grid)
    assert [before[place] != after[place] for place in range(4)] == [True, False, False, True]
    QTest.mouseClick(view.compare, Qt.MouseButton.LeftButton)
    compare = sweeping.program.models.compare
    qtbot.waitUntil(lambda: compare.job_state is not None and compare.job_state.over)
    assert compare.job_state is not None
    assert [request.steps for request in compare.job_state.requests] == [4, 5]
    assert sweeping.page.currentWidget() is sweeping.page.view


def test_only_the_visible_cells_of_a_large_sweep_are_read(qtbot: QtBot, sweeping: Sweeping) -> None:
    model, view = sweeping.model, sweeping.view
    across = parse_axis("steps", ", ".join(map(str, range(1, 33))))
    down = parse_axis("seed", ", ".join(map(str, range(1, 33))))
    asked: set[int] = set()
    model.picture = lambda place: asked.add(place)  # type: ignore[method-assign]
    model.start(across, down)
    view.grid.viewport().repaint()
    assert 0 < len(asked) < 300
    assert view.grid.verticalScrollBar().maximum() > 0
    asked.clear()
    view.grid.setFocus()
    for _ in range(31):
        QTest.keyClick(view.grid, Qt.Key.Key_Down)
        QTest.keyClick(view.grid, Qt.Key.Key_Right)
    view.grid.viewport().repaint()
    assert 1023 in asked
    room = view.grid.geometry_of_cells.cell_rect(1023)  # type: ignore[union-attr]
    assert view.grid.viewport().rect().contains(room.toRect().center())


def test_a_sweep_is_restored_at_the_next_start(
    qtbot: QtBot, make_program: MakeProgram, sweeping: Sweeping
) -> None:
    sweeping.set_axes("4, 5, 6, 7", "1, 2")
    sweeping.view.start()
    qtbot.waitUntil(sweeping.gate.reached.is_set)
    sweeping.gate.open()
    qtbot.waitUntil(lambda: sweeping.model.finished >= 4)
    QTest.mouseClick(sweeping.view.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: sweeping.program.models.queue.rowCount() == 0)
    there = sweeping.model.finished
    sweeping.program.close()
    later = Sweeping(make_program)
    later.gate.open()
    qtbot.waitUntil(lambda: later.model.count == 8)
    assert later.model.finished == there
    fields = later.view.across, later.view.down
    assert [field.values.text() for field in fields] == ["4, 5, 6, 7", "1, 2"]
    if there < 8:
        QTest.mouseClick(later.view.resume, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: later.model.finished == 8, timeout=8000)
        later.finish()
        assert sum(len(take.runs) for take in later.engine.takes) == 8 - there
    later.program.close()
