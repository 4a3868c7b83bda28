"""A picture scaled to fit: filtered well while it is still, fast while it changes, or with hard pixels."""

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

    Unlike Qt's scaling, it averages when it reduces.
    """
    from PIL import Image  # noqa: PLC0415 - not before there is a picture: Pillow takes a while to load

    source = image.convertToFormat(QImage.Format.Format_RGB32)
    size = source.width(), source.height()
    # Four bytes a pixel, each filtered separately: the order of Qt's colour channels does not matter to Pillow.
    pixels = Image.frombuffer(
        "RGBX", size, bytes(source.constBits()), "raw", "RGBX", source.bytesPerLine(), 1
    )
    scaled = pixels.resize((width, height), Image.Resampling.BICUBIC).tobytes()
    return QImage(scaled, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


Enlarge = Literal["smooth", "pixels"]

_SETTLED_MS: Final = 60  # after the last change of size


class PictureView(QWidget):
    """Keeps the picture's aspect ratio and centres it; sharp at any pixel density."""

    def __init__(self, theme: Theme, name: str = "", parent: QWidget | None = None) -> None:
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
        return self._image

    def set_image(self, image: QImage | None, *, live: bool = False) -> None:
        """Show another picture, or none; ``live`` ones change often and are filtered fast."""
        self._image = None if image is None or image.isNull() else image
        self._live, self._still = live, None
        self.update()

    def set_enlarge(self, enlarge: str) -> None:
        """Enlarge "smooth", or in hard "pixels"."""
        if enlarge != self._enlarge:
            self._enlarge = enlarge
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(512, 512)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 64)

    def picture_rect(self) -> QRectF:
        """Return the picture's rectangle in logical pixels, aligned to device pixels; empty without a picture."""
        if self._image is None:
            return QRectF()
        ratio = self.devicePixelRatioF()
        size = self._device_size(self._image, ratio)
        left = (round(self.width() * ratio) - size.width()) // 2
        top = (round(self.height() * ratio) - size.height()) // 2
        return QRectF(left / ratio, top / ratio, size.width() / ratio, size.height() / ratio)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Filter fast until the size stays the same."""
        super().resizeEvent(event)
        if self._still is not None:
            self._resizing.start()

    def paintEvent(self, event: QPaintEvent) -> None:
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
