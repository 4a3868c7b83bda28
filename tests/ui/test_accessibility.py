"""Every control of every page can be named, used and read without seeing it, and the focus never leaves by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTranslator
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QComboBox,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QStackedLayout,
    QWidget,
)

from studio.folders import Folders
from studio.ui.core.settings import Preferences, SettingsFile
from studio.ui.language import set_language
from studio.ui.shell.pages import FocusKeeper, tab_stops
from studio.ui.train.page import TrainPage
from studio.ui.widgets.collapsible import Collapsible
from tests.ui.fakes import Forming, Gate, Lockstep
from tests.ui.teaching import Teaching
from tests.ui.widgets.hands import accessible_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakeProgram, OpenProgram


class Windows(QObject):
    """Records which widgets are shown as windows of their own.

    Attributes:
        shown: the names of their classes, without menus and popups.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        shows = event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow()
        if shows and watched.windowType() == Qt.WindowType.Window:
            self.shown.append(type(watched).__name__)
        return False


@pytest.fixture
def windows(qapp: QApplication) -> Iterator[Windows]:
    windows = Windows()
    qapp.installEventFilter(windows)
    yield windows
    qapp.removeEventFilter(windows)


WORDLESS = {QAccessible.Role.NoRole, QAccessible.Role.Client, QAccessible.Role.Window, QAccessible.Role.Pane}
PAINTED = ("ComparisonCanvas", "LargeSample", "LineageTree", "SampleStrip", "SweepGrid", "Viewer")
"""They paint what they show: their value says it."""


@pytest.fixture(params=["en", "ko"])
def program(
    request: pytest.FixtureRequest, make_program: MakeProgram, tmp_path: Path
) -> Iterator[OpenProgram]:
    """The program in each language, with a job that waits at its second step."""
    preferences = Preferences(SettingsFile(Folders.under(tmp_path).settings / "window.json"))
    preferences.set("language", request.param)
    preferences.save()
    app = QApplication.instance()
    assert app is not None
    before = set(app.findChildren(QTranslator))
    yield make_program(
        Forming(pixels=True, at={(0, 2): Gate()}), Forming(at={"start": RuntimeError("lost")}), Lockstep()
    )
    set_language("en")
    for translator in set(app.findChildren(QTranslator)) - before:
        app.removeTranslator(translator)
        translator.deleteLater()


def unfold(part: QWidget) -> None:
    """Open every section that is visible and closed."""
    for section in part.findChildren(Collapsible):
        if section.isVisible():
            section.set_open(True)


def states(program: OpenProgram) -> Iterator[tuple[str, QWidget]]:
    """Bring the window into every state, and yield each with the part that is new in it."""
    yield from creating(program)
    yield from looking_back(program)
    yield from comparing(program)
    yield from training(program)
    yield from around(program)


def creating(program: OpenProgram) -> Iterator[tuple[str, QWidget]]:
    window, models = program.window, program.models
    page, queue = window.pages.create_page, window.overlays.queue
    gate = program.engine.scripts[0].at[0, 2]
    yield "nothing generated yet", page
    unfold(page.form)
    yield "every setting of the form", page
    page.form.texts.ideas.click()
    yield "ideas", page.form.texts.popover
    page.form.texts.popover.hide()
    assert page.isAncestorOf(QApplication.focusWidget()), "the focus returned to the page"
    program.wait(lambda: page.place.is_welcome)
    yield "the first start", page
    models.intents.get_model.emit()
    models.downloads.look_up("not an address")
    yield "the download of a model", page
    page.go_back()
    page.take_keyboard()
    program.generate()
    program.wait_for(gate)
    program.generate()
    yield "a job that runs", page
    window.overlays.toggle_queue()
    queue.list.setCurrentIndex(models.queue.index(1, 0))
    yield "the queue", queue
    window.overlays.toggle_queue()
    gate.open()
    program.finish()
    models.run.go_live()
    yield "a job that failed", page


