"""Where pictures lie: rooms for several of one shape, and one zoom and place for all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF

if TYPE_CHECKING:
    from PySide6.QtCore import QSizeF

MOST: Final = 64.0
"""How far one may zoom in, times what fits."""


class Viewport:
    """What part of a picture is seen, the same in every room.

    Attributes:
        zoom: times the size at which the whole picture fits.
        centre: the point of the picture in the middle of the room, in shares of its width and height.
    """

    def __init__(self) -> None:
        """See the whole picture."""
        self.zoom = 1.0
        self.centre = QPointF(0.5, 0.5)

    @property
    def is_fit(self) -> bool:
        """Whether the whole picture is seen, as large as it fits."""
        return self.zoom == 1.0

    def rect(self, room: QRectF, size: QSizeF) -> QRectF:
        """Return where a picture of ``size`` lies; it may reach beyond the room. Empty where there is no room."""
        if room.isEmpty() or size.isEmpty():
            return QRectF()
        scale = _fit(room, size) * self.zoom
        width, height = size.width() * scale, size.height() * scale
        left = _along(room.left(), room.width(), width, self.centre.x())
        top = _along(room.top(), room.height(), height, self.centre.y())
        return QRectF(left, top, width, height)

    def fit(self) -> None:
        """See the whole picture."""
        self.zoom, self.centre = 1.0, QPointF(0.5, 0.5)

    def set_scale(self, scale: float, room: QRectF, size: QSizeF) -> None:
        """Show so many logical pixels for each of the picture's."""
        if not room.isEmpty() and not size.isEmpty():
            self._set_zoom(scale / _fit(room, size), room, size)

    def zoom_at(self, point: QPointF, factor: float, room: QRectF, size: QSizeF) -> None:
        """Zoom in (or out, with a factor below 1); the part of the picture that is at ``point`` stays there."""
        before = self.rect(room, size)
        if before.isEmpty():
            return
        share_x = (point.x() - before.left()) / before.width()
        share_y = (point.y() - before.top()) / before.height()
        self._set_zoom(self.zoom * factor, room, size)
        after = self.rect(room, size)
        self.pan(
            QPointF(
                point.x() - after.left() - share_x * after.width(),
                point.y() - after.top() - share_y * after.height(),
            ),
            room,
            size,
        )

    def pan(self, by: QPointF, room: QRectF, size: QSizeF) -> None:
        """Move the picture, no further than its edges."""
        rect = self.rect(room, size)
        if rect.isEmpty():
            return
        self.centre = QPointF(
            _held(self.centre.x() - by.x() / rect.width(), room.width() / rect.width()),
            _held(self.centre.y() - by.y() / rect.height(), room.height() / rect.height()),
        )

    def _set_zoom(self, zoom: float, room: QRectF, size: QSizeF) -> None:
        least = min(1.0, 1.0 / _fit(room, size))
        self.zoom = min(max(zoom, least), MOST)
        if abs(self.zoom - 1.0) < 1e-6:
            self.fit()


def _fit(room: QRectF, size: QSizeF) -> float:
    return min(room.width() / size.width(), room.height() / size.height())


def _along(start: float, room: float, length: float, centre: float) -> float:
    """Return where a picture begins along one axis: in the middle if it is smaller, else without a gap at its ends."""
    if length <= room:
        return start + (room - length) / 2
    return min(max(start + room / 2 - centre * length, start + room - length), start)


def _held(centre: float, seen: float) -> float:
    """Return a centre at which no more than the picture is seen."""
    return 0.5 if seen >= 1 else min(max(centre, seen / 2), 1 - seen / 2)


def rooms(area: QRectF, count: int, *, gap: float, inset: float, foot: float, shape: float) -> list[QRectF]:
    """Return equal cards for ``count`` pictures, in as many rows as make the pictures largest.

    Args:
        area: what there is to share.
        count: how many.
        gap: between cards.
        inset: between a card's edge and its picture.
        foot: of each card, for words.
        shape: a picture's width over its height.
    """
    best, found = -1.0, list[QRectF]()
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        width = (area.width() - gap * (columns - 1)) / columns
        height = (area.height() - gap * (rows - 1)) / rows
        side = min(width - 2 * inset, (height - 2 * inset - foot) * shape)
        if side <= best:
            continue
        best = side
        # No higher than its picture needs: what is left over belongs to nobody.
        height = min(height, side / shape + 2 * inset + foot)
        top = area.top() + max(area.height() - rows * height - gap * (rows - 1), 0) / 2
        found = [
            QRectF(
                area.left() + (number % columns) * (width + gap),
                top + (number // columns) * (height + gap),
                width,
                height,
            )
            for number in range(count)
        ]
    return found
