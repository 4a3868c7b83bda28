"""The training data: the pictures in a folder, listed while they are found, and read as training reads them.

Any thread may read pictures; the first that does imports numpy and Pillow.
"""

from __future__ import annotations

import importlib
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QImage, QPainter

from studio.errors import StorageError
from studio.ui.core.background import Background
from studio.ui.core.images import to_image
from studio.ui.language import tr

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.errors import StudioError
    from studio.training.data.inspect import Found, Refused


Index = QModelIndex | QPersistentModelIndex

FoundRole = Qt.ItemDataRole.UserRole + 1
"""The `Found`."""
BATCH_SECONDS = 0.1
"""The shortest time between two updates of the list."""


class TrainFolder(QAbstractListModel):
    """The pictures of one folder, in the order in which they are found.

    Attributes:
        folder: the folder; None before one is chosen.
        refused: the files that cannot be used.
        reading: whether the folder is still being read.
        fault: why it cannot be read, a translated sentence; "" if it can.

    Signals:
        changed: more files were found, or another folder was chosen.
    """

    changed = Signal()
    _batch = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder: Path | None = None
        self.refused: tuple[Refused, ...] = ()
        self.reading = False
        self.fault = ""
        self._found: list[Found] = []
        self._cancelled = threading.Event()
        self._background = Background(self)
        self._batch.connect(self._on_batch, Qt.ConnectionType.QueuedConnection)

    @property
    def found(self) -> tuple[Found, ...]:
        return tuple(self._found)

    @property
    def count(self) -> int:
        """The number of pictures found so far."""
        return len(self._found)

    @property
    def refused_count(self) -> int:
        return len(self.refused)

    @property
    def is_empty(self) -> bool:
        """Whether reading the folder is over and has found no file at all."""
        return self.folder is not None and not (self.reading or self._found or self.refused)

    def read_folder(self, folder: Path | None) -> None:
        """Read another folder, or the same one again; None clears the list."""
        self._cancelled.set()
        self._cancelled = threading.Event()
        self.beginResetModel()
        self.folder, self.refused, self.fault, self._found = folder, (), "", []
        self.reading = folder is not None
        self.endResetModel()
        self.changed.emit()
        if folder is not None:
            cancelled = self._cancelled
            self._background.do(
                partial(self._inspect, folder, cancelled),
                partial(self._on_read, cancelled),
                partial(self._on_failed, cancelled),
                key="folder",
            )

    def close(self) -> None:
        self._cancelled.set()
        self._background.close()

    # ----------------------------------------------------------------------------------------- in another thread
    def _inspect(self, folder: Path, cancelled: threading.Event) -> None:
        # Late: it imports numpy and Pillow, which the window opens without.
        inspect = importlib.import_module("studio.training.data.inspect")
        found: list[Found] = []
        refused: list[Refused] = []
        sent = time.monotonic()
        for item in inspect.inspect_folder(folder, cancelled):
            (found if isinstance(item, inspect.Found) else refused).append(item)
            if time.monotonic() - sent >= BATCH_SECONDS:
                self._batch.emit(cancelled, found, refused)
                found, refused, sent = [], [], time.monotonic()
        self._batch.emit(cancelled, found, refused)

    # --------------------------------------------------------------------------------------------- in the GUI thread
    @Slot(object, object, object)
    def _on_batch(self, cancelled: threading.Event, found: list[Found], refused: list[Refused]) -> None:
        if cancelled is not self._cancelled or not (found or refused):
            return
        self.refused += tuple(refused)
        if found:
            first = len(self._found)
            self.beginInsertRows(QModelIndex(), first, first + len(found) - 1)
            self._found += found
            self.endInsertRows()
        self.changed.emit()

    def _on_read(self, cancelled: threading.Event, _: None) -> None:
        if cancelled is self._cancelled:
            self.reading = False
            self.changed.emit()

    def _on_failed(self, cancelled: threading.Event, error: StudioError) -> None:
        if cancelled is self._cancelled:
            self.reading, self.fault = False, tr(error.message)
            self.changed.emit()

    # ------------------------------------------------------------------------------------------------- Qt's side
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._found)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        if not index.isValid() or index.row() >= len(self._found):
            return None
        found = self._found[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return found.caption
            case _ if role == FoundRole:
                return found
        return None


def read_square(path: Path, side: int) -> NDArray[np.uint8]:
    """Return the centre square of a picture, resized: uint8 (side, side, 3), read-only.

    Raises:
        StorageError: training cannot use the picture; the sentence says why.
    """
    # Late, as everywhere in the window: they import numpy and Pillow.
    import numpy as np  # noqa: PLC0415

    from studio.training.data import picture_files  # noqa: PLC0415

    try:
        pixels = np.ascontiguousarray(picture_files.read_square(path, side).transpose(1, 2, 0))
    except picture_files.UnusablePictureError as error:
        raise StorageError(path, error.reason) from error
    pixels.flags.writeable = False
    return pixels


def make_tile(path: Path, side: int, radius: float) -> QImage | str:
    """Return the tile of a picture with round corners, or a translated sentence if there is none."""
    try:
        picture = to_image(read_square(path, side))
    except StorageError as error:
        return tr(error.message)
    tile = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(picture))
    painter.drawRoundedRect(tile.rect(), radius, radius)
    painter.end()
    return tile
