"""Where the cells of a sweep lie: fitted into the room there is, or, where they would be too small, to be scrolled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF

from studio.ui.theme.metrics import GRID

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF

TOP: Final = 44.0
"""The height of the labels above."""
LEFT: Final = 120.0
"""The width of those at the left."""
SMALLEST: Final = 72.0
"""Cells that would be narrower are scrolled instead."""
SCROLLED: Final = 96.0
"""How wide those are."""


class Geometry:
    """Of one grid in one room.

    Attributes:
        cell: width and height of a cell.
        whole: of the whole grid with its labels.
        left: where the first column would be if nothing were scrolled.
    """

    def __init__(
        self, counts: tuple[int, int], room: tuple[float, float], shape: float, scrolled: tuple[int, int]
    ) -> None:
        """Lay cells out.

        Args:
            counts: how many columns and rows.
            room: width and height there is.
            shape: width by height of a cell.
            scrolled: how far.
        """
        self._columns, self._rows = counts
        self._x, self._y = scrolled
        width = (room[0] - LEFT - GRID * self._columns) / self._columns
        height = (room[1] - TOP - GRID * self._rows) / self._rows
        width = min(width, height * shape)
        fits = width >= SMALLEST
        if not fits:
            width = SCROLLED
        self.cell = width, width / shape
        self.whole = (
            LEFT + self._columns * (self.cell[0] + GRID),
            TOP + self._rows * (self.cell[1] + GRID),
        )
        self.left = LEFT + max(room[0] - self.whole[0], 0) / 2

    def room(self, place: int) -> QRectF:
        """Return where a cell lies."""
        row, column = divmod(place, self._columns)
        left = self.left + column * (self.cell[0] + GRID) - self._x
        return QRectF(left, TOP + row * (self.cell[1] + GRID) - self._y, *self.cell)

    def places_in(self, seen: QRectF) -> list[int]:
        """Return the cells of which something lies in an area."""
        columns = self._range(seen.left() - self.left + self._x, seen.width(), self.cell[0], self._columns)
        rows = self._range(seen.top() - TOP + self._y, seen.height(), self.cell[1], self._rows)
        return [row * self._columns + column for row in rows for column in columns]

    def place_at(self, point: QPointF) -> int | None:
        """Return the cell at a point; None where there is none, or labels lie over it."""
        if point.x() < self.left or point.y() < TOP:
            return None
        found = self.places_in(QRectF(point.x(), point.y(), 1, 1))
        return next((place for place in found if self.room(place).contains(point)), None)

    def neighbour(self, place: int, across: int, down: int) -> int:
        """Return the cell so many columns and rows further, or the last before the edge."""
        row, column = divmod(place, self._columns)
        row = min(max(row + down, 0), self._rows - 1)
        return row * self._columns + min(max(column + across, 0), self._columns - 1)

    @staticmethod
    def _range(start: float, length: float, side: float, count: int) -> range:
        first = max(math.floor(start / (side + GRID)), 0)
        return range(first, min(math.floor((start + length) / (side + GRID)) + 1, count))
