"""The pictures of a comparison as Qt paints them fastest, and the difference of two, each made once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QImage

from studio.metrics import PEAK, difference
from studio.ui.compare.paint import heat_map
from studio.ui.core.images import to_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

MAX_BYTES: Final = 96 * 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Difference:
    """How two pictures differ.

    Attributes:
        image: per pixel, coloured.
        largest: the largest difference, 0 to 1.
        mean: the mean over all pixels.
    """

    image: QImage
    largest: float
    mean: float


class ImageCache:
    """Images of arrays that do not change; those used longest ago go first.

    It keeps the arrays too: what is told apart by its identity must not be collected, or another would take its place.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Take how much memory may be used."""
        self._max_bytes, self._bytes = max_bytes, 0
        self._images: OrderedDict[int, tuple[Pixels, QImage]] = OrderedDict()
        self._pair: tuple[Pixels, Pixels, float, Difference] | None = None

    def image(self, pixels: Pixels) -> QImage:
        """Return an image of pixels, in the format that paints fastest."""
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

    def difference(self, first: Pixels, second: Pixels, gain: float) -> Difference | None:
        """Return how two pictures differ, enlarged ``gain`` times; None where their sizes do."""
        if first.shape != second.shape:
            return None
        known = self._pair
        if known is not None and known[0] is first and known[1] is second and known[2] == gain:
            return known[3]
        amount = difference(first, second)
        made = Difference(
            image=to_image(heat_map(amount, gain)).convertToFormat(QImage.Format.Format_RGB32),
            largest=float(amount.max()) / PEAK,
            mean=float(amount.mean()) / PEAK,
        )
        self._pair = (first, second, gain, made)
        return made
