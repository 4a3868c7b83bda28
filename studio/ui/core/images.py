"""Conversion between arrays and Qt's images, here and nowhere else, and a cache of the images."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

MAX_BYTES: Final = 96 * 2**20


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


class ImageCache:
    """Images of read-only arrays, made once for each array; the least recently used are dropped first.

    The arrays are kept as well: an entry is found by the identity of its array, which must not be collected meanwhile.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._images: OrderedDict[int, tuple[Pixels, QImage]] = OrderedDict()

    def image(self, pixels: Pixels) -> QImage:
        """Return an image of pixels, uint8 (H, W, 3), in the format that paints fastest."""
        key = id(pixels)
        if key in self._images:
            self._images.move_to_end(key)
            return self._images[key][1]
        image = to_image(pixels).convertToFormat(QImage.Format.Format_RGB32)
        self._images[key] = (pixels, image)
        self._bytes += image.sizeInBytes()
        while self._bytes > self._max_bytes and len(self._images) > 1:
            _, (_, old) = self._images.popitem(last=False)
            self._bytes -= old.sizeInBytes()
        return image
