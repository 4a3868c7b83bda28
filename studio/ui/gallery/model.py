"""The model of the gallery: which pictures are listed, and what is known of each so far."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
    Slot,
)

from studio.gallery.search import matches
from studio.ui.core.background import Background
from studio.ui.gallery import text
from studio.ui.gallery.reading import Fetched, Loaded, fetch, load
from studio.ui.gallery.trash import GalleryTrash
from studio.ui.jobs.text import one_line, prompt_of
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore
    from studio.ui.core.notices import Notices
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.session import LiveTile


CACHED_ENTRIES = 4096
"""How many entries are cached; far more than fit on the screen."""
MAX_RANGES = 100
"""More changes than this reset the model."""
"""More changes than this reset the model."""
_FIRST_UNINDEXED = 2**62

RowRange = tuple[int, int]
"""A first and a last row."""


class Rows:
    """The ids of the listed pictures, newest (largest) first, and the entries read so far.

    A picture that the index does not list yet gets an id above all others, and its entry is never dropped.

    Attributes:
        ids: one for each row.
        unindexed: the entries that the index does not list, by their ids here.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.unindexed: dict[int, Entry] = {}
        self._cached: LRUCache[int, Entry] = LRUCache(CACHED_ENTRIES)

    def __len__(self) -> int:
        return len(self.ids)

    def place_of(self, number: int) -> int:
        """Return the row that an id has, or would have."""
        return bisect_left(self.ids, -number, key=_descending)

    def row_of(self, number: int) -> int | None:
        """Return the row of an id; None if it is not listed."""
        row = self.place_of(number)
        return row if row < len(self.ids) and self.ids[row] == number else None

    def id_of(self, entry: Entry) -> int | None:
        """Return the id of an entry here; None if it has none."""
        if entry.id is not None:
            return entry.id
        return next((number for number, kept in self.unindexed.items() if kept.path == entry.path), None)

    def add_unindexed(self, entry: Entry) -> int:
        """Give an entry that the index does not list an id."""
        number = max(self.unindexed, default=_FIRST_UNINDEXED - 1) + 1
        self.unindexed[number] = entry
        return number

    def entry(self, number: int) -> Entry | None:
        """Return the entry of an id; None if it has not been read."""
        return self.unindexed.get(number) or self._cached.get(number)

    def cache(self, entries: Iterable[Entry]) -> None:
        """Cache entries; the least recently used ones are dropped."""
        self._cached.update((entry.id, entry) for entry in entries if entry.id is not None)

    def forget(self, numbers: Iterable[int] | None = None) -> None:
        """Drop the entries of these ids; by default all that can be read again."""
        if numbers is None:
            self._cached.clear()
            return
        for number in numbers:
            self._cached.pop(number, None)
            self.unindexed.pop(number, None)


def row_ranges(rows: Sequence[int]) -> list[RowRange]:
    """Return ascending row numbers as ranges without gaps."""
    ranges: list[RowRange] = []
    for row in rows:
        if ranges and ranges[-1][1] == row - 1:
            ranges[-1] = (ranges[-1][0], row)
        else:
            ranges.append((row, row))
    return ranges


def row_changes(old: Sequence[int], new: Sequence[int]) -> tuple[list[RowRange], list[RowRange]] | None:
    """Return the row ranges of ``old`` to remove, then those of ``new`` to insert; None if they are too many."""
    if list(new[len(new) - len(old) :]) == list(old):  # the usual case: new pictures only
        added = len(new) - len(old)
        return [], [(0, added - 1)] if added else []
    stay, known = set(new), set(old)
    removed = row_ranges([row for row, number in enumerate(old) if number not in stay])
    inserted = row_ranges([row for row, number in enumerate(new) if number not in known])
    return None if len(removed) + len(inserted) > MAX_RANGES else (removed, inserted)


def _descending(number: int) -> int:
    return -number


Index = QModelIndex | QPersistentModelIndex

