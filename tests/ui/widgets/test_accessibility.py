"""Painted widgets have a role and a value for screen readers, and leave nothing behind that could crash."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import ref

import pytest
import shiboken6
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget

from studio.ui.widgets.accessibility import set_accessible_role, set_accessible_value
from tests.ui.widgets.hands import accessible_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


class Painted(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_accessible_role(self, QAccessible.Role.Graphic)
        self.setAccessibleName("A fox")


@pytest.fixture
def screen_reader(qapp: QApplication) -> Iterator[None]:
    """A screen reader runs: Qt asks for the interface of a widget as soon as it changes."""
    before = QAccessible.isActive()
    QAccessible.setActive(True)
    yield
    QAccessible.setActive(before)


def role_of(widget: QWidget) -> QAccessible.Role:
    return QAccessible.queryAccessibleInterface(widget).role()


@pytest.mark.usefixtures("screen_reader")
def test_a_painted_widget_has_the_role_name_and_value_that_it_was_given(qtbot: QtBot) -> None:
    painted = Painted()
    qtbot.addWidget(painted)
    assert role_of(painted) == QAccessible.Role.Graphic
    assert QAccessible.queryAccessibleInterface(painted).text(QAccessible.Text.Name) == "A fox"
    assert accessible_value(painted) == ""
    for value in ("step 1", "step 2"):
        set_accessible_value(painted, value)
        assert accessible_value(painted) == value


@pytest.mark.usefixtures("screen_reader")
def test_every_other_widget_is_left_to_qt(qtbot: QtBot) -> None:
    plain, button = QWidget(), QPushButton("Go")
    for widget in (plain, button):
        qtbot.addWidget(widget)
        set_accessible_value(widget, "not shown")
    assert role_of(plain) == QAccessible.Role.Client
    assert role_of(button) == QAccessible.Role.Button
    assert accessible_value(plain) == accessible_value(button) == ""


@pytest.mark.usefixtures("screen_reader")
def test_widgets_come_and_go_in_any_order(qapp: QApplication) -> None:
    seen = []
    for number in range(50):
        host = QWidget()
        row = QHBoxLayout(host)
        for _ in range(3):
            row.addWidget(Painted())
        host.show()
        qapp.processEvents()
        painted = host.findChild(Painted)
        set_accessible_value(painted, str(number))
        kept = QAccessible.queryAccessibleInterface(painted)
        if number % 10 == 0:
            gc.collect()
        assert kept.text(QAccessible.Text.Value) == str(number)
        seen.append(ref(painted))
        if number % 2:
            shiboken6.delete(host)
        else:
            host.deleteLater()
            QTest.qWait(0)
        del host, row, painted, kept, _
    gc.collect()
    assert not any(widget() for widget in seen), "the roles and values keep no widget"
