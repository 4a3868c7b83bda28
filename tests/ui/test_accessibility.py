"""Every control of every page can be named, used and read without seeing it, and the focus never leaves by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractSlider, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QWidget

from studio.ui.shell.pages import FocusKeeper, tab_stops

if TYPE_CHECKING:
    from tests.ui.program import MakeProgram, OpenProgram

PAGES = ("create", "fork", "compare", "sweep", "gallery", "large", "models", "train", "settings")
WORDLESS = {QAccessible.Role.NoRole, QAccessible.Role.Client, QAccessible.Role.Window, QAccessible.Role.Pane}
PAINTED = ("Viewer", "SweepGrid")
"""They paint what they hold and have no role of their own in Qt; name and description say it."""


def open_page(program: OpenProgram, name: str) -> QWidget:
    """Open a page, or a part of one, with a finished picture to show."""
    program.generate()
    program.finish()
    program.wait(lambda: program.models.gallery.rowCount() > 0)
    pages = program.window.pages
    if name in ("create", "fork"):
        if name == "fork":
            pages.create_page.canvas.toggle_fork()
        page: QWidget = pages.create_page
    elif name == "sweep":
        page = program.page("compare")
        page.open_sweep()  # type: ignore[attr-defined]
    elif name == "large":
        page = program.page("gallery")
        page.open(program.models.gallery.entry_at(0))  # type: ignore[attr-defined]
    else:
        page = program.page(name)
    QApplication.processEvents()
    return page


def text_of(widget: QWidget, which: QAccessible.Text) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(which)


@pytest.mark.parametrize("name", PAGES)
def test_every_control_has_a_name_a_role_and_a_value(make_program: MakeProgram, name: str) -> None:
    program = make_program()
    page = open_page(program, name)
    faults = []
    for stop in tab_stops(page):
        shown = f"{type(stop).__name__} {stop.accessibleName()!r}"
        if not (stop.accessibleName() or text_of(stop, QAccessible.Text.Name)):
            faults.append(f"{shown} has no name")
        if (
            QAccessible.queryAccessibleInterface(stop).role() in WORDLESS
            and type(stop).__name__ not in PAINTED
        ):
            faults.append(f"{shown} has no role")
        value = text_of(stop, QAccessible.Text.Value)
        if isinstance(stop, QAbstractSlider) and not value:
            faults.append(f"{shown} has no value")
        if isinstance(stop, QLineEdit | QPlainTextEdit | QComboBox) and shown_text(stop) not in (value, None):
            faults.append(f"{shown} says {value!r}")
    assert faults == []


def shown_text(stop: QWidget) -> str | None:
    if isinstance(stop, QLineEdit):
        return stop.text()
    return stop.toPlainText() if isinstance(stop, QPlainTextEdit) else None


def leaves(page: QWidget) -> list[str]:
    """Return the controls from which the focus leaves the page when they are hidden or disabled."""
    left = []
    for stop in tab_stops(page):
        for change in (stop.setVisible, stop.setEnabled):
            stop.setFocus(Qt.FocusReason.TabFocusReason)
            if QApplication.focusWidget() is not stop:
                continue
            change(False)
            focus = QApplication.focusWidget()
            if focus is None or not page.isAncestorOf(focus):
                left.append(f"{type(stop).__name__} {stop.accessibleName()!r} to {focus}")
            change(True)
    return left


@pytest.mark.parametrize("name", PAGES)
def test_the_focus_stays_on_the_page_when_its_control_vanishes(make_program: MakeProgram, name: str) -> None:
    assert leaves(open_page(make_program(), name)) == []


def test_without_its_keeper_the_focus_would_leave(make_program: MakeProgram) -> None:
    program = make_program()
    page = open_page(program, "settings")
    for keeper in program.window.findChildren(FocusKeeper):
        QApplication.instance().focusChanged.disconnect(keeper._on_focus_changed)
    assert leaves(page) != []
