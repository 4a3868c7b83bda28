"""Thumbnails, made in the background: visible tiles first, and none for tiles that have scrolled away."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage

from studio.errors import StorageError
from studio.ui.core.images import ByteCache
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Key = tuple[Path, int]
    Make = Callable[[Path, int, float], QImage | str]

FOLDER = "thumbnails"
THREADS = 2
BUDGET_BYTES = 192 * 2**20
MAX_FAULTS = 10_000
CLOSE_MS = 10_000


class _Images(ByteCache["Key", QImage]):
    """The thumbnails in memory, and for each picture the key of the newest one."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, QImage.sizeInBytes)
        self.newest: dict[Path, Key] = {}

    def __setitem__(self, key: Key, image: QImage) -> None:
        super().__setitem__(key, image)
        self.newest[key[0]] = key

    def popitem(self) -> tuple[Key, QImage]:
        key, image = super().popitem()
        if self.newest.get(key[0]) == key:
            del self.newest[key[0]]
        return key, image


class Thumbnails(QObject):
    """A cache of square thumbnails with rounded corners, by path and side in device pixels. For the GUI thread.

    Signals:
        made: the thumbnail of this path was made, or could not be made.
    """

    made = Signal(object)
    _answered = Signal(object, object, object)

    def __init__(
        self,
        cache: Path | None = None,
        *,
        budget_bytes: int = BUDGET_BYTES,
        make: Make | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Make no thumbnails yet.

        Args:
            cache: the folder in which reduced pictures are cached; None caches none.
            budget_bytes: the most memory that thumbnails may use.
            make: returns the thumbnail for a path, side and radius, or an error sentence; by default it is read from
                the picture file.
            parent: the Qt parent.
        """
        super().__init__(parent)
        self._cache = cache / FOLDER if cache is not None else None
        self._make = make or partial(_make_thumbnail, cache=self._cache)
        self._images = _Images(budget_bytes)
        self._faults: dict[Path, str] = {}
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(THREADS)
        # Shared with the threads:
        self._lock = threading.Lock()
        self._requests: dict[object, tuple[list[Key], float]] = {}
        self._in_progress: set[Key] = set()
        self._threads = 0
        self._trimmed = cache is None
        self._closed = False
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)

    def image(self, path: Path, side: int) -> QImage | None:
        """Return the thumbnail of this side, else one of another side, else None. This requests nothing."""
        key = (path, side) if (path, side) in self._images else self._images.newest.get(path)
        return self._images[key] if key is not None else None

    def has(self, path: Path, side: int) -> bool:
        """Return whether there is nothing to make: the thumbnail of this side exists, or cannot be made."""
        return (path, side) in self._images or path in self._faults

    def fault(self, path: Path) -> str:
        """Return the error sentence of a picture; "" if there is none."""
        return self._faults.get(path, "")

    def want(self, who: object, keys: Sequence[Key], radius: float) -> None:
        """Request thumbnails in this order; earlier requests of the same view are dropped.

        Args:
            who: the view.
            keys: paths and sides.
            radius: the radius of the corners in device pixels.
        """
        missing = [key for key in keys if not self.has(*key)]
        with self._lock:
            self._requests.pop(who, None)
            if not missing or self._closed:
                return
            self._requests[who] = missing, radius  # at the end: the newest requests come first
            more = min(THREADS - self._threads, len(missing))
            self._threads += more
        for _ in range(more):
            self._pool.start(self._make_all)

    def retry(self) -> None:
        """Try pictures again that could not be read: their drive may be connected again."""
        self._faults.clear()

    def close(self) -> None:
        """Drop all requests, and wait for the threads."""
        with self._lock:
            self._closed = True
            self._requests.clear()
        self._pool.waitForDone(CLOSE_MS)

    # ------------------------------------------------------------------------------------------- in other threads
    def _make_all(self) -> None:
        try:
            while (request := self._next()) is not None:
                (path, side), radius = request
                answer = self._make(path, side, radius)
                if not self._closed:
                    self._answered.emit(path, side, answer)
        except BaseException:
            with self._lock:
                self._threads -= 1
            raise
        if self._cache is not None and not self._trimmed:
            self._trimmed = True
            _trim(self._cache)

    def _next(self) -> tuple[Key, float] | None:
        """Return the first request of the view that asked last; None ends the thread."""
        with self._lock:
            for who in reversed(self._requests):
                keys, radius = self._requests[who]
                while keys:
                    key = keys.pop(0)
                    if key not in self._in_progress and not self.has(*key):
                        self._in_progress.add(key)
                        return key, radius
            self._requests.clear()
            self._threads -= 1  # under the same lock, so that the next request starts another thread
            return None

    # ------------------------------------------------------------------------------------------ in the GUI thread
    @Slot(object, object, object)
    def _on_answered(self, path: Path, side: int, answer: QImage | str) -> None:
        if isinstance(answer, str):
            if len(self._faults) >= MAX_FAULTS:
                self._faults.clear()
            self._faults[path] = answer
        else:
            self._images[path, side] = answer
        with self._lock:
            self._in_progress.discard((path, side))
        if not self._closed:
            self.made.emit(path)


# numpy and Pillow are imported late and in the other thread: they would delay the opening of the window.
def _make_thumbnail(path: Path, side: int, radius: float, *, cache: Path | None) -> QImage | str:
    """Return a thumbnail, or an error sentence."""
    from studio.gallery.images import read_tile  # noqa: PLC0415

    try:
        pixels = read_tile(path, side, radius, cache)
    except StorageError as error:
        return tr(error.message)
    image = QImage(pixels.data, side, side, 4 * side, QImage.Format.Format_RGBA8888_Premultiplied)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)  # the fastest to paint


def _trim(cache: Path) -> None:
    from studio.gallery.images import trim  # noqa: PLC0415

    trim(cache)
