"""Enlarging and reducing still pictures well: Pillow's bicubic filter, which also averages when it reduces."""

from __future__ import annotations

from PIL import Image
from PySide6.QtGui import QImage


def resample(image: QImage, width: int, height: int) -> QImage:
    """Return ``image`` at ``width`` by ``height`` pixels; it shares nothing with the one given."""
    source = image.convertToFormat(QImage.Format.Format_RGBX8888)
    size = source.width(), source.height()
    pixels = Image.frombuffer(
        "RGBX", size, bytes(source.constBits()), "raw", "RGBX", source.bytesPerLine(), 1
    )
    scaled = pixels.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    made = QImage(scaled.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return made.convertToFormat(QImage.Format.Format_RGB32)
