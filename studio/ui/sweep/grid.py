"""The grid of a sweep: where its cells are, and painting them with the values of both settings along the edges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QPainter
from PySide6.QtWidgets import QAbstractScrollArea, QSizePolicy

from studio.ui.core.images import ImageCache
from studio.ui.language import tr
from studio.ui.sweep.text import cell_name, value
from studio.ui.theme.metrics import GAP, GRID, RADIUS, RING
from studio.ui.widgets.accessibility import set_accessible_role, set_accessible_value
from studio.ui.widgets.painting import draw_ring, fill_rounded, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.sweep.model import Sweep, SweepModel
    from studio.ui.theme.theme import Theme


TOP: Final = 44.0
"""Height of the labels above the grid."""
LEFT: Final = 120.0
"""Width of the labels left of the grid."""
MIN_CELL: Final = 72.0
"""Cells that would be narrower are scrolled instead."""
SCROLLED_CELL: Final = 96.0
"""Width of a cell in a grid that scrolls."""


class Geometry:
    """The layout of a grid in a view of a given size.

    Attributes:
        cell: width and height of a cell.
        whole: width and height of the grid with its labels.
        left: left edge of the first column without scrolling.
    """

    def __init__(
        self, counts: tuple[int, int], view: tuple[float, float], shape: float, scrolled: tuple[int, int]
    ) -> None:
        """Lay out the cells.

        Args:
            counts: number of columns and rows.
            view: width and height of the view.
            shape: width of a cell divided by its height.
            scrolled: values of the horizontal and the vertical scroll bar.
        """
        self._columns, self._rows = counts
        self._x, self._y = scrolled
        width = (view[0] - LEFT - GRID * self._columns) / self._columns
        height = (view[1] - TOP - GRID * self._rows) / self._rows
        width = min(width, height * shape)
        if width < MIN_CELL:
            width = SCROLLED_CELL
        self.cell = width, width / shape
        self.whole = (
            LEFT + self._columns * (self.cell[0] + GRID),
            TOP + self._rows * (self.cell[1] + GRID),
        )
        self.left = LEFT + max(view[0] - self.whole[0], 0) / 2

    def cell_rect(self, place: int) -> QRectF:
        row, column = divmod(place, self._columns)
        left = self.left + column * (self.cell[0] + GRID) - self._x
        return QRectF(left, TOP + row * (self.cell[1] + GRID) - self._y, *self.cell)

    def places_in(self, seen: QRectF) -> list[int]:
        """Return the cells that overlap an area."""
        columns = self._range(seen.left() - self.left + self._x, seen.width(), self.cell[0], self._columns)
        rows = self._range(seen.top() - TOP + self._y, seen.height(), self.cell[1], self._rows)
        return [row * self._columns + column for row in rows for column in columns]

    def place_at(self, point: QPointF) -> int | None:
        """Return the cell at a point; None if there is none, or a label covers it."""
        if point.x() < self.left or point.y() < TOP:
            return None
        found = self.places_in(QRectF(point.x(), point.y(), 1, 1))
        return next((place for place in found if self.cell_rect(place).contains(point)), None)

    def neighbour(self, place: int, across: int, down: int) -> int:
        """Return the cell ``across`` columns and ``down`` rows further, at most the one at the edge."""
        row, column = divmod(place, self._columns)
        row = min(max(row + down, 0), self._rows - 1)
        return row * self._columns + min(max(column + across, 0), self._columns - 1)

    @staticmethod
    def _range(start: float, length: float, side: float, count: int) -> range:
        first = max(math.floor(start / (side + GRID)), 0)
        return range(first, min(math.floor((start + length) / (side + GRID)) + 1, count))


def fit_within(rect: QRectF, width: float, height: float) -> QRectF:
    """Return the largest rectangle of this shape in the middle of ``rect``."""
    factor = min(rect.width() / width, rect.height() / height)
    fitted = QRectF(0, 0, width * factor, height * factor)
    fitted.moveCenter(rect.center())
    return fitted


_BADGE: Final = 20
_MOVES: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class SweepGrid(QAbstractScrollArea):
    """Paints a `SweepModel`. Two cells are selected with clicks, or with the arrow keys and Space.

    Signals:
        compare_requested: compare the selected cells.

    Attributes:
        current: the cell that the arrow keys move from.
    """

    compare_requested = Signal()

    def __init__(self, theme: Theme, model: SweepModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_accessible_role(self, QAccessible.Role.Table)
        self._theme, self._model, self._images = theme, model, ImageCache()
        self._ring, self.current = False, 0
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setAccessibleName(tr("Pictures of the sweep"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.viewport().setAutoFillBackground(False)
        model.changed.connect(self._on_changed)
        model.cells_changed.connect(self.viewport().update)
        model.chosen_changed.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)

    def sizeHint(self) -> QSize:
        return QSize(640, 400)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 200)

    @property
    def geometry_of_cells(self) -> Geometry | None:
        """The layout of the cells; None without a sweep."""
        sweep = self._model.sweep
        if sweep is None:
            return None
        size = self.maximumViewportSize()
        # If the sizes differ, a cell has room for the widest and the highest picture.
        shape = max(cell.width or 1 for cell in sweep.cells) / max(cell.height or 1 for cell in sweep.cells)
        scrolled = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        counts = len(sweep.across.values), len(sweep.down.values)
        return Geometry(counts, (size.width(), size.height()), shape, scrolled)

    # ------------------------------------------------------------------------------------------ mouse, keys, scrolling
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._on_changed()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        geometry = self.geometry_of_cells
        place = geometry.place_at(event.position()) if geometry is not None else None
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._go_to(place)
            self._model.choose(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        geometry, key = self.geometry_of_cells, event.key()
        if geometry is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        elif key in _MOVES:
            self._ring = True
            self._go_to(geometry.neighbour(self.current, *_MOVES[Qt.Key(key)]))
            self._scroll_to(geometry.cell_rect(self.current))
            self.viewport().update()
        elif key == Qt.Key.Key_Space:
            self._model.choose(self.current)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.compare_requested.emit()
        else:
            event.ignore()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        del dx, dy
        self.viewport().update()  # moving the pixels would move the labels too

    def _go_to(self, place: int) -> None:
        self.current, sweep = place, self._model.sweep
        if sweep is not None:
            row, column = divmod(place, len(sweep.across.values))
            across = tr(sweep.across.title), value(sweep.across.labels[column])
            down = tr(sweep.down.title), value(sweep.down.labels[row])
            set_accessible_value(self, cell_name(across, down))

    def _scroll_to(self, rect: QRectF) -> None:
        seen = self.viewport().rect()
        for bar, first, last, least, most in (
            (self.horizontalScrollBar(), rect.left(), rect.right(), LEFT, seen.width()),
            (self.verticalScrollBar(), rect.top(), rect.bottom(), TOP, seen.height()),
        ):
            by = min(first - least, 0) or max(last - most, 0)
            bar.setValue(bar.value() + round(by))

    @Slot()
    def _on_changed(self) -> None:
        """Follow another sweep or another size."""
        self._go_to(min(self.current, max(self._model.count - 1, 0)))
        if (geometry := self.geometry_of_cells) is not None:
            for bar, whole, seen, step in (
                (self.horizontalScrollBar(), geometry.whole[0], self.viewport().width(), geometry.cell[0]),
                (self.verticalScrollBar(), geometry.whole[1], self.viewport().height(), geometry.cell[1]),
            ):
                bar.setRange(0, max(round(whole - seen), 0))
                bar.setPageStep(seen)
                bar.setSingleStep(max(round(step), 1))
        self.viewport().update()

    # --------------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        sweep, geometry = self._model.sweep, self.geometry_of_cells
        if sweep is None or geometry is None:
            return
        seen = QRectF(self.viewport().rect())
        painter.setClipRect(seen.adjusted(LEFT - RING, TOP - RING, 0, 0))
        for place in geometry.places_in(seen):
            self._paint_cell(painter, geometry.cell_rect(place), place)
        painter.setClipRect(seen)
        self._paint_labels(painter, sweep, geometry, seen)

    def _paint_cell(self, painter: QPainter, rect: QRectF, place: int) -> None:
        theme, pixels = self._theme, self._model.pixels(place)
        if pixels is None:
            fill_rounded(painter, rect, RADIUS, theme.colour("panel"))
        else:
            painter.drawImage(fit_within(rect, pixels.shape[1], pixels.shape[0]), self._images.image(pixels))
        if place in self._model.chosen:
            draw_ring(painter, rect.adjusted(-RING, -RING, RING, RING), RADIUS, theme.colour("accent"))
            box = QRectF(rect.right() - _BADGE - GRID, rect.top() + GRID, _BADGE, _BADGE)
            fill_rounded(painter, box, _BADGE / 2, theme.colour("accent"))
            painter.setFont(theme.font("label", bold=True))
            painter.setPen(theme.colour("on_accent"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "AB"[self._model.chosen.index(place)])
        if place == self.current and self.hasFocus() and self._ring:
            draw_ring(painter, rect.adjusted(2, 2, -2, -2), RADIUS, theme.colour("text"))

    def _paint_labels(self, painter: QPainter, sweep: Sweep, geometry: Geometry, seen: QRectF) -> None:
        """Draw the values along the top and the left edge, which do not scroll away."""
        centre = Qt.AlignmentFlag.AlignCenter
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        columns, rows = len(sweep.across.values), len(sweep.down.values)
        last = min(geometry.cell_rect(columns - 1).right(), seen.right())
        head = QRectF(geometry.left, 0, max(last - geometry.left, 1), 20)
        self._draw(painter, head, tr(sweep.across.title), centre, bold=True)
        corner = QRectF(geometry.left - LEFT, 20, LEFT - GAP, 20)
        self._draw(painter, corner, tr(sweep.down.title), right, bold=True)
        painter.setClipRect(QRectF(geometry.left, 0, seen.width(), TOP))
        for column, text in enumerate(sweep.across.labels):
            rect = geometry.cell_rect(column)
            if rect.right() > 0 and rect.left() < seen.right():
                self._draw(painter, QRectF(rect.left(), 20, rect.width(), 20), value(text), centre)
        painter.setClipRect(QRectF(0, TOP, seen.width(), seen.height()))
        for row, text in enumerate(sweep.down.labels[:rows]):
            rect = geometry.cell_rect(row * columns)
            if rect.bottom() > 0 and rect.top() < seen.bottom():
                line = QRectF(geometry.left - LEFT, rect.top(), LEFT - GAP, rect.height())
                self._draw(painter, line, value(text), right)

    def _draw(
        self, painter: QPainter, line: QRectF, text: str, flags: Qt.AlignmentFlag, *, bold: bool = False
    ) -> None:
        painter.setFont(self._theme.font("label", bold=bold))
        painter.setPen(self._theme.colour("text" if bold else "dim"))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, flags, shown)

    def centre_of(self, place: int) -> QPointF:
        """Return the centre of a cell, in coordinates of the viewport."""
        geometry = self.geometry_of_cells
        assert geometry is not None, "only a sweep has cells"
        return geometry.cell_rect(place).center()