EntryRole = Qt.ItemDataRole.UserRole + 1
"""The row's `Entry`; None for the live tile, and while it is being read."""
ImageRole = Qt.ItemDataRole.UserRole + 2
"""A small QImage of it; None while it is being read."""
LiveRole = Qt.ItemDataRole.UserRole + 3
"""The `LiveTile`; None for finished pictures."""

SIDE_PX = 256
"""How large `ImageRole` is; a view that knows its tiles asks the thumbnails itself."""
_PAGE = 120
"""The most entries read at once."""
_REBUILD_MS = 1000
"""How often the list is read again while the catalogue is being rebuilt."""


class GalleryModel(QAbstractListModel):
    """The pictures that match the search, newest first; row 0 is the live tile while there is one.

    The model has only the ids of all rows. Entries are read in another thread for the rows that a view asks for, and
    are None until then; nothing here waits for the index or the disk.

    Attributes:
        notices: where errors and results are posted.
        background_reads: runs work that a view must not wait for, such as reading a whole picture.

    Signals:
        count_changed: the number of rows has changed.
        state_changed: `loaded` or `text` has changed.
        trashed: pictures were moved to the trash; carries their entries.
    """

    count_changed = Signal()
    state_changed = Signal()
    trashed = Signal(object)

    def __init__(
        self,
        store: PictureStore,
        thumbnails: Thumbnails,
        notices: Notices,
        runs: RunStore | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Read nothing yet; `reload` does. A picture's run of ``runs`` goes to the trash with it."""
        super().__init__(parent)
        self.thumbnails = thumbnails
        self._rows = Rows()
        self._live: LiveTile | None = None
        self._catalogue, self.notices = store.catalogue, notices
        self._set_aside = store.catalogue.set_aside
        self._background = Background(self)
        self.background_reads = Background(self)
        self._trash = GalleryTrash(store.catalogue, runs, notices, self._background, self)
        self._trash.trashed.connect(self._on_trashed)
        self._trash.restored.connect(self.add)
        self._text = self._listed_text = ""
        self._loaded = self._checked = False
        self._fault = ""
        self._version = 0  # counts changes made here, so that an older answer is not used
        self._requested: dict[int, None] = {}
        self._gone: set[int] = set()
        self._fetching = False
        self._fetch_soon = QTimer(self, singleShot=True, interval=0)
        self._fetch_soon.timeout.connect(self._fetch)
        self._load_later = QTimer(self, singleShot=True)
        self._load_later.timeout.connect(self._load)

    # ------------------------------------------------------------------------------------------------- questions
    @property
    def live(self) -> LiveTile | None:
        """The picture in progress; None if there is none."""
        return self._live

    @property
    def pictures(self) -> int:
        """How many finished pictures are listed."""
        return len(self._rows)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._rows) + self._offset

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        if not self.checkIndex(index, self.CheckIndexOption.IndexIsValid):
            return None
        if index.row() < self._offset:
            return self._live_data(role)
        entry = self.entry_at(index.row())
        if role == EntryRole:
            return entry
        if entry is None:
            return text.loading() if role == Qt.ItemDataRole.AccessibleTextRole else None
        if role == ImageRole:
            return self.thumbnails.image(entry.path, SIDE_PX)
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(prompt_of(entry.metadata))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return text.tile_name(entry)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let pictures be dragged; the live tile is not a file yet."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.row() >= self._offset else flags

    def supportedDragActions(self) -> Qt.DropAction:
        """Allow copying only: a drag never moves a file."""
        return Qt.DropAction.CopyAction

    def entry_at(self, row: int) -> Entry | None:
        """Return the entry of a row; None for the live tile, and until the entry, which this asks for, is read."""
        number = self.id_at(row)
        entry = self._rows.entry(number) if number is not None else None
        if entry is None and number is not None:
            self._request(number)
        return entry

    def id_at(self, row: int) -> int | None:
        """Return the id of a row's picture; None for the live tile."""
        place = row - self._offset
        return self._rows.ids[place] if 0 <= place < len(self._rows) else None

    def row_of(self, entry: Entry) -> int | None:
        """Return the row of an entry; None if it is not listed."""
        number = self._rows.id_of(entry)
        place = self._rows.row_of(number) if number is not None else None
        return place + self._offset if place is not None else None

    # --------------------------------------------------------------------------------------------------- changes
    def set_live(self, tile: LiveTile | None) -> None:
        """Show the picture in progress; None removes the live tile."""
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

    def list_all(self, ids: Sequence[int], *, reset: bool = False) -> None:
        """List these ids, largest first; rows that stay keep their selection, unless ``reset``."""
        found = None if reset else row_changes(self._rows.ids, ids)
        if found is None:
            self.beginResetModel()
            self._rows.ids = list(ids)
            self.endResetModel()
            self.count_changed.emit()
            return
        removed, inserted = found
        self._remove_ranges(removed)
        for first, last in inserted:
            self._insert_range(first, ids[first : last + 1])
        if removed or inserted:
            self.count_changed.emit()

    def insert(self, number: int) -> None:
        """List one more id."""
        if self._rows.row_of(number) is None:
            self._insert_range(self._rows.place_of(number), [number])
            self.count_changed.emit()

    def remove(self, numbers: Iterable[int]) -> None:
        places = sorted(place for number in numbers if (place := self._rows.row_of(number)) is not None)
        self._remove_ranges(row_ranges(places))
        if places:
            self.count_changed.emit()

    def cache(self, entries: Sequence[Entry]) -> None:
        """Cache entries that were read, and update their rows."""
        self._rows.cache(entries)
        rows = [row for entry in entries if (row := self.row_of(entry)) is not None]
        if rows:
            self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))

    # -------------------------------------------------------------------------------------------------- insides
    @property
    def _offset(self) -> int:
        return 1 if self._live is not None else 0

    def _insert_range(self, place: int, numbers: Sequence[int]) -> None:
        first = place + self._offset
        self.beginInsertRows(QModelIndex(), first, first + len(numbers) - 1)
        self._rows.ids[place:place] = numbers
        self.endInsertRows()

    def _remove_ranges(self, ranges: Sequence[RowRange]) -> None:
        for first, last in reversed(ranges):
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
            return text.live_tile(tile)
        return None

    # ------------------------------------------------------------------------------------------------------ the search
    @property
    def text(self) -> str:
        """The search text; "" lists all pictures."""
        return self._text

    @property
    def loaded(self) -> bool:
        """Whether the list was read once; before that an empty list means nothing."""
        return self._loaded

    def close(self) -> None:
        """Stop reading; waits for what is running."""
        self._fetch_soon.stop()
        self._load_later.stop()
        self._background.close()
        self.background_reads.close()
        self._catalogue.close()

    # ---------------------------------------------------------------------------------------------------- reading
    def search(self, words: str) -> None:
        """List only the pictures whose prompt or model name contains every word of ``words``."""
        if words != self._text:
            self._text = words
            self.state_changed.emit()
            self._load()

    @Slot()
    def reload(self) -> None:
        """Read the list again: other programs add pictures too, and drives are connected."""
        self.thumbnails.retry()
        self._load()

    def add(self, entry: Entry) -> None:
        """List a picture that was just saved."""
        self._version += 1
        number = self._rows.id_of(entry)
        if number is None:
            number = self._rows.add_unindexed(entry)
        if not self._was_replaced() and matches(entry.metadata, self._listed_text):
            self._rows.cache([entry])
            self.insert(number)

    def read_entries(self, rows: Sequence[int], then: Callable[[Sequence[Entry]], None]) -> None:
        """Call ``then`` with the entries of ``rows``, without the live tile, once all are read."""
        numbers = [number for row in rows if (number := self.id_at(row)) is not None]
        known = {number: entry for number in numbers if (entry := self._rows.entry(number)) is not None}
        missing = [number for number in numbers if number not in known]
        if not missing:
            then([known[number] for number in numbers])
            return

        def on_fetched(fetched: Fetched) -> None:
            self.cache(fetched.entries)
            found = known | {entry.id: entry for entry in fetched.entries if entry.id is not None}
            then([found[number] for number in numbers if number in found])

        self._background.do(partial(fetch, self._catalogue, missing), on_fetched, self._on_failed)

    @Slot()
    def _load(self) -> None:
        unindexed = dict(self._rows.unindexed)
        work = partial(load, self._catalogue, self._text, unindexed, recover=not self._loaded)
        self._background.do(
            work, partial(self._on_loaded, self._text, self._version), self._on_failed, key="load"
        )

    def _on_loaded(self, search: str, version: int, loaded: Loaded) -> None:
        self._rows.forget(loaded.indexed)
        if self._was_replaced() or search != self._text:  # it is being read again
            return
        if version != self._version:
            self._load()
            return
        self._fault = ""
        self._gone.clear()
        self._rows.cache(loaded.first)
        unindexed = [
            number for number, entry in self._rows.unindexed.items() if matches(entry.metadata, search)
        ]
        other, self._listed_text = search != self._listed_text, search
        self.list_all((*sorted(unindexed, reverse=True), *loaded.ids), reset=other or not self._loaded)
        if loaded.rebuilding:
            self._load_later.start(_REBUILD_MS)
        if not self._checked:  # after the list is shown: it reads the whole file
            self._checked = True
            self.background_reads.do(self._catalogue.check, self._on_checked, self._on_failed, key="check")
        self._loaded = True
        self.state_changed.emit()

    def _on_checked(self, damaged: bool) -> None:
        if damaged:
            self._was_replaced()

    def _request(self, number: int) -> None:
        if number in self._gone:
            return
        self._requested.pop(number, None)
        self._requested[number] = None
        if not self._fetching and not self._fetch_soon.isActive():
            self._fetch_soon.start()

    @Slot()
    def _fetch(self) -> None:
        """Read the entries asked for last; earlier ones have scrolled away, and are asked for again when shown."""
        ids = list(self._requested)[-_PAGE:]
        self._requested.clear()
        if ids:
            self._fetching = True
            self._background.do(
                partial(fetch, self._catalogue, ids), self._on_fetched, self._on_failed, key="fetch"
            )

    def _on_fetched(self, fetched: Fetched) -> None:
        self._fetching = False
        if self._was_replaced():
            return
        self._gone.update(fetched.gone)
        self.cache(fetched.entries)
        if fetched.gone:
            self._load()
        if self._requested:
            self._fetch_soon.start()

    def _on_failed(self, error: StudioError) -> None:
        self._fetching = False
        if str(error) != self._fault:  # posted once, not at every read
            self._fault = str(error)
            self.notices.post(tr(error.message), kind="error")

    def _was_replaced(self) -> bool:
        """Return whether a damaged index was replaced: then all ids have changed, and everything is read again."""
        if self._catalogue.set_aside == self._set_aside:
            return False
        self._set_aside = self._catalogue.set_aside
        self._rows.forget()
        self._loaded = False
        self.notices.post(tr(self._catalogue.set_aside_note), kind="warn")
        self._load()
        return True

    # ------------------------------------------------------------------------------------------------------ trash
    def trash(self, entries: Sequence[Entry]) -> None:
        """Move pictures to the system's trash; a notice offers to undo it."""
        self._trash.trash(entries)

    def trash_rows(self, rows: Sequence[int]) -> None:
        """Move the pictures of some rows to the trash; the live tile is left out."""
        self.read_entries(rows, self.trash)

    @Slot(object)
    def _on_trashed(self, entries: Sequence[Entry]) -> None:
        self._version += 1
        numbers = [number for entry in entries if (number := self._rows.id_of(entry)) is not None]
        self.remove(numbers)
        self._rows.forget(numbers)
        self.trashed.emit(entries)
