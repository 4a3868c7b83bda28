"""The track of a slider: filled up to its round handle; a click goes there at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSlider

from studio.ui.theme.metrics import CONTROL, GRID, RING
from studio.ui.widgets.drag_along import DragAlong
from studio.ui.widgets.painting import fill_rounded, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_HANDLE: Final = 7.0  # radius
_EDGE: Final = _HANDLE + RING  # between the track's end and the middle of the handle there: room for its ring


class Track(QSlider):
    """A horizontal slider that paints itself; whole numbers only."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Paint with ``theme``."""
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme, self._ring = theme, False
        DragAlong(self, self._go_to)
        self.setFixedHeight(CONTROL)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """As high as every control; the width is the layout's."""
        return QSize(160, CONTROL)

    def minimumSizeHint(self) -> QSize:
        """Narrower, a step is too small for the hand."""
        return QSize(64, CONTROL)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step if focused; if not, the wheel scrolls what the slider lies in."""
        notches = event.angleDelta().y()
        if not self.hasFocus() or not notches:
            event.ignore()
            return
        self.setValue(self.value() + (self.singleStep() if notches > 0 else -self.singleStep()))
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the handle when the keyboard came to it."""
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the track, what of it is filled, the handle and the ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, handle = self.height() / 2, self._handle_x()
        groove = QRectF(0, middle - GRID / 2, self.width(), GRID)
        fill_rounded(painter, groove, GRID / 2, self._theme.colour("line"))
        enabled = self.isEnabled()
        if self.value() > self.minimum():
            groove.setRight(handle)
            fill_rounded(painter, groove, GRID / 2, self._theme.colour("accent" if enabled else "faint"))
        centre = QPointF(handle, middle)
        if self.hasFocus() and self._ring:
            painter.setBrush(self._theme.colour("accent"))
            painter.drawEllipse(centre, _EDGE, _EDGE)
        if not self._theme.dark:  # white on white
            painter.setPen(self._theme.colour("faint"))
        painter.setBrush(self._theme.colour("handle" if enabled else "faint"))
        painter.drawEllipse(centre, _HANDLE, _HANDLE)

    def _handle_x(self) -> float:
        span = self.maximum() - self.minimum()
        share = (self.value() - self.minimum()) / span if span else 0.0
        return _EDGE + share * (self.width() - 2 * _EDGE)

    def _go_to(self, x: float) -> None:
        room = max(self.width() - 2 * _EDGE, 1.0)
        share = min(max((x - _EDGE) / room, 0.0), 1.0)
        self.setValue(self.minimum() + round(share * (self.maximum() - self.minimum())))
