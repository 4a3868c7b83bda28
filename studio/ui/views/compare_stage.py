"""How the pictures of a comparison are laid out: which mode, which pair, which part of them, and where that lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QRectF, QSize, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.theme.metrics import GRID, INSET
from studio.ui.views import compare_paint as paint
from studio.ui.views.compare_viewport import Viewport, rooms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QImage

    from studio.ui.theme.theme import Theme
    from studio.ui.views.compare_paint import Face

Mode = Literal["side", "wipe", "blink", "difference", "tile"]

_SETTLED_MS: Final = 120  # after the last change; then pictures are filtered well
_SCALE_ROOM: Final = 72.0


class Stage(QWidget):
    """What is to be painted and where; `PanesView` paints it. Zoom and place are the same for all pictures.

    Signals:
        wiped: the line of the wipe was moved.

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

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without pictures."""
        super().__init__(parent)
        self._theme = theme
        self._faces: tuple[Face, ...] = ()
        self._still: dict[tuple[int, int, int], QImage] = {}
        self.mode: Mode = "side"
        self.base, self.candidate, self.gain = 0, 1, 1.0
        self.wipe, self.turned, self.peeking = 0.5, False, False
        self.enlarge, self.viewport = "smooth", Viewport()
        self._settling = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._settling.timeout.connect(self.update)
        self.setAccessibleName("Pictures side by side")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    # ------------------------------------------------------------------------------------------------- what is shown
    @property
    def faces(self) -> tuple[Face, ...]:
        """What is shown of each run."""
        return self._faces

    def set_faces(self, faces: Sequence[Face]) -> None:
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
        return QSize(320, 180)

    def picture_size(self) -> QSizeF:
        """Return the size of the first picture there is; one pixel where there is none."""
        for face in self._faces:
            if face.pixels is not None:
                return QSizeF(face.pixels.shape[1], face.pixels.shape[0])
        return QSizeF(1, 1)

    def _rooms(self, area: QRectF) -> list[QRectF]:
        size, tiled = self.picture_size(), self.mode == "tile"
        foot, inset = (0.0, 0.0) if tiled else (paint.FOOT - paint.INSET, paint.INSET)
        return rooms(
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
