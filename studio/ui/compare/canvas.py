"""The canvas of a comparison: its five layouts are side by side, wipe, blink, difference and tile.

One `Viewport` has the zoom and the position of all pictures; `card_layout` finds the rows in which they are largest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.compare import paint, text
from studio.ui.core.images import ImageCache
from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GRID, INSET
from studio.ui.widgets.accessibility import set_accessible_role, set_accessible_value
from studio.ui.widgets.painting import draw_ring, ring_after
from studio.ui.widgets.picture_view import resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QMouseEvent, QPaintEvent, QWheelEvent

    from studio.ui.compare.paint import RunCard
    from studio.ui.theme.theme import Theme


MAX_ZOOM: Final = 64.0
"""The largest zoom; 1 fits the whole picture."""


class Viewport:
    """The visible part of the pictures, the same for all of them.

    Attributes:
        zoom: 1 fits the whole picture.
        centre: the point of the picture in the middle of its area, 0 to 1 along width and height.
    """

    def __init__(self) -> None:
        self.zoom = 1.0
        self.centre = QPointF(0.5, 0.5)

    @property
    def is_fit(self) -> bool:
        """Whether the whole picture is visible, as large as it fits."""
        return self.zoom == 1.0

    def rect(self, area: QRectF, size: QSizeF) -> QRectF:
        """Return the rectangle of a picture of ``size``; it may extend beyond the area. Empty if either is empty."""
        if area.isEmpty() or size.isEmpty():
            return QRectF()
        scale = _fit(area, size) * self.zoom
        width, height = size.width() * scale, size.height() * scale
        left = _along(area.left(), area.width(), width, self.centre.x())
        top = _along(area.top(), area.height(), height, self.centre.y())
        return QRectF(left, top, width, height)

    def fit(self) -> None:
        """Show the whole picture."""
        self.zoom, self.centre = 1.0, QPointF(0.5, 0.5)

    def set_scale(self, scale: float, area: QRectF, size: QSizeF) -> None:
        """Set the size of a pixel of the picture, in logical pixels of the screen."""
        if not area.isEmpty() and not size.isEmpty():
            self._set_zoom(scale / _fit(area, size), area, size)

    def zoom_at(self, point: QPointF, factor: float, area: QRectF, size: QSizeF) -> None:
        """Zoom in, or out with a factor below 1, around ``point``."""
        before = self.rect(area, size)
        if before.isEmpty():
            return
        share_x = (point.x() - before.left()) / before.width()
        share_y = (point.y() - before.top()) / before.height()
        self._set_zoom(self.zoom * factor, area, size)
        after = self.rect(area, size)
        self.pan(
            QPointF(
                point.x() - after.left() - share_x * after.width(),
                point.y() - after.top() - share_y * after.height(),
            ),
            area,
            size,
        )

    def pan(self, by: QPointF, area: QRectF, size: QSizeF) -> None:
        """Move the picture; its edges stay outside the area."""
        rect = self.rect(area, size)
        if rect.isEmpty():
            return
        self.centre = QPointF(
            _clamped(self.centre.x() - by.x() / rect.width(), area.width() / rect.width()),
            _clamped(self.centre.y() - by.y() / rect.height(), area.height() / rect.height()),
        )

    def _set_zoom(self, zoom: float, area: QRectF, size: QSizeF) -> None:
        min_zoom = min(1.0, 1.0 / _fit(area, size))
        self.zoom = min(max(zoom, min_zoom), MAX_ZOOM)
        if abs(self.zoom - 1.0) < 1e-6:
            self.fit()


def _fit(area: QRectF, size: QSizeF) -> float:
    return min(area.width() / size.width(), area.height() / size.height())


def _along(start: float, area: float, length: float, centre: float) -> float:
    """Return a picture's start along one axis: centred if it is smaller than the area, else without gaps."""
    if length <= area:
        return start + (area - length) / 2
    return min(max(start + area / 2 - centre * length, start + area - length), start)


def _clamped(centre: float, seen: float) -> float:
    """Return the nearest centre at which no gap is visible; ``seen`` is the visible share of the picture."""
    return 0.5 if seen >= 1 else min(max(centre, seen / 2), 1 - seen / 2)


