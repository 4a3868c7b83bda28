"""Hands for the tests of the controls: showing, the wheel, and reading back what was painted and lettered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QTextLayout, QWheelEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QColor, QFont, QImage
    from pytestqt.qtbot import QtBot

NOTCH = 120


def show(qtbot: QtBot, *widgets: QWidget, width: int = 320) -> QWidget:
    """Show ``widgets`` above each other in an active window that nothing has the focus of."""
    window = QWidget()
    qtbot.addWidget(window, before_close_func=lambda _: window)  # qtbot itself holds it only weakly
    window.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    column = QVBoxLayout(window)
    for widget in widgets:
        column.addWidget(widget)
    window.setFixedWidth(width)
    with qtbot.waitActive(window):
        window.show()
    window.setFocus()
    return window


def wheel(widget: QWidget, notches: int) -> bool:
    """Turn the wheel over ``widget``; return whether it took the event."""
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(middle.toPoint())),
        QPoint(),
        QPoint(0, NOTCH * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    event.setAccepted(False)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def colours(image: QImage) -> set[str]:
    """Return every colour that an image shows."""
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def count(image: QImage, colour: QColor) -> int:
    """Return how many pixels have exactly ``colour``."""
    wanted = colour.rgb()
    return sum(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(image.height()))


def lettered(text: str, font: QFont) -> list[tuple[str, int]]:
    """Return the family and the glyph of each sign that is drawn; glyph 0 is a font's sign for a missing one."""
    layout = QTextLayout(text, font)
    layout.beginLayout()
    layout.createLine()
    layout.endLayout()
    runs = layout.glyphRuns()
    return [(run.rawFont().familyName(), glyph) for run in runs for glyph in run.glyphIndexes()]


def accessible_value(widget: QWidget) -> str:
    """Return the value of a widget as screen readers get it."""
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Value)