def looking_back(program: OpenProgram) -> Iterator[tuple[str, QWidget]]:
    window, models = program.window, program.models
    pages, page = window.pages, window.pages.create_page
    entry = models.gallery.entry_at(0)
    models.runs.open_picture(entry)
    program.wait(
        lambda: models.run.viewed is not None and models.run.viewed.over and page.canvas.head.pin.run
    )
    yield "a recorded run", page
    page.canvas.head.toggle_panes()
    yield "panes", page
    page.canvas.head.toggle_panes()
    page.canvas.head.family.click()
    program.wait(page.canvas.head.popup.isVisible)
    yield "the family of a run", page.canvas.head.popup
    page.canvas.head.popup.hide()
    page.canvas.toggle_fork()
    yield "a fork", page
    page.canvas.close_fork()
    models.intents.open_picture.emit(entry)
    yield "the viewer beside the column", page
    gallery = pages.open("gallery")
    yield "the gallery", gallery
    models.gallery.search("nothing like it")
    program.wait(lambda: models.gallery.rowCount() == 0)
    yield "nothing found", gallery
    models.gallery.search("")
    program.wait(lambda: models.gallery.rowCount() > 0)
    models.intents.open_picture.emit(models.gallery.entry_at(0))
    yield "the viewer", gallery
    yield "models", pages.open("models")
    yield "settings", pages.open("settings")


def comparing(program: OpenProgram) -> Iterator[tuple[str, QWidget]]:
    pages, models = program.window.pages, program.models
    page = pages.open_comparison()
    yield "a comparison to set up", page
    page.view.show_library(True)
    program.wait(lambda: models.library.loaded)
    yield "recorded runs to compare", page
    page.start() if models.library.can_open else page.show_runs()
    page.view.show_setup(True)
    page.view.start()
    program.finish()
    for mode in ("side", "wipe", "blink", "difference", "tile"):
        page.view.set_mode(mode)
        yield f"a comparison: {mode}", page
    pages.open_sweep()
    yield "a sweep to set up", page
    page.start()
    program.wait(lambda: not models.sweep.running)
    program.finish()
    for place in (0, 1):
        models.sweep.choose(place)
    yield "a sweep", page


def training(program: OpenProgram) -> Iterator[tuple[str, QWidget]]:
    window, models = program.window, program.models
    gate = Gate()
    program.engine.teaching = (Teaching(at={5: gate}),)
    page = window.pages.open("train")
    assert isinstance(page, TrainPage)
    yield "no folder chosen", page
    page.form.pictograms.click()
    models.train.form.edit(steps=6)
    unfold(page.form)
    yield "every setting of a training", page
    page.start()
    program.wait_for(gate)
    program.wait(lambda: bool(models.train.run.samples))
    page.start()
    yield "a training that runs, and one that waits", page
    page.progress.strip.opened.emit((0, 0))
    yield "a sample", page
    page.go_back()
    for tab in ("pictures", "noise"):
        page.show_part(tab)
        yield f"the tab {tab}", page
    for waiting in models.train.run.waiting:
        program.program.training.remove(waiting)
    gate.open()
    program.wait(lambda: models.train.run.over)
    page.show_part("training")
    yield "a training that is over", page


def around(program: OpenProgram) -> Iterator[tuple[str, QWidget]]:
    window, models = program.window, program.models
    window.overlays.toggle_shortcuts()
    assert window.overlays.shortcuts is not None
    yield "keyboard shortcuts", window.overlays.shortcuts
    window.overlays.shortcuts.close_button.setFocus()
    window.overlays.shortcuts.close_button.click()
    assert window.pages.currentWidget().isAncestorOf(QApplication.focusWidget()), "it returned to the page"
    models.notices.post("It failed.", kind="error", details="Why", action="Again", act=lambda: None)
    yield "a notice", window.status
    models.status.set_device("cpu", "float32", "A graphics card is not used.")
    yield "a banner", window.banners


def text_of(widget: QWidget, which: QAccessible.Text) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(which)


