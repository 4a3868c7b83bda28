"""The cells of a sweep, with the values of both settings along the edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.models.sweep_plan import FIELDS
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, RADIUS
from studio.ui.views.compare_images import ImageCache
from studio.ui.widgets.painting import draw_ring, fill_rounded, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent

    from studio.ui.models.sweep import SweepModel
    from studio.ui.models.sweep_plan import Axis
    from studio.ui.theme.theme import Theme

_TOP: Final = 44.0
_LEFT: Final = 120.0


class SweepGrid(QWidget):
    """Paints a `SweepModel`."""

    def __init__(self, theme: Theme, model: SweepModel, parent: QWidget | None = None) -> None:
        """Show the cells as they form."""
        super().__init__(parent)
        self._theme, self._model, self._images = theme, model, ImageCache()
        self._ring = False
        self.setAccessibleName("Pictures of the sweep")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        model.changed.connect(self.update)
        model.cells_changed.connect(self.update)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Large; the layout decides."""
        return QSize(640, 400)

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small window."""
        return QSize(320, 240)

    def rooms(self) -> list[QRectF]:
        """Return where the cells lie, row by row."""
        across, down = self._model.across, self._model.down
        if across is None or down is None:
            return []
        columns, rows = len(across.values), len(down.values)
        width = (self.width() - _LEFT - GRID * (columns - 1)) / columns
        height = (self.height() - _TOP - GRID * (rows - 1)) / rows
        request = self._model.cells[0]
        shape = (request.width or 1) / (request.height or 1)
        width = min(width, height * shape)
        height = width / shape
        left = _LEFT + max(self.width() - _LEFT - columns * (width + GRID), 0) / 2
        return [
            QRectF(left + column * (width + GRID), _TOP + row * (height + GRID), width, height)
            for row in range(rows)
            for column in range(columns)
        ]

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the grid when the keyboard came to it."""
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw labels and cells."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._model.across is not None and self._model.down is not None:
            self._paint_cells(painter, self._model.across, self._model.down)
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), CARD_RADIUS, self._theme.colour("accent"))

    def _paint_cells(self, painter: QPainter, across: Axis, down: Axis) -> None:
        theme, rooms = self._theme, self.rooms()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for place, room in enumerate(rooms):
            pixels = self._model.pixels(place)
            if pixels is None:
                fill_rounded(painter, room, RADIUS, theme.colour("panel"))
            else:
                painter.drawImage(room, self._images.image(pixels))
        columns = len(across.values)
        head = QRectF(rooms[0].left(), 0, rooms[columns - 1].right() - rooms[0].left(), 20)
        self._draw(painter, head, FIELDS[across.field][0], Qt.AlignmentFlag.AlignCenter, bold=True)
        for text, room in zip(across.labels, rooms[:columns], strict=True):
            line = QRectF(room.left(), 20, room.width(), 20)
            self._draw(painter, line, text, Qt.AlignmentFlag.AlignCenter)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        side = QRectF(rooms[0].left() - _LEFT, 20, _LEFT - GAP, 20)
        self._draw(painter, side, FIELDS[down.field][0], right, bold=True)
        for text, room in zip(down.labels, rooms[::columns], strict=True):
            line = QRectF(room.left() - _LEFT, room.top(), _LEFT - GAP, room.height())
            self._draw(painter, line, text, right)

    def _draw(
        self, painter: QPainter, line: QRectF, text: str, flags: Qt.AlignmentFlag, *, bold: bool = False
    ) -> None:
        painter.setFont(self._theme.font("label", bold=bold))
        painter.setPen(self._theme.colour("text" if bold else "dim"))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, flags, shown)
