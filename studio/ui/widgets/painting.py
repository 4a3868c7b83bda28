"""Painting shared by custom widgets: rounded backgrounds and the focus ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPen

from studio.ui.theme.metrics import RING

if TYPE_CHECKING:
    from PySide6.QtCore import QRect
    from PySide6.QtGui import QColor, QPainter

# After a click the place of the focus is obvious; on return to the window the ring stays as it was.
_WITHOUT_RING = (Qt.FocusReason.MouseFocusReason, Qt.FocusReason.PopupFocusReason)
_EDITING = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


def fill_rounded(painter: QPainter, rect: QRectF | QRect, radius: float, colour: QColor) -> None:
    """Fill a rounded rectangle."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(rect), radius, radius)


def draw_outline(painter: QPainter, rect: QRectF | QRect, radius: float, colour: QColor) -> None:
    """Draw a hairline along the inner edge of ``rect``."""
    painter.setPen(QPen(colour, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


def draw_ring(
    painter: QPainter, rect: QRectF | QRect, radius: float, colour: QColor, inset: float = 0.0
) -> None:
    """Draw the focus ring ``inset`` pixels inside the edge of ``rect``, where nothing can clip it."""
    by = inset + RING / 2
    painter.setPen(QPen(colour, RING))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(rect).adjusted(by, by, -by, -by), max(radius - by, 0), max(radius - by, 0))


def ring_after(reason: Qt.FocusReason, before: bool) -> bool:
    """Return whether focus gained for ``reason`` shows a ring; ``before`` is whether it did the last time."""
    if reason == Qt.FocusReason.ActiveWindowFocusReason:
        return before
    return reason not in _WITHOUT_RING


def is_undo_of_the_window(event: QEvent) -> bool:
    """Return whether ``event`` offers Undo or Redo to a text field, which must decline: the window handles both."""
    return (
        event.type() == QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and any(event.matches(key) for key in _EDITING)
    )
