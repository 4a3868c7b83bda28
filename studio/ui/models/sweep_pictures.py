"""The pictures of a sweep's cells: the newest in memory, the others read from their files when they are looked at."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.errors import StudioError
    from studio.ui.core.background import Background

    Pixels = NDArray[np.uint8]

MAX_BYTES: Final = 96 * 2**20


class SweepPictures(QObject):
    """Pixels by the place of their cell.

    Signals:
        read: the picture of another cell is there.
        gone: it cannot be read: its place.
    """

    read = Signal()
    gone = Signal(int)

    def __init__(
        self, background: Background, max_bytes: int = MAX_BYTES, parent: QObject | None = None
    ) -> None:
        """Read in the ``background``."""
        super().__init__(parent)
        self._background, self._max_bytes = background, max_bytes
        self._pixels: OrderedDict[int, Pixels] = OrderedDict()
        self._bytes = self._version = 0
        self._asked: set[int] = set()

    def clear(self) -> None:
        """Forget all; what is being read is not taken in any more."""
        self._pixels.clear()
        self._asked.clear()
        self._bytes = 0
        self._version += 1

    def get(self, place: int) -> Pixels | None:
        """Return the picture of a cell where it is in memory."""
        if place in self._pixels:
            self._pixels.move_to_end(place)
        return self._pixels.get(place)

    def put(self, place: int, pixels: Pixels) -> None:
        """Remember the picture of a cell; those looked at longest ago go first."""
        old = self._pixels.pop(place, None)
        self._bytes += pixels.nbytes - (old.nbytes if old is not None else 0)
        self._pixels[place] = pixels
        while self._bytes > self._max_bytes and len(self._pixels) > 1:
            _, dropped = self._pixels.popitem(last=False)
            self._bytes -= dropped.nbytes

    def want(self, place: int, path: Path) -> None:
        """Have the picture of a cell read, unless it was asked for already."""
        if place not in self._asked:
            self._asked.add(place)
            key = place, self._version
            self._background.do(
                partial(_read, path), partial(self._on_read, key), partial(self._on_failed, key)
            )

    def _on_read(self, key: tuple[int, int], pixels: Pixels) -> None:
        place, version = key
        if version == self._version:
            self._asked.discard(place)
            self.put(place, pixels)
            self.read.emit()

    def _on_failed(self, key: tuple[int, int], error: StudioError) -> None:
        del error
        place, version = key
        if version == self._version:
            self._asked.discard(place)
            self.gone.emit(place)


def _read(path: Path) -> Pixels:
    # By name: it brings numpy and Pillow, which the window opens without.
    pixels: Pixels = importlib.import_module("studio.gallery.pixels").read_pixels(path)
    return pixels
