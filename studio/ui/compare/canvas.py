"""The canvas of a comparison: pictures side by side, wiped, blinked, subtracted or tiled.

One `Viewport` holds zoom and position for all pictures; `card_layout` finds the rows in which they are largest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.compare import paint, text
from studio.ui.core.images import ImageCache
from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GRID, INSET
from studio.ui.widgets.painting import draw_ring, ring_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QMouseEvent, QPaintEvent, QWheelEvent

    from studio.ui.compare.paint import RunCard
    from studio.ui.theme.theme import Theme


MAX_ZOOM: Final = 64.0
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
        self.zoom = min(max(zoom, least), MAX_ZOOM)
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


def card_layout(
    area: QRectF, count: int, *, gap: float, inset: float, foot: float, shape: float
) -> list[QRectF]:
    """Return equal cards for ``count`` pictures, in as many rows as make the pictures largest.

    Args:
        area: what there is to share.
        count: how many.
        gap: between cards.
        inset: between a card's edge and its picture.
        foot: of each card, for words.
        shape: a picture's width over its height.
    """
    best, found = -math.inf, list[QRectF]()  # a room may be smaller than what surrounds a picture
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


Mode = Literal["side", "wipe", "blink", "difference", "tile"]

_SETTLED_MS: Final = 120  # after the last change; then pictures are filtered well
_SCALE_ROOM: Final = 72.0
_DRAG: Final = 4  # pixels; less is a click
_NOTCH: Final = 1.25
_LARGEST: Final = 4096  # pixels of a side; what is enlarged beyond is filtered quickly


class ComparisonCanvas(QWidget):
    """Paints the pictures of a comparison; zoom and position are the same for all of them.

    Signals:
        wiped: the line of the wipe was moved.
        chosen: a picture was clicked: its place, and whether it is to be A (with Shift) rather than B.

    Attributes:
        mode: how the pictures are laid out.
        base: the place of A, the one that the others are held against.
        candidate: the place of B.
        gain: how many times a difference is enlarged.
        wipe: where the line is, 0 (all of B) to 1 (all of A).
        turned: whether A is above B, not at its left.
        peeking: whether A is shown in the place of B.
        enlarge: "smooth", or hard "pixels".
        viewport: which part of the pictures is seen.
    """

    wiped = Signal(float)
    chosen = Signal(int, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without pictures."""
        super().__init__(parent)
        self._theme = theme
        self._faces: tuple[RunCard, ...] = ()
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

    # ------------------------------------------------------------------------------------------------- what is shown
    @property
    def faces(self) -> tuple[RunCard, ...]:
        """What is shown of each run."""
        return self._faces

    def set_faces(self, faces: Sequence[RunCard]) -> None:
        """Show other pictures, or other words."""
        before = [face.pixels for face in self._faces]
        self._faces = tuple(faces)
        if [id(face.pixels) for face in self._faces] != [id(pixels) for pixels in before]:
            self._still.clear()
            self._settling.start()
        words = (f"{face.name}: {face.where}" for face in self._faces)
        self.setAccessibleDescription(". ".join(words))
        self.update()

    def set_mode(self, mode: Mode) -> None:
        """Lay the pictures out in another way."""
        if mode != self.mode:
            self.mode, self.peeking = mode, False
            self.unsettle()

    def set_pair(self, base: int, candidate: int) -> None:
        """Say which two are A and B."""
        if (base, candidate) != (self.base, self.candidate):
            self.base, self.candidate = base, candidate
            self.unsettle()

    def set_gain(self, gain: float) -> None:
        """Enlarge a difference so many times."""
        if gain != self.gain:
            self.gain = gain
            self.unsettle()

    def set_enlarge(self, enlarge: str) -> None:
        """Enlarge "smooth", or show the "pixels"."""
        if enlarge != self.enlarge:
            self.enlarge = enlarge
            self.unsettle()

    def set_peeking(self, peeking: bool) -> None:
        """Show A in the place of B as long as something is held down."""
        if peeking != self.peeking:
            self.peeking = peeking
            self.update()

    def set_wipe(self, share: float) -> None:
        """Move the line, 0 (all of B) to 1 (all of A)."""
        share = min(max(share, 0.0), 1.0)
        if share != self.wipe:
            self.wipe = share
            self.update()
            self.wiped.emit(share)

    @Slot()
    def turn(self) -> None:
        """Wipe from top to bottom, or again from left to right."""
        self.turned = not self.turned
        self.update()

    @Slot()
    def toggle_scale(self) -> None:
        """Show the whole picture, or each of its pixels as one of the screen's."""
        if self.viewport.is_fit:
            room, size = self.picture_rooms()[0] if self._faces else QRectF(), self.picture_size()
            self.viewport.set_scale(1 / self.devicePixelRatioF(), room, size)
        else:
            self.viewport.fit()
        self.unsettle()

    # ------------------------------------------------------------------------------------------------------ geometry
    def cards(self) -> list[QRectF]:
        """Return where the cards lie: one for each run, or one for the pair."""
        area = QRectF(self.rect())
        return self._rooms(area) if self.mode in ("side", "tile") else [area]

    def height_for(self, width: float, most: float) -> float:
        """Return how high the panes are in a room so wide and at most so high; what is left is of no use to them."""
        if self.mode != "side" or not self._faces:
            return most
        found = self._rooms(QRectF(0, 0, width, most))
        return found[-1].bottom() - found[0].top()

    def picture_rooms(self) -> list[QRectF]:
        """Return where pictures are seen: one for each run, or one for the pair."""
        cards = self.cards()
        if self.mode == "tile":
            return cards
        inset, right = paint.INSET, _SCALE_ROOM if self.mode == "difference" else 0.0
        return [card.adjusted(inset, inset, -inset - right, -paint.FOOT) for card in cards]

    def sizeHint(self) -> QSize:
        """Large; the layout decides."""
        return QSize(640, 240)

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small window."""
        return QSize(320, 160)

    def picture_size(self) -> QSizeF:
        """Return the size of the first picture there is; one pixel where there is none."""
        for face in self._faces:
            if face.pixels is not None:
                return QSizeF(face.pixels.shape[1], face.pixels.shape[0])
        return QSizeF(1, 1)

    def _rooms(self, area: QRectF) -> list[QRectF]:
        size, tiled = self.picture_size(), self.mode == "tile"
        foot, inset = (0.0, 0.0) if tiled else (paint.FOOT - paint.INSET, paint.INSET)
        return card_layout(
            area,
            len(self._faces),
            gap=GRID if tiled else INSET,
            inset=inset,
            foot=foot,
            shape=size.width() / size.height(),
        )

    def unsettle(self) -> None:
        """Filter quickly until nothing has changed for a moment."""
        self._still.clear()
        self._settling.start()
        self.update()

    # ------------------------------------------------------------------------------------------------------ painting
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cards and what is on them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._faces:
            if self.mode in ("side", "tile"):
                self._paint_all(painter)
            else:
                self._paint_pair(painter)
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), CARD_RADIUS, self._theme.colour("accent"))

    def _paint_all(self, painter: QPainter) -> None:
        tiled = self.mode == "tile"
        for place, (card, room) in enumerate(zip(self.cards(), self.picture_rooms(), strict=True)):
            face = self._faces[place]
            if not tiled:
                paint.draw_card(painter, self._theme, card)
            self._paint_picture(painter, room, place)
            if tiled:
                paint.draw_chip(painter, self._theme, room, face.name)
            else:
                badge = {self.base: "A", self.candidate: "B"}.get(place, "")
                paint.draw_foot(painter, self._theme, self._foot(card), face, badge)

    def _paint_pair(self, painter: QPainter) -> None:
        theme, card, room = self._theme, self.cards()[0], self.picture_rooms()[0]
        paint.draw_card(painter, theme, card)
        first, second = self._faces[self.base], self._faces[self.candidate]
        left, right = self._foot(card), self._foot(card)
        left.setWidth(card.width() / 2 - 2 * INSET)
        right.setLeft(card.center().x() + INSET)
        paint.draw_foot(painter, theme, left, first, "A")
        paint.draw_foot(painter, theme, right, second, "B")
        if self.mode == "wipe":
            self._paint_wipe(painter, room)
        elif self.mode == "blink":
            place = self.base if self.peeking else self.candidate
            self._paint_picture(painter, room, place)
            letter = "A" if self.peeking else "B"
            seen = self._seen(room)
            paint.draw_chip(painter, theme, seen, text.face(letter, self._faces[place].name))
        else:
            self._paint_difference(painter, room)

    def _paint_wipe(self, painter: QPainter, room: QRectF) -> None:
        seen = self._seen(room)
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
            self._paint_picture(painter, room, place, part)
            label = text.face(letter, self._faces[place].name)
            paint.draw_chip(painter, self._theme, part, label, right=letter == "B" and not self.turned)
        paint.draw_line(painter, seen, at, turned=self.turned)

    def _paint_difference(self, painter: QPainter, room: QRectF) -> None:
        theme, first, second = self._theme, self._faces[self.base].pixels, self._faces[self.candidate].pixels
        if first is None or second is None:
            return
        found = self._differences.get(first, second, self.gain)
        if found is None:
            paint.draw_hint(painter, theme, room, tr("Pictures of different sizes cannot be subtracted."))
            return
        self._draw(painter, room, room, found.image)
        seen = self._seen(room)
        paint.draw_chip(painter, theme, seen, text.difference(found.largest, found.mean))
        bar = QRectF(seen.right() + INSET, seen.top(), paint.SCALE_WIDTH, seen.height())
        paint.draw_scale(painter, theme, bar, self.gain)

    def _paint_picture(self, painter: QPainter, room: QRectF, place: int, clip: QRectF | None = None) -> None:
        face = self._faces[place]
        if face.pixels is None:
            paint.draw_hint(painter, self._theme, room, face.where)
        else:
            self._draw(painter, room, clip if clip is not None else room, self._images.image(face.pixels))

    def _draw(self, painter: QPainter, room: QRectF, clip: QRectF, image: QImage) -> None:
        target = self.viewport.rect(room, QSizeF(image.size()))
        hard = self.enlarge == "pixels" and target.width() >= image.width()
        painter.save()
        painter.setClipRect(clip.intersected(room))
        if not hard:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            image = self._filtered(image, target)
        painter.drawImage(target, image)
        painter.restore()

    def _filtered(self, image: QImage, target: QRectF) -> QImage:
        """Return the picture at its size on the screen, well filtered, once it has stood still for a moment."""
        ratio = self.devicePixelRatioF()
        width, height = round(target.width() * ratio), round(target.height() * ratio)
        if self._settling.isActive() or max(width, height) > _LARGEST or image.width() == width:
            return image
        key = (image.cacheKey(), width, height)
        if key not in self._still:
            # Here and not above: the window opens before Pillow is imported.
            from studio.ui.widgets.resample import resample  # noqa: PLC0415

            self._still[key] = resample(image, width, height)
        return self._still[key]

    def _seen(self, room: QRectF) -> QRectF:
        return self.viewport.rect(room, self.picture_size()).intersected(room)

    def _foot(self, card: QRectF) -> QRectF:
        inset = paint.INSET + GRID
        top = card.bottom() - paint.FOOT + GRID
        return QRectF(card.left() + inset, top, card.width() - 2 * inset, card.bottom() - top)

    # ------------------------------------------------------------------------------------------------------ the hand
    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the panes when the keyboard came to them."""
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the mouse."""
        room = self._room_at(event.position())
        notches = event.angleDelta().y() / 120
        if room is not None and notches:
            self.viewport.zoom_at(event.position(), _NOTCH**notches, room, self.picture_size())
            self.unsettle()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the line, of the picture, or of A while it blinks."""
        self._pressed, self._last, self._dragged = event.position(), event.position(), False
        if event.button() == Qt.MouseButton.LeftButton:
            if self.mode == "wipe":
                self._wipe_to(event.position())
            elif self.mode == "blink":
                self.set_peeking(True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what was taken hold of."""
        if self._pressed is None:
            return
        if (event.position() - self._pressed).manhattanLength() >= _DRAG:
            self._dragged = True
        by, self._last = event.position() - self._last, event.position()
        if self.mode == "wipe" and event.buttons() & Qt.MouseButton.LeftButton:
            self._wipe_to(event.position())
        elif self._dragged and (room := self._room_at(self._pressed)) is not None:
            self.viewport.pan(by, room, self.picture_size())
            self.unsettle()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; a pane that was only clicked is chosen."""
        pressed, self._pressed = self._pressed, None
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self.mode == "blink":
            self.set_peeking(False)
        elif self.mode in ("side", "tile") and pressed is not None and not self._dragged:
            for place, card in enumerate(self.cards()):
                if card.contains(pressed):
                    self.chosen.emit(place, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the whole, or pixel for pixel."""
        if event.button() == Qt.MouseButton.LeftButton and self.mode != "wipe":
            self.toggle_scale()

    def _wipe_to(self, point: QPointF) -> None:
        seen = self._seen(self.picture_rooms()[0]) if self._faces else QRectF()
        if not seen.isEmpty():
            along = (point.y() - seen.top()) / seen.height() if self.turned else 0.0
            self.set_wipe(along if self.turned else (point.x() - seen.left()) / seen.width())

    def _room_at(self, point: QPointF) -> QRectF | None:
        if not self._faces:
            return None
        found = self.picture_rooms()
        return next((room for room in found if room.contains(point)), found[0])
