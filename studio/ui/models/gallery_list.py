"""The rows of the gallery as Qt sees them: the live tile, then one picture for each id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from studio.ui.jobs.picture_text import NO_PROMPT, accessible_text, one_line, prompt_of
from studio.ui.models.gallery_rows import Rows, changes, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QImage

    from studio.gallery.entry import Entry
    from studio.ui.core.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex

EntryRole = Qt.ItemDataRole.UserRole + 1
"""The row's `Entry`; None for the live tile, and while it is being read."""
ImageRole = Qt.ItemDataRole.UserRole + 2
"""A small QImage of it; None while it is being read."""
LiveRole = Qt.ItemDataRole.UserRole + 3
"""The `LiveTile`; None for finished pictures."""

SIDE_PX = 256
"""How large `ImageRole` is; a view that knows its tiles asks the thumbnails itself."""


@dataclass(frozen=True, eq=False)
class LiveTile:
    """The picture that forms.

    Attributes:
        job_id: its job.
        prompt: of what.
        image: the newest preview; None before the first.
        step: steps taken so far.
        steps: of how many.
        level: the noise level, 1 (all noise) to 0.
    """

    job_id: str
    prompt: str
    image: QImage | None
    step: int
    steps: int
    level: float


class GalleryList(QAbstractListModel):
    """Row 0 is the live tile while there is one; the others are pictures, newest first.

    Signals:
        count_changed: there are more or fewer rows than before.
    """

    count_changed = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        """Begin empty."""
        super().__init__(parent)
        self.thumbnails = thumbnails
        self._rows = Rows()
        self._live: LiveTile | None = None

    # ------------------------------------------------------------------------------------------------- questions
    @property
    def live(self) -> LiveTile | None:
        """The picture that forms."""
        return self._live

    @property
    def pictures(self) -> int:
        """How many finished pictures are listed."""
        return len(self._rows)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows) + self._offset

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Return what a row says in a role."""
        if not self.checkIndex(index, self.CheckIndexOption.IndexIsValid):
            return None
        if index.row() < self._offset:
            return self._live_data(role)
        entry = self.entry_at(index.row())
        if role == EntryRole:
            return entry
        if entry is None:
            return "Being read" if role == Qt.ItemDataRole.AccessibleTextRole else None
        if role == ImageRole:
            return self.thumbnails.image(entry.path, SIDE_PX)
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(prompt_of(entry.metadata))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return accessible_text(entry)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let pictures be dragged, but not the live tile, which is no file yet."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.row() >= self._offset else flags

    def supportedDragActions(self) -> Qt.DropAction:
        """Pictures are copied out, never moved away."""
        return Qt.DropAction.CopyAction

    def entry_at(self, row: int) -> Entry | None:
        """Return the entry of a row; None for the live tile, and while it is being read (then it is asked for)."""
        number = self.id_at(row)
        entry = self._rows.entry(number) if number is not None else None
        if entry is None and number is not None:
            self._want(number)
        return entry

    def id_at(self, row: int) -> int | None:
        """Return what stands for a row's picture, read or not; None for the live tile."""
        place = row - self._offset
        return self._rows.ids[place] if 0 <= place < len(self._rows) else None

    def row_of(self, entry: Entry) -> int | None:
        """Return the row of an entry; None where it is not listed."""
        number = self._rows.id_of(entry)
        place = self._rows.row_of(number) if number is not None else None
        return place + self._offset if place is not None else None

    # --------------------------------------------------------------------------------------------------- changes
    def set_live(self, tile: LiveTile | None) -> None:
        """Show how the running job stands; None ends it."""
        if (tile is None) != (self._live is None):
            if tile is None:
                self.beginRemoveRows(QModelIndex(), 0, 0)
                self._live = None
                self.endRemoveRows()
            else:
                self.beginInsertRows(QModelIndex(), 0, 0)
                self._live = tile
                self.endInsertRows()
            self.count_changed.emit()
        elif tile is not None:
            self._live = tile
            self.dataChanged.emit(self.index(0), self.index(0))

    def list_all(self, ids: Sequence[int], *, anew: bool = False) -> None:
        """List these ids, falling; rows that stay keep their selection, unless all is ``anew``."""
        found = None if anew else changes(self._rows.ids, ids)
        if found is None:
            self.beginResetModel()
            self._rows.ids = list(ids)
            self.endResetModel()
            self.count_changed.emit()
            return
        gone, come = found
        self._remove_runs(gone)
        for first, last in come:
            self._insert_run(first, ids[first : last + 1])
        if gone or come:
            self.count_changed.emit()

    def insert(self, number: int) -> None:
        """List one more id, at its place."""
        if self._rows.row_of(number) is None:
            self._insert_run(self._rows.place_of(number), [number])
            self.count_changed.emit()

    def remove(self, numbers: Iterable[int]) -> None:
        """List these ids no more."""
        places = sorted(place for number in numbers if (place := self._rows.row_of(number)) is not None)
        self._remove_runs(runs_of(places))
        if places:
            self.count_changed.emit()

    def know(self, entries: Sequence[Entry]) -> None:
        """Take entries that were read."""
        self._rows.know(entries)
        rows = [row for entry in entries if (row := self.row_of(entry)) is not None]
        if rows:
            self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))

    def _want(self, number: int) -> None:
        """Have the entry of an id read; whoever can read overrides this."""

    # -------------------------------------------------------------------------------------------------- insides
    @property
    def _offset(self) -> int:
        return 1 if self._live is not None else 0

    def _insert_run(self, place: int, numbers: Sequence[int]) -> None:
        first = place + self._offset
        self.beginInsertRows(QModelIndex(), first, first + len(numbers) - 1)
        self._rows.ids[place:place] = numbers
        self.endInsertRows()

    def _remove_runs(self, runs: Sequence[tuple[int, int]]) -> None:
        for first, last in reversed(runs):
            self.beginRemoveRows(QModelIndex(), first + self._offset, last + self._offset)
            del self._rows.ids[first : last + 1]
            self.endRemoveRows()

    def _live_data(self, role: int) -> object:
        tile = self._live
        if tile is None:
            return None
        if role == LiveRole:
            return tile
        if role == ImageRole:
            return tile.image
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(tile.prompt)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Forming: {one_line(tile.prompt) or NO_PROMPT}, step {tile.step} of {tile.steps}"
        return None
