"""Where the tiles of a gallery lie: arithmetic only, so that a hundred thousand cost no more than ten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import QPoint, QRect

from studio.ui.theme.metrics import GAP, GRID

MARGIN = 12
"""Beside the tiles; the scroll bar lies in it."""
TILE_PX = 180
"""How wide a tile likes to be."""
RING_PX = GRID
"""How far a ring reaches beyond its tile: half of the gap between two."""


@dataclass(frozen=True, kw_only=True)
class TileLayout:
    """Square tiles in rows from the left, in the coordinates of the whole content.

    Attributes:
        width: of the content, margins and all.
        count: how many tiles.
    """

    width: int
    count: int

    @cached_property
    def columns(self) -> int:
        """How many tiles lie in a row."""
        return max(round((self._inner + GAP) / (TILE_PX + GAP)), 2)

    @cached_property
    def side(self) -> int:
        """How wide and high a tile is."""
        return max((self._inner - (self.columns - 1) * GAP) // self.columns, 1)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return -(-self.count // self.columns)

    @property
    def pitch(self) -> int:
        """From the top of one row to the top of the next."""
        return self.side + GAP

    @property
    def height(self) -> int:
        """Of the whole content."""
        return RING_PX + self.rows * self.pitch - GAP + MARGIN if self.count else 0

    def rect(self, place: int) -> QRect:
        """Return where a tile lies; the outer columns touch the margins exactly."""
        row, column = divmod(place, self.columns)
        left = MARGIN + round(column * (self._inner - self.side) / (self.columns - 1))
        return QRect(left, RING_PX + row * self.pitch, self.side, self.side)

    def cell(self, place: int) -> QRect:
        """Return where a tile and its ring lie."""
        return self.rect(place).adjusted(-RING_PX, -RING_PX, RING_PX, RING_PX)

    def at(self, point: QPoint) -> int | None:
        """Return the tile at a point; None between tiles."""
        row = (point.y() - RING_PX) // self.pitch
        if row < 0:
            return None
        for place in range(row * self.columns, min((row + 1) * self.columns, self.count)):
            if self.rect(place).contains(point):
                return place
        return None

    def between(self, top: int, bottom: int) -> range:
        """Return the tiles of all rows that reach into a band of the content."""
        first = max((top - RING_PX) // self.pitch, 0)
        last = (bottom + RING_PX) // self.pitch
        return range(
            min(first * self.columns, self.count), max(min((last + 1) * self.columns, self.count), 0)
        )

    @property
    def _inner(self) -> int:
        return max(self.width - 2 * MARGIN, 2)