def card_layout(
    area: QRectF, count: int, *, gap: float, inset: float, foot: float, shape: float
) -> list[QRectF]:
    """Return equal cards for ``count`` pictures, in the number of rows that makes the pictures largest.

    Args:
        area: the rectangle to fill.
        count: the number of cards.
        gap: between cards.
        inset: between a card's edge and its picture.
        foot: height of the texts at the bottom of each card.
        shape: a picture's width divided by its height.
    """
    best, found = -math.inf, list[QRectF]()  # the pictures' sides are negative if the area is very small
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        width = (area.width() - gap * (columns - 1)) / columns
        height = (area.height() - gap * (rows - 1)) / rows
        side = min(width - 2 * inset, (height - 2 * inset - foot) * shape)
        if side <= best:
            continue
        best = side
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


Mode = Literal["side", "wipe", "blink", "difference", "tile"]

_SETTLED_MS: Final = 120  # after the last change; then pictures are resampled with a better filter
_SCALE_WIDTH: Final = 72.0
_DRAG: Final = 4  # pixels; less is a click
_NOTCH: Final = 1.25
_MAX_SIDE: Final = 4096  # pixels; larger pictures keep the fast filter


class ComparisonCanvas(QWidget):
    """Paints the pictures of a comparison; zoom and position are the same for all of them.

    Signals:
        wiped: the line of the wipe was moved.
        chosen: a picture was clicked: its index, and whether to make it A (Shift) or B.

    Attributes:
        mode: the layout.
        base: the index of A.
        candidate: the index of B.
        gain: the factor by which a difference is amplified.
        wipe: the position of the line, 0 (only B) to 1 (only A).
        turned: whether A is above B instead of left of it.
        peeking: whether blink shows A instead of B.
        enlarge: "smooth" or "pixels".
        viewport: the visible part of the pictures.
    """

    wiped = Signal(float)
    chosen = Signal(int, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_accessible_role(self, QAccessible.Role.Graphic)
        self._theme = theme
        self._cards: tuple[RunCard, ...] = ()
        self._still: dict[tuple[int, int, int], QImage] = {}
        self.mode: Mode = "side"
        self.base, self.candidate, self.gain = 0, 1, 1.0
        self.wipe, self.turned, self.peeking = 0.5, False, False
        self.enlarge, self.viewport = "smooth", Viewport()
        self._images, self._differences = ImageCache(), paint.DifferenceCache()
        self._ring = False
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._dragged = False
        self._settling = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._settling.timeout.connect(self.update)
        self.setAccessibleName(tr("Pictures side by side"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    # -------------------------------------------------------------------------------------------------------- state
    @property
    def cards(self) -> tuple[RunCard, ...]:
        return self._cards

    def set_cards(self, cards: Sequence[RunCard]) -> None:
        before = [card.pixels for card in self._cards]
        self._cards = tuple(cards)
        if [id(card.pixels) for card in self._cards] != [id(pixels) for pixels in before]:
            self._still.clear()
            self._settling.start()
        set_accessible_value(self, ". ".join(f"{card.name}: {card.where}" for card in self._cards))
        self.update()

    def set_mode(self, mode: Mode) -> None:
        if mode != self.mode:
            self.mode, self.peeking = mode, False
            self.unsettle()

    def set_pair(self, base: int, candidate: int) -> None:
        if (base, candidate) != (self.base, self.candidate):
            self.base, self.candidate = base, candidate
            self.unsettle()

    def set_gain(self, gain: float) -> None:
        """Set the factor by which a difference is amplified."""
        if gain != self.gain:
            self.gain = gain
            self.unsettle()

    def set_enlarge(self, enlarge: str) -> None:
        """Set how pictures are enlarged: "smooth" or "pixels"."""
        if enlarge != self.enlarge:
            self.enlarge = enlarge
            self.unsettle()

    def set_peeking(self, peeking: bool) -> None:
        """Show A instead of B, or B again."""
        if peeking != self.peeking:
            self.peeking = peeking
            self.update()

    def set_wipe(self, share: float) -> None:
        """Move the line, 0 (only B) to 1 (only A)."""
        share = min(max(share, 0.0), 1.0)
        if share != self.wipe:
            self.wipe = share
            self.update()
            self.wiped.emit(share)

    @Slot()
    def turn(self) -> None:
        """Turn the line of the wipe by 90 degrees."""
        self.turned = not self.turned
        self.update()

    @Slot()
    def toggle_scale(self) -> None:
        """Switch between the whole picture and one pixel of the picture for each pixel of the screen."""
        if self.viewport.is_fit:
            area, size = self.picture_rects()[0] if self._cards else QRectF(), self.picture_size()
            self.viewport.set_scale(1 / self.devicePixelRatioF(), area, size)
        else:
            self.viewport.fit()
        self.unsettle()

    # ------------------------------------------------------------------------------------------------------ geometry
    def card_rects(self) -> list[QRectF]:
        """Return the rectangles of the cards: one for each run, or one for A and B."""
        area = QRectF(self.rect())
        return self._layout(area) if self.mode in ("side", "tile") else [area]

    def height_for(self, width: float, most: float) -> float:
        """Return the height that the cards use at this width, at most ``most``."""
        if self.mode != "side" or not self._cards:
            return most
        found = self._layout(QRectF(0, 0, width, most))
        return found[-1].bottom() - found[0].top()

    def picture_rects(self) -> list[QRectF]:
        """Return the rectangles of the pictures: one for each run, or one for A and B."""
        cards = self.card_rects()
        if self.mode == "tile":
            return cards
        inset, right = paint.INSET, _SCALE_WIDTH if self.mode == "difference" else 0.0
        return [card.adjusted(inset, inset, -inset - right, -paint.FOOT) for card in cards]

    def sizeHint(self) -> QSize:
        return QSize(640, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 160)

    def picture_size(self) -> QSizeF:
        """Return the size of the first picture, in pixels; 1 x 1 if there is none."""
        for card in self._cards:
            if card.pixels is not None:
                return QSizeF(card.pixels.shape[1], card.pixels.shape[0])
        return QSizeF(1, 1)

    def _layout(self, area: QRectF) -> list[QRectF]:
        size, tiled = self.picture_size(), self.mode == "tile"
        foot, inset = (0.0, 0.0) if tiled else (paint.FOOT - paint.INSET, paint.INSET)
        return card_layout(
            area,
            len(self._cards),
            gap=GRID if tiled else INSET,
            inset=inset,
            foot=foot,
            shape=size.width() / size.height(),
        )

    def unsettle(self) -> None:
        """Use the fast filter until nothing has changed for a moment."""
        self._still.clear()
        self._settling.start()
        self.update()

    # ------------------------------------------------------------------------------------------------------ painting
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._cards:
            if self.mode in ("side", "tile"):
                self._paint_all(painter)
            else:
                self._paint_pair(painter)
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), CARD_RADIUS, self._theme.colour("accent"))

    def _paint_all(self, painter: QPainter) -> None:
        tiled = self.mode == "tile"
        for place, (rect, area) in enumerate(zip(self.card_rects(), self.picture_rects(), strict=True)):
            card = self._cards[place]
            if not tiled:
                paint.draw_card(painter, self._theme, rect)
            self._paint_picture(painter, area, place)
            if tiled:
                paint.draw_chip(painter, self._theme, area, card.name)
            else:
                badge = {self.base: "A", self.candidate: "B"}.get(place, "")
                paint.draw_foot(painter, self._theme, self._foot(rect), card, badge)

    def _paint_pair(self, painter: QPainter) -> None:
        theme, rect, area = self._theme, self.card_rects()[0], self.picture_rects()[0]
        paint.draw_card(painter, theme, rect)
        first, second = self._cards[self.base], self._cards[self.candidate]
        left, right = self._foot(rect), self._foot(rect)
        left.setWidth(rect.width() / 2 - 2 * INSET)
        right.setLeft(rect.center().x() + INSET)
        paint.draw_foot(painter, theme, left, first, "A")
        paint.draw_foot(painter, theme, right, second, "B")
        if self.mode == "wipe":
            self._paint_wipe(painter, area)
        elif self.mode == "blink":
            place = self.base if self.peeking else self.candidate
            self._paint_picture(painter, area, place)
            letter = "A" if self.peeking else "B"
            seen = self._seen(area)
            paint.draw_chip(painter, theme, seen, text.labelled_name(letter, self._cards[place].name))
        else:
            self._paint_difference(painter, area)

    def _paint_wipe(self, painter: QPainter, area: QRectF) -> None:
        seen = self._seen(area)
        first, second = QRectF(seen), QRectF(seen)
        if self.turned:
            at = seen.top() + self.wipe * seen.height()
            first.setBottom(at)
            second.setTop(at)
        else:
            at = seen.left() + self.wipe * seen.width()
            first.setRight(at)
            second.setLeft(at)
        for part, place, letter in ((first, self.base, "A"), (second, self.candidate, "B")):
            self._paint_picture(painter, area, place, part)
            label = text.labelled_name(letter, self._cards[place].name)
            paint.draw_chip(painter, self._theme, part, label, right=letter == "B" and not self.turned)
        paint.draw_wipe_line(painter, seen, at, turned=self.turned)

    def _paint_difference(self, painter: QPainter, area: QRectF) -> None:
        theme, first, second = self._theme, self._cards[self.base].pixels, self._cards[self.candidate].pixels
        if first is None or second is None:
            return
        found = self._differences.get(first, second, self.gain)
        if found is None:
            paint.draw_hint(painter, theme, area, tr("Pictures of different sizes cannot be subtracted."))
            return
        self._draw(painter, area, area, found.image)
        seen = self._seen(area)
        paint.draw_chip(painter, theme, seen, text.difference(found.largest, found.mean))
        bar = QRectF(seen.right() + INSET, seen.top(), paint.SCALE_WIDTH, seen.height())
        paint.draw_scale(painter, theme, bar, self.gain)

    def _paint_picture(self, painter: QPainter, area: QRectF, place: int, clip: QRectF | None = None) -> None:
        card = self._cards[place]
        if card.pixels is None:
            paint.draw_hint(painter, self._theme, area, card.where)
        else:
            self._draw(painter, area, clip if clip is not None else area, self._images.image(card.pixels))

    def _draw(self, painter: QPainter, area: QRectF, clip: QRectF, image: QImage) -> None:
        target = self.viewport.rect(area, QSizeF(image.size()))
        hard = self.enlarge == "pixels" and target.width() >= image.width()
        painter.save()
        painter.setClipRect(clip.intersected(area))
        if not hard:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            image = self._filtered(image, target)
        painter.drawImage(target, image)
        painter.restore()

    def _filtered(self, image: QImage, target: QRectF) -> QImage:
        """Return the picture resampled to its size on the screen; the picture itself while something still changes."""
        ratio = self.devicePixelRatioF()
        width, height = round(target.width() * ratio), round(target.height() * ratio)
        if self._settling.isActive() or max(width, height) > _MAX_SIDE or image.width() == width:
            return image
        key = (image.cacheKey(), width, height)
        if key not in self._still:
            self._still[key] = resample(image, width, height)
        return self._still[key]

    def _seen(self, area: QRectF) -> QRectF:
        return self.viewport.rect(area, self.picture_size()).intersected(area)

    def _foot(self, card: QRectF) -> QRectF:
        inset = paint.INSET + GRID
        top = card.bottom() - paint.FOOT + GRID
        return QRectF(card.left() + inset, top, card.width() - 2 * inset, card.bottom() - top)

    # ---------------------------------------------------------------------------------------- mouse, wheel and focus
    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        area = self._rect_at(event.position())
        notches = event.angleDelta().y() / 120
        if area is not None and notches:
            self.viewport.zoom_at(event.position(), _NOTCH**notches, area, self.picture_size())
            self.unsettle()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed, self._last, self._dragged = event.position(), event.position(), False
        if event.button() == Qt.MouseButton.LeftButton:
            if self.mode == "wipe":
                self._wipe_to(event.position())
            elif self.mode == "blink":
                self.set_peeking(True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        if (event.position() - self._pressed).manhattanLength() >= _DRAG:
            self._dragged = True
        by, self._last = event.position() - self._last, event.position()
        if self.mode == "wipe" and event.buttons() & Qt.MouseButton.LeftButton:
            self._wipe_to(event.position())
        elif self._dragged and (area := self._rect_at(self._pressed)) is not None:
            self.viewport.pan(by, area, self.picture_size())
            self.unsettle()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self.mode == "blink":
            self.set_peeking(False)
        elif self.mode in ("side", "tile") and pressed is not None and not self._dragged:
            for place, card in enumerate(self.card_rects()):
                if card.contains(pressed):
                    self.chosen.emit(place, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.mode != "wipe":
            self.toggle_scale()

    def _wipe_to(self, point: QPointF) -> None:
        seen = self._seen(self.picture_rects()[0]) if self._cards else QRectF()
        if not seen.isEmpty():
            along = (point.y() - seen.top()) / seen.height() if self.turned else 0.0
            self.set_wipe(along if self.turned else (point.x() - seen.left()) / seen.width())

    def _rect_at(self, point: QPointF) -> QRectF | None:
        if not self._cards:
            return None
        found = self.picture_rects()
        return next((area for area in found if area.contains(point)), found[0])
