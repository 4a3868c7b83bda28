"""Enlarging and reducing still pictures well: Pillow's bicubic filter, which also averages when it reduces."""

from __future__ import annotations

from PIL import Image
from PySide6.QtGui import QImage


def resample(image: QImage, width: int, height: int) -> QImage:
    """Return ``image`` at ``width`` by ``height`` pixels; it shares nothing with the one given."""
    source = image.convertToFormat(QImage.Format.Format_RGB32)
    size = source.width(), source.height()
    # Four bytes to the pixel, each filtered by itself: Pillow need not know in which order Qt keeps the colours.
    pixels = Image.frombuffer(
        "RGBX", size, bytes(source.constBits()), "raw", "RGBX", source.bytesPerLine(), 1
    )
    scaled = pixels.resize((width, height), Image.Resampling.BICUBIC).tobytes()
    return QImage(scaled, width, height, 4 * width, QImage.Format.Format_RGB32).copy()
