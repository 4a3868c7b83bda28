"""A comparison in the whole window around a scripted engine: from one click to the last picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.diffusion.samplers import COMPARED
from studio.ui.compare import text as words
from studio.ui.shell.compare_page import ComparePage
from studio.ui.shell.main_window import SMALLEST
from studio.ui.theme.metrics import RAIL
from tests.ui.fakes import FakeEngine, Forming, Gate, Lockstep

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from studio.ui.app import Program
    from studio.ui.compare.canvas import Mode
    from studio.ui.compare.page import CompareView
    from tests.ui.program import MakeProgram

    Opened = Callable[[FakeEngine], Program]

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def opened(make_program: MakeProgram) -> Opened:
    def open_(engine: FakeEngine) -> Program:
        program = make_program(engine=engine)
        program.page("compare")
        return program.program

    return open_


def page_of(program: Program) -> CompareView:
    page = program.window.pages.currentWidget()
    assert isinstance(page, ComparePage)
    return page.view


def test_one_click_compares_all_samplers_live_and_keeps_the_pictures(qtbot: QtBot, opened: Opened) -> None:
    gate = Gate()
    program = opened(FakeEngine(Lockstep(at={(0, 3): gate})))
    page = page_of(program)
    QTest.mouseClick(page.setup.all_samplers, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(gate.reached.is_set)
    canvas = page.runs.canvas
    steps = program.models.form.values.steps

    def at_step(step: int) -> bool:
        return [round(card.fraction * steps) for card in canvas.cards] == [step] * len(COMPARED)

    qtbot.waitUntil(lambda: at_step(2))
    QTest.keyClick(canvas, Qt.Key.Key_Home)
    assert at_step(1)
    gate.open()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    assert len(page.runs.results.table.texts) == len(COMPARED)
    assert program.models.reference.current is not None
    assert program.models.reference.current.done is not None
    assert len(list(program.models.folders.outputs.rglob("*.png"))) == len(COMPARED)


def test_control_enter_compares_on_the_page_and_generates_elsewhere(qtbot: QtBot, opened: Opened) -> None:
    engine = FakeEngine(Lockstep())
    program = opened(engine)
    QTest.keyClick(page_of(program), Qt.Key.Key_Return, CONTROL)
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    assert len(engine.takes[0].runs) == len(COMPARED)
    assert page_of(program).isVisible()
    QTest.keyClick(program.window, Qt.Key.Key_1, CONTROL)
    QTest.keyClick(program.window, Qt.Key.Key_Return, CONTROL)
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    assert len(engine.takes[1].runs) == 1


def test_escape_and_cancel_stop_the_runs(qtbot: QtBot, opened: Opened) -> None:
    gates = Gate(), Gate()
    program = opened(FakeEngine(*(Lockstep(at={(0, 2): gate}) for gate in gates)))
    page = page_of(program)
    page.start()
    qtbot.waitUntil(gates[0].reached.is_set)
    QTest.keyClick(page.runs.canvas, Qt.Key.Key_Escape)
    gates[0].open()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    assert program.models.compare.job_state is not None
    assert program.models.compare.job_state.phase == "cancelled"
    page.start()
    qtbot.waitUntil(gates[1].reached.is_set)
    QTest.mouseClick(page.head.cancel, Qt.MouseButton.LeftButton)
    gates[1].open()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    assert program.models.compare.job_state.phase == "cancelled"


def test_control_t_looks_at_the_other_side_of_what_is_open(opened: Opened) -> None:
    program = opened(FakeEngine())
    QTest.keyClick(page_of(program), Qt.Key.Key_T, CONTROL)
    assert (program.models.compare.quantity, program.models.run.quantity) == ("x_t", "x0")
    QTest.keyClick(program.window, Qt.Key.Key_1, CONTROL)
    QTest.keyClick(program.window, Qt.Key.Key_T, CONTROL)
    assert (program.models.compare.quantity, program.models.run.quantity) == ("x_t", "x_t")


def test_a_comparison_that_ran_unseen_is_there_when_the_page_is_opened_again(
    qtbot: QtBot, opened: Opened
) -> None:
    program = opened(FakeEngine(Lockstep()))
    page = page_of(program)
    page.start()
    QTest.keyClick(program.window, Qt.Key.Key_3, CONTROL)
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    QTest.keyClick(program.window, Qt.Key.Key_2, CONTROL)
    assert len(page.runs.canvas.cards) == len(COMPARED)


@pytest.mark.layout
@pytest.mark.parametrize("mode", [key for key, *_ in words.modes()])
def test_every_layout_fits_the_smallest_window(qtbot: QtBot, opened: Opened, mode: Mode) -> None:
    program = opened(FakeEngine(Lockstep()))
    page = page_of(program)
    page.start()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    page.set_mode(mode)
    for shown in (True, False):
        page.show_setup(shown)
        QApplication.processEvents()
        smallest = page.minimumSizeHint()
        assert smallest.width() <= SMALLEST[0] - RAIL
        assert smallest.height() <= SMALLEST[1] - program.window.status.height()
    program.window.setMinimumSize(*SMALLEST)
    program.window.resize(*SMALLEST)
    program.models.compare.select(1)
    bar = page.runs.bar
    qtbot.waitUntil(lambda: bar.pill.isVisible() and bar.width() < SMALLEST[0])
    QApplication.processEvents()
    for segment in (*bar.alignment.segments.values(), *bar.quantity.segments.values()):
        assert segment.width() >= segment.sizeHint().width()


@pytest.mark.layout
def test_the_smallest_window_keeps_the_results_back_until_they_are_wanted(
    qtbot: QtBot, opened: Opened
) -> None:
    program = opened(FakeEngine(Lockstep()))
    page, window = page_of(program), program.window
    window.setMinimumSize(*SMALLEST)
    window.resize(*SMALLEST)
    page.start()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    results, canvas = page.runs.results, page.runs.canvas
    assert not results.isVisible()
    assert not page.head.results.isChecked()

    def side() -> float:
        area = canvas.picture_rects()[0]
        return min(area.width(), area.height())

    alone = side()
    assert alone > 2 / 3 * canvas.width() / len(COMPARED)
    window.resize(SMALLEST[0], 2 * SMALLEST[1])
    qtbot.waitUntil(results.isVisible)
    window.resize(*SMALLEST)
    qtbot.waitUntil(lambda: not results.isVisible())
    QTest.mouseClick(page.head.results, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(results.isVisible)
    qtbot.waitUntil(lambda: side() < alone / 2)


@pytest.mark.layout
def test_in_the_smallest_window_the_settings_take_the_place_of_the_runs(qtbot: QtBot, opened: Opened) -> None:
    program = opened(FakeEngine(Lockstep()))
    page, window = page_of(program), program.window
    window.setMinimumSize(*SMALLEST)
    window.resize(*SMALLEST)
    page.start()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    page.runs.canvas.setFocus()
    page.head.setup.click()
    assert not page.runs.isVisible()
    assert page.setup.start.hasFocus()
    qtbot.waitUntil(lambda: page.setup.height() == page.height() - page.head.height())
    QTest.keyClick(page.setup.start, Qt.Key.Key_W)
    assert page.runs.isVisible()
    assert page.runs.canvas.mode == "wipe"
    assert not page.setup.isVisible()
    window.resize(2 * SMALLEST[0], 2 * SMALLEST[1])
    QTest.mouseClick(page.head.setup, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.runs.isVisible)
    assert page.setup.isVisible()


def test_control_z_undoes_in_the_columns_and_control_y_makes_it_again(opened: Opened) -> None:
    program = opened(FakeEngine())
    page = page_of(program)
    QTest.mouseClick(page.setup.views[3].remove, Qt.MouseButton.LeftButton)
    columns = program.window.pages.currentWidget().columns
    assert len(columns.columns) == len(COMPARED) - 1
    QTest.keyClick(program.window, Qt.Key.Key_Z, CONTROL)
    assert len(columns.columns) == len(COMPARED)
    assert page.setup.views[3].isVisible()
    QTest.keyClick(program.window, Qt.Key.Key_Y, CONTROL)
    assert len(columns.columns) == len(COMPARED) - 1


def test_the_window_says_how_far_batching_took_the_runs(qtbot: QtBot, opened: Opened) -> None:
    program = opened(FakeEngine(Lockstep(), *[Forming()] * len(COMPARED), Lockstep()))
    page = page_of(program)
    page.start()
    qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
    error, bar = program.models.batching_error, page.runs.results.bar
    qtbot.waitUntil(lambda: error.current.status == "measured")
    assert max(error.current.differences) == pytest.approx(0)
    assert bar.status.text() == words.batching_error(error.current)[0]
    assert page.runs.results.table.texts[0][-1] == "0"
    program.window.pages.currentWidget().columns.set_batched(False)
    page.start()
    qtbot.waitUntil(lambda: error.current.status == "exact")
    assert bar.status.text() == words.batching_error(error.current)[0]
    assert not bar.measure.isVisible()
