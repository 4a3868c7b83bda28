"""The whole window around a scripted engine: what an artist does with mouse and keys, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from studio.engine.events import EngineReport
from studio.errors import CheckpointError
from studio.gallery.store import PictureStore
from studio.ui.gallery.text import verify_button
from studio.ui.gallery.viewer_panel import ViewerVerify
from studio.ui.run import text as run_text
from studio.ui.shell import text as shell_text
from studio.ui.shell.create_page import NARROW
from studio.ui.shell.main_window import SMALLEST
from tests.gallery.samples import metadata
from tests.ui.fakes import Forming, Gate, drop

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakeProgram


# ------------------------------------------------------------------------------------------------------ first start
def test_at_the_first_start_generate_works_at_once(make_program: MakeProgram) -> None:
    hand = make_program()
    assert QApplication.focusWidget() is hand.window.pages.create_page.form.texts.prompt.editor
    hand.generate()
    hand.finish()
    assert hand.prompts == [hand.models.form.values.prompt] != [""]
    assert hand.models.run.viewed is not None
    assert hand.models.run.viewed.phase == "done"


def test_typing_replaces_the_suggested_prompt(make_program: MakeProgram) -> None:
    hand = make_program()
    QTest.keyClicks(QApplication.focusWidget(), "two cats")
    hand.generate()
    hand.finish()
    assert hand.prompts == ["two cats"]


# ------------------------------------------------------------------------------------------------------------- jobs
def test_a_picture_is_in_the_gallery_when_it_is_done(make_program: MakeProgram, qtbot: QtBot) -> None:
    hand = make_program()
    hand.generate()
    hand.finish()
    qtbot.waitUntil(lambda: hand.models.gallery.rowCount() == 1)
    assert PictureStore.of(hand.models.folders).catalogue.count() == 1


def test_jobs_run_in_the_order_in_which_they_were_added(make_program: MakeProgram, qtbot: QtBot) -> None:
    gate = Gate()
    hand = make_program(Forming(at={(0, 1): gate}), Forming())
    for text in ("one", "two", "three"):
        hand.models.form.edit(prompt=text)
        hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    assert [job.request.prompt for job in hand.models.queue.waiting] == ["two", "three"]
    hand.models.queue.move(hand.models.queue.waiting[1], 0)
    gate.open()
    hand.finish()
    assert hand.prompts == ["one", "three", "two"]


def test_escape_stops_the_running_job_and_the_next_one_runs(make_program: MakeProgram, qtbot: QtBot) -> None:
    gate = Gate()
    hand = make_program(Forming(at={(0, 2): gate}), Forming())
    hand.generate()
    hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    hand.press(Qt.Key.Key_Escape)
    viewed = hand.models.run.viewed
    assert viewed is not None
    assert hand.window.pages.create_page.canvas.time_left == run_text.time_left(viewed) != ""
    gate.open()
    hand.finish()
    assert hand.engine.takes[0].calls_after_cancel <= 1
    assert len(hand.prompts) == 2


def test_a_failed_job_is_reported_on_the_canvas_and_the_next_one_runs(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    error = CheckpointError("/models/broken", "is truncated; get it again")
    hand = make_program(Forming(at={"load": error}, loads=True), Forming())
    hand.generate()
    hand.finish()
    said = "\n".join(label.text() for label in hand.window.findChildren(QLabel) if label.isVisible())
    assert str(error) in said
    hand.generate()
    hand.finish()
    assert hand.models.run.viewed is not None
    assert hand.models.run.viewed.phase == "done"


def test_the_queue_is_opened_emptied_and_closed_with_keys(make_program: MakeProgram, qtbot: QtBot) -> None:
    gate = Gate()
    hand = make_program(Forming(at={(0, 1): gate}), Forming())
    for _ in range(3):
        hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    hand.press(Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    panel = hand.window.overlays.queue
    assert panel.isVisible()
    panel.list.setCurrentIndex(hand.models.queue.index(2))
    QTest.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert panel.list.currentIndex().row() == 1
    QTest.keyClick(panel.list, Qt.Key.Key_Delete)
    assert len(hand.models.queue.waiting) == 1
    hand.press(Qt.Key.Key_Escape)
    assert not panel.isVisible()
    assert hand.models.queue.running is not None, "Escape closed the panel and nothing else"
    gate.open()
    hand.finish()


# --------------------------------------------------------------------------------------------------------- settings
def test_undo_and_redo_work_in_the_form(make_program: MakeProgram) -> None:
    hand = make_program()
    hand.models.form.edit(steps=12)
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert hand.models.form.values.steps == 30
    hand.press(Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert hand.models.form.values.steps == 12


def test_undo_restores_deleted_pictures_on_the_page_where_they_were_deleted(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    hand = make_program()
    for prompt in ("one", "two"):
        hand.models.form.edit(prompt=prompt)
        hand.generate()
        hand.finish()
    gallery = hand.models.gallery
    qtbot.waitUntil(lambda: gallery.rowCount() == 2 and gallery.entry_at(1) is not None)
    hand.window.pages.open("gallery")
    for left in (1, 0):
        with qtbot.waitSignal(gallery.notices.posted):
            gallery.trash([gallery.entry_at(0)])
        qtbot.waitUntil(lambda left=left: gallery.rowCount() == left)
    undo = hand.window.actions_by_name["undo"]  # with no tile left, offscreen no widget has the keyboard
    for there in (1, 2):
        undo.trigger()
        qtbot.waitUntil(lambda there=there: gallery.rowCount() == there)
    assert hand.models.form.values.prompt == "two", "the form was not at hand"
    undo.trigger()
    assert gallery.rowCount() == 2


def test_a_job_removed_from_the_queue_returns_to_its_place(make_program: MakeProgram, qtbot: QtBot) -> None:
    gate = Gate()
    hand = make_program(Forming(at={(0, 1): gate}), Forming())
    for prompt in ("one", "two", "three"):
        hand.models.form.edit(prompt=prompt)
        hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    hand.program.session.cancel_job(hand.models.queue.waiting[0])
    assert [job.request.prompt for job in hand.models.queue.waiting] == ["three"]
    assert hand.window.overlays.board.undo()
    assert [job.request.prompt for job in hand.models.queue.waiting] == ["two", "three"]
    assert not hand.window.overlays.board.undo()
    gate.open()
    hand.finish()


def test_generate_goes_live_when_nothing_runs_whatever_was_shown(make_program: MakeProgram) -> None:
    hand = make_program()
    hand.generate()
    hand.finish()
    hand.models.run.select(1)
    first = hand.models.run.viewed
    hand.generate()
    hand.finish()
    assert hand.models.run.live
    assert hand.models.run.viewed is not first


def test_a_notice_with_undo_is_shown_before_an_error_that_stays(make_program: MakeProgram) -> None:
    hand = make_program()
    toast = hand.window.overlays.toast
    error, undoable = "No file manager is there.", "Moved to the trash."
    hand.models.notices.post(error, kind="error")
    hand.models.notices.post(undoable, action="Undo")
    assert toast.accessibleName() == undoable
    toast.close_button.click()
    assert toast.accessibleName() == error


def test_a_dropped_picture_fills_the_form_and_starts_nothing(
    make_program: MakeProgram, tmp_path: Path
) -> None:
    kept = PictureStore(tmp_path / "elsewhere", tmp_path / "other").add(
        np.zeros((64, 64, 3), np.uint8), metadata("a blue whale", seed=77)
    )
    hand = make_program()
    before = hand.models.form.values.prompt
    drop(hand.window, kept.path)
    hand.wait(lambda: hand.models.form.values.seed == 77)
    values = hand.models.form.values
    assert (values.prompt, values.seed, values.guidance) == (kept.metadata.request["prompt"], 77, 4.0)
    assert hand.engine.takes == []
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert hand.models.form.values.prompt == before


def test_a_dropped_file_of_another_kind_is_reported_in_one_sentence(
    make_program: MakeProgram, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    hand = make_program()
    drop(hand.window, tmp_path / "notes.png")
    hand.wait(lambda: hand.notices)
    assert len(hand.notices) == 1
    assert hand.notices[0].sentence.endswith(".")


def test_the_settings_of_a_picture_in_the_gallery_fill_the_form(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    hand = make_program()
    hand.models.form.edit(prompt="a castle", steps=7, seed=5)
    hand.generate()
    hand.finish()
    hand.models.form.edit(prompt="something else", steps=30)
    qtbot.waitUntil(lambda: hand.models.gallery.rowCount() == 1)
    entry = hand.models.gallery.entry_at(0)
    assert entry is not None
    stack = hand.window.pages.create_page.stack
    stack.open(entry)
    assert stack.is_large
    use = next(b for b in stack.large.findChildren(QAbstractButton) if b.text() == "Use these settings")
    QTest.mouseClick(use, Qt.MouseButton.LeftButton)
    values = hand.models.form.values
    assert (values.prompt, values.steps, values.seed) == ("a castle", 7, 5)
    assert not stack.is_large


def test_esc_closes_an_open_picture_and_the_job_continues(make_program: MakeProgram, qtbot: QtBot) -> None:
    gate = Gate()
    hand = make_program(Forming(), Forming(at={(0, 1): gate}))
    hand.generate()
    hand.finish()
    qtbot.waitUntil(lambda: hand.models.gallery.rowCount() == 1)
    entry = hand.models.gallery.entry_at(0)
    hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    stack = hand.window.pages.create_page.stack
    stack.open(entry)
    hand.press(Qt.Key.Key_Escape)
    assert not stack.is_large
    assert not hand.models.queue.running.cancelled.is_set()
    gate.open()
    hand.finish()


# ----------------------------------------------------------------------------------------------- between starts
def test_the_forms_values_are_there_at_the_next_start(make_program: MakeProgram) -> None:
    first = make_program()
    first.models.form.edit(prompt="a violin", steps=17, sampler="langevin")
    first.program.close()
    first.window.close()
    second = make_program()
    values = second.models.form.values
    assert (values.prompt, values.steps, values.sampler) == ("a violin", 17, "langevin")


def test_a_broken_settings_file_is_reported_and_stops_nothing(
    make_program: MakeProgram, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "window.json").write_text("{ broken")
    hand = make_program()
    qtbot.waitUntil(lambda: bool(hand.notices))
    assert hand.notices[0].kind == "warn"


# ------------------------------------------------------------------------------------------------ device and faults
def test_a_graphics_card_that_cannot_be_used_gets_a_banner_with_the_way_to_mend_it(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    sentence = "This machine has an NVIDIA GPU, but torch cannot use it; install the build that fits it."
    report = EngineReport(device="cpu (x)", dtype="float32", unused_gpu=sentence)
    hand = make_program(report=report)
    hand.program.session.warm_up()
    qtbot.waitUntil(lambda: hand.window.banners.banner is not None)
    assert shell_text.device(report.device, report.dtype) in hand.window.status.device_text
    banner = hand.window.banners.banner
    qtbot.waitUntil(banner.isVisible)
    assert any(label.text() == sentence for label in banner.findChildren(QLabel))


def test_an_error_stays_until_it_is_closed_and_later_notices_wait(make_program: MakeProgram) -> None:
    hand = make_program()
    notices, toast = hand.models.notices, hand.window.overlays.toast
    full = "The disk is full."
    notices.post("Noticed in passing.")
    notices.post(full, kind="error", action="Retry")
    for sentence in ("One more.", "One more.", "Another error.", full):
        notices.post(sentence, kind="error" if "error" in sentence else "info")
    assert toast.accessibleName() == full
    seen = []
    while toast.isVisible():
        toast.close_button.click()
        seen.append(toast.accessibleName() if toast.isVisible() else "")
    assert seen == ["One more.", "Another error.", ""]


@pytest.mark.layout
def test_a_notice_covers_neither_the_steps_nor_their_buttons(make_program: MakeProgram) -> None:
    hand = make_program()
    hand.generate()
    hand.finish()
    hand.models.notices.post("Kept in the gallery.")
    toast = hand.window.overlays.toast
    assert hand.window.pages.create_page.canvas.timeline.isVisible()
    for page in (Qt.Key.Key_1, Qt.Key.Key_3, Qt.Key.Key_4):
        hand.press(page, Qt.KeyboardModifier.ControlModifier)
        hand.models.notices.post("Another. " * 40)
        QApplication.processEvents()
        assert toast.isVisible()
        assert [control for control in focusable(hand.window) if overlaps(control, toast)] == []


def overlaps(control: QWidget, toast: QWidget) -> bool:
    if toast.isAncestorOf(control):
        return False
    place = QRect(control.mapToGlobal(QPoint()), control.size())
    return place.intersects(QRect(toast.mapToGlobal(QPoint()), toast.size()))


# ---------------------------------------------------------------------------------------- keyboard and screen readers
def focusable(window: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]


def reached_by_tab(window: QWidget) -> set[int]:
    reached: set[int] = set()
    for _ in range(200):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        reached.add(id(QApplication.focusWidget()))
    return reached


@pytest.mark.parametrize("page", ["create", "gallery", "models", "settings"])
def test_every_focusable_control_has_a_name(make_program: MakeProgram, page: str) -> None:
    hand = make_program()
    hand.window.pages.open(page)
    QApplication.processEvents()
    nameless = [
        type(widget).__name__
        for widget in focusable(hand.window)
        if not (
            widget.accessibleName()
            or QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)
        )
    ]
    assert nameless == []


@pytest.mark.parametrize("page", ["create", "gallery", "models", "settings"])
def test_tab_reaches_every_control(make_program: MakeProgram, page: str) -> None:
    hand = make_program()
    hand.window.pages.open(page)
    hand.window.activateWindow()
    QApplication.processEvents()
    reached = reached_by_tab(hand.window)
    missed = [
        f"{type(widget).__name__} {widget.accessibleName()!r}"
        for widget in focusable(hand.window)
        if id(widget) not in reached and not is_group(widget)
    ]
    assert missed == []


def is_group(widget: QWidget) -> bool:
    """A row that hands the keyboard on to a control within it."""
    return widget.focusProxy() is not None or any(
        child.focusPolicy() & Qt.FocusPolicy.TabFocus for child in widget.findChildren(QWidget)
    )


def test_f1_lists_the_keys_and_esc_closes_the_list(make_program: MakeProgram) -> None:
    hand = make_program()
    hand.press(Qt.Key.Key_F1)
    shown = hand.window.overlays.shortcuts
    assert shown is not None
    assert shown.isVisible()
    assert any("Ctrl+J" in label.text() for label in shown.findChildren(QLabel))
    hand.press(Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_every_page_opens_with_its_key(make_program: MakeProgram) -> None:
    hand = make_program()
    seen: list[str] = []
    hand.window.pages.opened.connect(seen.append)
    for key in (Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4, Qt.Key.Key_Comma, Qt.Key.Key_1):
        hand.press(key, Qt.KeyboardModifier.ControlModifier)
    assert seen == ["compare", "gallery", "models", "settings", "create"]


# ----------------------------------------------------------------------------------------------------------- layout
@pytest.mark.layout
@pytest.mark.parametrize("size", [(1100, 700), (1280, 800), (1920, 1080), (3840, 2160)])
def test_the_picture_has_room_and_nothing_lies_outside_the_window(
    make_program: MakeProgram, size: tuple[int, int], qtbot: QtBot
) -> None:
    hand = make_program()
    hand.window.resize(*size)
    QApplication.processEvents()
    canvas = hand.window.pages.create_page.canvas
    form = hand.window.pages.create_page.form
    assert canvas.width() > form.width()
    assert canvas.height() > size[1] * 2 / 3
    everything = hand.window.rect()
    for widget in (canvas, hand.window.rail, hand.window.status, hand.window.pages.create_page.form):
        corner = widget.mapTo(hand.window, QPoint(0, 0))
        assert everything.contains(corner)
        assert everything.contains(corner + QPoint(widget.width() - 1, widget.height() - 1))


def test_the_window_fits_a_small_screen_and_its_frame_too(make_program: MakeProgram) -> None:
    assert SMALLEST[0] < 1024
    assert SMALLEST[1] < 640 - 30, "a title bar is left room for"
    window = make_program().window
    assert window.minimumSize().width() <= SMALLEST[0]
    window.setMinimumSize(0, 0)
    room = window.screen().availableGeometry()
    window.resize(room.width() + 300, room.height() + 300)
    window.fit_to_screen()
    QApplication.processEvents()
    assert room.contains(window.frameGeometry())


def test_the_panel_of_forks_fits_the_smallest_window(make_program: MakeProgram) -> None:
    hand = make_program()
    hand.generate()
    hand.finish()
    hand.window.resize(*SMALLEST)
    QApplication.processEvents()
    hand.models.run.select(1)
    canvas = hand.window.pages.create_page.canvas
    canvas.toggle_fork()
    QApplication.processEvents()
    panel = canvas.fork_panel
    place = QRect(panel.mapTo(hand.window, QPoint()), panel.size())
    assert hand.window.rect().contains(place)
    for control in (panel.fork, panel.prompt, panel.sampler, panel.guidance, panel.steps):
        assert control.visibleRegion().boundingRect() == control.rect(), control.accessibleName()
    assert canvas.picture.width() > panel.width() / 2
    page, head = hand.window.pages.create_page, canvas.head
    for control in (*head.quantity.segments.values(), canvas.action_row.fork):
        assert control.visibleRegion().boundingRect() == control.rect(), control.text()
    assert not page.form.isVisible()
    hand.press(Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert page.form.isVisible()
    canvas.close_fork()
    assert page.form.isVisible()


def test_a_narrow_window_begins_without_the_column_of_pictures(
    make_program: MakeProgram, qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    hand = make_program()
    column = hand.window.pages.create_page.column
    assert hand.window.width() < NARROW
    assert not column.isVisible()
    hand.press(Qt.Key.Key_BracketRight, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(column.isVisible)
    hand.press(Qt.Key.Key_BracketRight, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not column.isVisible())


def test_the_theme_follows_what_is_chosen(make_program: MakeProgram) -> None:
    hand = make_program()
    hand.models.preferences.set("theme", "light")
    assert not hand.program.theme.dark
    hand.models.preferences.set("theme", "dark")
    assert hand.program.theme.dark


def test_closing_asks_nothing_and_keeps_finished_pictures(make_program: MakeProgram, qtbot: QtBot) -> None:
    gate = Gate()
    hand = make_program(Forming(at={(1, 2): gate}))
    hand.models.form.edit(count=3)
    hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    hand.window.close()
    assert not hand.window.isVisible()
    gate.open()
    assert hand.program.close()
    assert PictureStore.of(hand.models.folders).catalogue.count() == 1


# ---------------------------------------------------------------------------------------------- the run of a picture
def test_a_picture_is_verified_from_its_page(make_program: MakeProgram, qtbot: QtBot) -> None:
    hand = make_program(Forming(pixels=True))
    hand.generate()
    hand.finish()
    qtbot.waitUntil(lambda: hand.models.gallery.entry_at(0) is not None)
    stack = hand.window.pages.create_page.stack
    entry = hand.models.gallery.entry_at(0)
    stack.open(entry)
    check = stack.large.findChild(ViewerVerify)
    assert not check.result.isVisible()
    hand.press(Qt.Key.Key_V)
    assert check.button.text() == verify_button(running=True)
    qtbot.waitUntil(lambda: hand.models.verifier.of(entry).outcome == "same")
    assert check.result.isVisible()
    assert check.button.text() == verify_button(running=False)
    assert not check.bar.isVisible()


def test_a_shown_run_is_pinned_by_key_and_that_is_shown_beside_its_picture(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    hand = make_program(Forming(pixels=True))
    hand.generate()
    hand.finish()
    head = hand.window.pages.create_page.canvas.head
    qtbot.waitUntil(lambda: head.pin.isVisible() and len(hand.models.runs.store.runs()) == 1)
    (run,) = hand.models.runs.store.runs()
    hand.window.pages.create_page.canvas.setFocus()
    hand.press(Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: hand.models.runs.store.is_pinned(run))
    stack = hand.window.pages.create_page.stack
    stack.open(hand.models.gallery.entry_at(0))
    pin = stack.large.findChild(ViewerVerify).pin
    qtbot.waitUntil(lambda: pin.isVisible() and pin.isChecked())
    hand.press(Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: not hand.models.runs.store.is_pinned(run))
    qtbot.waitUntil(lambda: not head.pin.isChecked())


def test_the_status_bar_shows_the_disk_space_of_runs(make_program: MakeProgram, qtbot: QtBot) -> None:
    hand = make_program(Forming(pixels=True))
    qtbot.waitUntil(lambda: hand.window.status.runs_text == shell_text.runs(0, 2.0))
    hand.generate()
    hand.finish()
    qtbot.waitUntil(lambda: (hand.models.status.runs_bytes or 0) > 0)
    hand.models.preferences.set("runs_gib", 0.5)
    assert hand.window.status.runs_text == shell_text.runs(hand.models.status.runs_bytes or 0, 0.5)


# ------------------------------------------------------------------------------------------------------ recorded runs
def test_esc_closes_the_fork_panel_and_the_running_job_continues(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    gate = Gate()
    hand = make_program(Forming(at={(0, 2): gate}))
    hand.generate()
    qtbot.waitUntil(gate.reached.is_set)
    canvas = hand.window.pages.create_page.canvas
    canvas.toggle_fork()
    assert canvas.fork_panel.has_keyboard
    hand.press(Qt.Key.Key_Escape)
    assert not canvas.fork_panel.isVisible()
    assert hand.window.focusWidget() is canvas.timeline.scrubber
    assert not hand.models.queue.running.cancelled.is_set()
    gate.open()
    hand.finish()


def test_a_run_opened_from_the_gallery_has_the_keys_of_its_steps(
    make_program: MakeProgram, qtbot: QtBot
) -> None:
    hand = make_program(Forming(pixels=True))
    hand.generate()
    hand.finish()
    hand.press(Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    scrubber = hand.window.pages.create_page.canvas.timeline.scrubber
    qtbot.waitUntil(lambda: hand.models.gallery.rowCount() == 1)
    hand.models.runs.open_picture(hand.models.gallery.entry_at(0))
    qtbot.waitUntil(lambda: hand.window.focusWidget() is scrubber)
    before = hand.models.form.values.prompt
    QTest.keyClick(scrubber, Qt.Key.Key_Home)
    assert hand.models.form.values.prompt == before
    assert hand.models.run.step is not None
