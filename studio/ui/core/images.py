"""The only conversion between arrays and Qt's images, and caches of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from cachetools import LRUCache
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

Key = TypeVar("Key")
Value = TypeVar("Value")

MAX_BYTES: Final = 96 * 2**20


class ByteCache(LRUCache[Key, Value]):
    """Values by key, limited by the bytes they take; the least recently used are dropped first.

    The newest value is kept, however large it is, since it has just been requested.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        super().__init__(max_bytes, getsizeof=lambda value: min(size_of(value), max_bytes))


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """Return an image of read-only, contiguous pixels, uint8 (H, W, 3) RGB, which it shares and keeps alive.

    The array must not be modified afterwards, since the image would change with it. Do not paint on the image, since
    Qt would write into the array; paint on a copy.

    Raises:
        ValueError: the array has another shape or dtype, is writeable or not contiguous.
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
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is imported

    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return rows[:, : 3 * plain.width()].reshape(plain.height(), plain.width(), 3).copy()


class ImageCache:
    """Images of read-only arrays, one for each array; the least recently used are dropped first.

    The arrays are kept too: an entry is found by the identity of its array, so that must not be garbage-collected.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._images: ByteCache[int, tuple[Pixels, QImage]] = ByteCache(max_bytes, _bytes_of_image)

    def image(self, pixels: Pixels) -> QImage:
        """Return an image of pixels, uint8 (H, W, 3), in the format that is fastest to paint."""
        known = self._images.get(id(pixels))
        if known is None:
            image = to_image(pixels).convertToFormat(QImage.Format.Format_RGB32)
            self._images[id(pixels)] = known = pixels, image
        return known[1]


def _bytes_of_image(kept: tuple[Pixels, QImage]) -> int:
    return kept[1].sizeInBytes()
