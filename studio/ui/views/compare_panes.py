"""All pictures of a comparison in one widget: side by side, wiped, blinked, subtracted or tiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QImage, QPainter

from studio.ui.theme.metrics import CARD_RADIUS, GRID, INSET
from studio.ui.views import compare_paint as paint
from studio.ui.views.compare_images import ImageCache
from studio.ui.views.compare_stage import Stage
from studio.ui.widgets.painting import draw_ring, ring_after
from studio.ui.widgets.picture_view import resample

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QMouseEvent, QPaintEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_DRAG: Final = 4  # pixels; less is a click
_NOTCH: Final = 1.25
_LARGEST: Final = 4096  # pixels of a side; what is enlarged beyond is filtered quickly


class PanesView(Stage):
    """Paints what is on the stage, and takes hold of it.

    Signals:
        chosen: a pane was clicked: its place, and whether it is to be A (with Shift) rather than B.
    """

    chosen = Signal(int, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without pictures."""
        super().__init__(theme, parent)
        self._images, self._ring = ImageCache(), False
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._dragged = False

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
            paint.draw_chip(painter, theme, seen, f"{letter}  {self._faces[place].name}")
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
            text = f"{letter}  {self._faces[place].name}"
            paint.draw_chip(painter, self._theme, part, text, right=letter == "B" and not self.turned)
        paint.draw_line(painter, seen, at, turned=self.turned)

    def _paint_difference(self, painter: QPainter, room: QRectF) -> None:
        theme, first, second = self._theme, self._faces[self.base].pixels, self._faces[self.candidate].pixels
        if first is None or second is None:
            return
        found = self._images.difference(first, second, self.gain)
        if found is None:
            paint.draw_hint(painter, theme, room, "Pictures of two sizes have no difference.")
            return
        self._draw(painter, room, room, found.image)
        seen = self._seen(room)
        words = f"largest {100 * found.largest:.3g} %, mean {100 * found.mean:.2g} %"
        paint.draw_chip(painter, theme, seen, words if found.largest else "identical, pixel by pixel")
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
