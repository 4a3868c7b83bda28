"""A picture as large as it fits: filtered well while it stands still, fast while it changes, or in hard pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QRectF, QSize, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.language import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from studio.ui.theme.theme import Theme


def resample(image: QImage, width: int, height: int) -> QImage:
    """Return a copy of ``image`` at ``width`` by ``height`` pixels, by Pillow's bicubic filter.

    Unlike Qt's, it averages where it reduces.
    """
    from PIL import Image  # noqa: PLC0415 - not before there is a picture: Pillow takes a while to load

    source = image.convertToFormat(QImage.Format.Format_RGB32)
    size = source.width(), source.height()
    # Four bytes to the pixel, each filtered by itself: Pillow need not know in which order Qt keeps the colours.
    pixels = Image.frombuffer(
        "RGBX", size, bytes(source.constBits()), "raw", "RGBX", source.bytesPerLine(), 1
    )
    scaled = pixels.resize((width, height), Image.Resampling.BICUBIC).tobytes()
    return QImage(scaled, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


Enlarge = Literal["smooth", "pixels"]

_SETTLED_MS: Final = 60  # after the last change of size


class PictureView(QWidget):
    """Keeps the picture's shape and centres it on the window's ground; sharp at any pixel density."""

    def __init__(self, theme: Theme, name: str = "", parent: QWidget | None = None) -> None:
        """Start without a picture."""
        super().__init__(parent)
        self._theme = theme
        self._image: QImage | None = None
        self._still: QImage | None = None
        self._live, self._enlarge = False, "smooth"
        self._resizing = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._resizing.timeout.connect(self.update)
        self.setAccessibleName(name or tr("Picture"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    @property
    def image(self) -> QImage | None:
        """The picture shown."""
        return self._image

    def set_image(self, image: QImage | None, *, live: bool = False) -> None:
        """Show another picture, or none; ``live`` pictures follow each other and are filtered quickly."""
        self._image = None if image is None or image.isNull() else image
        self._live, self._still = live, None
        self.update()

    def set_enlarge(self, enlarge: str) -> None:
        """Enlarge "smooth", or show the "pixels"."""
        if enlarge != self._enlarge:
            self._enlarge = enlarge
            self.update()

    def sizeHint(self) -> QSize:
        """Large; the layout decides."""
        return QSize(512, 512)

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small window."""
        return QSize(64, 64)

    def picture_rect(self) -> QRectF:
        """Return where the picture lies, in logical pixels; empty without one. Its edges are on device pixels."""
        if self._image is None:
            return QRectF()
        ratio = self.devicePixelRatioF()
        size = self._device_size(self._image, ratio)
        left = (round(self.width() * ratio) - size.width()) // 2
        top = (round(self.height() * ratio) - size.height()) // 2
        return QRectF(left / ratio, top / ratio, size.width() / ratio, size.height() / ratio)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Filter quickly until the size has settled."""
        super().resizeEvent(event)
        if self._still is not None:
            self._resizing.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground and the picture."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.colour("window"))
        if self._image is None:
            return
        ratio = self.devicePixelRatioF()
        size = self._device_size(self._image, ratio)
        quick = self._live or self._resizing.isActive()
        if self._enlarge == "pixels" and size.width() >= self._image.width():
            painter.drawImage(self.picture_rect(), self._image)
        elif quick:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.picture_rect(), self._image)
        else:
            painter.drawImage(self.picture_rect(), self._filtered(self._image, size))

    def _device_size(self, image: QImage, ratio: float) -> QSize:
        room_x, room_y = max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1)
        scale = min(room_x / image.width(), room_y / image.height())
        if self._enlarge == "pixels" and scale >= 1:
            scale = int(scale)
        return QSize(max(round(image.width() * scale), 1), max(round(image.height() * scale), 1))

    def _filtered(self, image: QImage, size: QSize) -> QImage:
        if self._still is None or self._still.size() != size:
            self._still = image if image.size() == size else resample(image, size.width(), size.height())
        return self._still
