"""From arrays to Qt's images: the only place where the one becomes the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """Return an image of read-only, contiguous pixels, uint8 (H, W, 3) RGB, which it shares and keeps alive.

    Whoever made the array must not change it any more: the image would change with it. Nor may the image be painted
    on: Qt would write into the array; paint on a copy.

    Raises:
        ValueError: the array is not such as it should be.
    """
    if pixels.dtype.name != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must be uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    if pixels.flags.writeable or not pixels.flags.c_contiguous:
        raise ValueError("pixels must be read-only and contiguous")
    height, width, _ = pixels.shape
    # Without bytesPerLine Qt assumes rows padded to four bytes, and reads past the end.
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)


def to_pixels(image: QImage) -> NDArray[np.uint8]:
    """Return a copy of an image's pixels, uint8 (H, W, 3) RGB."""
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is there

    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return rows[:, : 3 * plain.width()].reshape(plain.height(), plain.width(), 3).copy()