def faults_of(part: QWidget) -> Iterator[str]:
    """Yield what a screen reader would miss among the controls and menus of a part of the window."""
    for stop in tab_stops(part):
        shown = f"{type(stop).__name__} {stop.accessibleName()!r}"
        if not (stop.accessibleName() or text_of(stop, QAccessible.Text.Name)):
            yield f"{shown} in {type(stop.parentWidget()).__name__} has no name"
        role = QAccessible.queryAccessibleInterface(stop).role()
        if role in WORDLESS:
            yield f"{shown} has no role"
        value = accessible_value(stop)
        if (isinstance(stop, QAbstractSlider) or type(stop).__name__ in PAINTED) and not value:
            yield f"{shown} has no value"
        if isinstance(stop, QLineEdit | QPlainTextEdit | QComboBox) and shown_text(stop) not in (value, None):
            yield f"{shown} says {value!r}"
    for menu in part.findChildren(QMenu):
        for action in menu.actions():
            if not action.isSeparator() and not action.text():
                yield f"an entry of {type(menu).__name__} has no text"


def shown_text(stop: QWidget) -> str | None:
    if isinstance(stop, QLineEdit):
        return stop.text()
    if isinstance(stop, QComboBox):
        return stop.currentText()
    return stop.toPlainText() if isinstance(stop, QPlainTextEdit) else None


def leaves(part: QWidget, page: QWidget) -> list[str]:
    """Return the controls from which the focus leaves a part of the window when they are hidden or disabled.

    A popover may close instead; then the focus belongs on the page.
    """
    left = []
    stops = tab_stops(part)
    for stop in stops:
        if all(stop.isAncestorOf(other) for other in stops if other is not stop):
            continue  # with it everything would vanish
        for change in (stop.setVisible, stop.setEnabled):
            stop.setFocus(Qt.FocusReason.TabFocusReason)
            if QApplication.focusWidget() is not stop:
                continue
            change(False)
            focus = QApplication.focusWidget()
            if focus is None or not (part if part.isVisible() else page).isAncestorOf(focus):
                left.append(f"{type(stop).__name__} {stop.accessibleName()!r} to {focus}")
            change(True)
    return left


def test_every_control_has_a_name_a_role_and_a_value(program: OpenProgram, windows: Windows) -> None:
    found = {}
    for state, part in states(program):
        QApplication.processEvents()
        assert tab_stops(part), f"{state}: no control"
        assert program.window.isActiveWindow(), state
        if faults := list(faults_of(part)):
            found[state] = faults
    assert not found, "\n".join(f"{state}: {faults}" for state, faults in found.items())
    assert set(windows.shown) <= {"MainWindow"}, "nothing flashed up as a window of its own"


def test_a_widget_that_flashes_up_is_found(windows: Windows, qtbot: QtBot) -> None:
    inside = QWidget()
    qtbot.addWidget(inside)
    QStackedLayout().addWidget(inside)
    assert windows.shown == ["QWidget"]


def test_the_focus_stays_on_the_page_when_its_control_vanishes(program: OpenProgram) -> None:
    found = {}
    for state, part in states(program):
        QApplication.processEvents()
        assert program.window.isActiveWindow(), state
        if len(tab_stops(part)) > 1 and (left := leaves(part, program.window.pages.currentWidget())):
            found[state] = left
    assert not found, "\n".join(f"{state}: {faults}" for state, faults in found.items())


def test_a_control_without_a_name_is_found(program: OpenProgram) -> None:
    page = program.page("settings")
    control = tab_stops(page)[-1]
    control.setAccessibleName("")
    if hasattr(control, "setText"):
        control.setText("")
    assert list(faults_of(page)) != []


def test_without_its_keeper_the_focus_would_leave(make_program: MakeProgram) -> None:
    program = make_program()
    page = program.page("settings")
    for keeper in program.window.findChildren(FocusKeeper):
        shiboken6.delete(keeper)
    assert leaves(page, page) != []
