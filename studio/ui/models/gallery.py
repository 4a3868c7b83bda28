"""All pictures ever made, as the window shows them: read, searched, added to, thrown away and brought back.

The model holds only ids. Entries are read in another thread for the rows that somebody looks at, and stand as None
until they come; nothing here waits for the catalogue or the disk.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.gallery.rows import holds
from studio.ui.core.background import Background
from studio.ui.models.gallery_list import EntryRole, GalleryList, ImageRole, LiveRole, LiveTile
from studio.ui.models.gallery_reading import Fetched, Loaded, fetch, load
from studio.ui.models.gallery_trash import GalleryTrash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.errors import StudioError
    from studio.gallery.entry import Entry
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore
    from studio.ui.core.notices import Notices
    from studio.ui.core.thumbnails import Thumbnails

__all__ = ["EntryRole", "GalleryModel", "ImageRole", "LiveRole", "LiveTile"]

_PAGE = 120
"""The most entries read at once."""


class GalleryModel(GalleryList):
    """The pictures that match the search, newest first; row 0 is the live tile while there is one.

    Attributes:
        notices: where it tells what happened.
        errands: does what a view must not wait for, such as reading a whole picture.

    Signals:
        state_changed: `loaded` or `text` is another.
        thrown: pictures are in the trash; carries their entries.
    """

    state_changed = Signal()
    thrown = Signal(object)

    def __init__(
        self,
        store: PictureStore,
        thumbnails: Thumbnails,
        notices: Notices,
        runs: RunStore | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Read nothing yet; `reload` does. A picture's run of ``runs`` goes to the trash with it."""
        super().__init__(thumbnails, parent)
        self._catalogue, self.notices = store.catalogue, notices
        self._set_aside = store.catalogue.set_aside
        self._background = Background(self)
        self.errands = Background(self)
        self._trash = GalleryTrash(store.catalogue, runs, notices, self._background, self)
        self._trash.thrown.connect(self._on_thrown)
        self._trash.back.connect(self.add)
        self._text = self._listed_text = ""
        self._loaded = False
        self._fault = ""
        self._version = 0  # how often the list changed by itself, so that an older answer is not believed
        self._wanted: dict[int, None] = {}
        self._gone: set[int] = set()
        self._fetching = False
        self._fetch_soon = QTimer(self)
        self._fetch_soon.setSingleShot(True)
        self._fetch_soon.setInterval(0)
        self._fetch_soon.timeout.connect(self._fetch)

    @property
    def text(self) -> str:
        """What is searched for; "" lists all."""
        return self._text

    @property
    def loaded(self) -> bool:
        """Whether the list was read once; before that an empty list means nothing."""
        return self._loaded

    def close(self) -> None:
        """Stop reading; what was begun is ended first."""
        self._fetch_soon.stop()
        self._background.close()
        self.errands.close()

    # ---------------------------------------------------------------------------------------------------- reading
    def search(self, text: str) -> None:
        """List only the pictures whose prompt or model holds every word of ``text``."""
        if text != self._text:
            self._text = text
            self.state_changed.emit()
            self._load()

    @Slot()
    def reload(self) -> None:
        """Read the list again: other programs make pictures too, and drives are plugged in."""
        self.thumbnails.retry()
        self._load()

    def add(self, entry: Entry) -> None:
        """List a picture that was just kept."""
        self._version += 1
        number = self._rows.id_of(entry)
        if number is None:
            number = self._rows.name_loose(entry)
        if not self._is_renewed() and holds(entry.metadata, self._listed_text):
            self._rows.know([entry])
            self.insert(number)

    def read_entries(self, rows: Sequence[int], then: Callable[[Sequence[Entry]], None]) -> None:
        """Call ``then`` with the entries of some rows, read or not: at once, or when they were. No live tile."""
        numbers = [number for row in rows if (number := self.id_at(row)) is not None]
        known = {number: entry for number in numbers if (entry := self._rows.entry(number)) is not None}
        missing = [number for number in numbers if number not in known]
        if not missing:
            then([known[number] for number in numbers])
            return

        def on_fetched(fetched: Fetched) -> None:
            self.know(fetched.entries)
            found = known | {entry.id: entry for entry in fetched.entries if entry.id is not None}
            then([found[number] for number in numbers if number in found])

        self._background.do(partial(fetch, self._catalogue, missing), on_fetched, self._on_failed)

    def _load(self) -> None:
        loose = dict(self._rows.loose)
        work = partial(load, self._catalogue, self._text, loose, recover=not self._loaded)
        self._background.do(
            work, partial(self._on_loaded, self._text, self._version), self._on_failed, key="load"
        )

    def _on_loaded(self, text: str, version: int, loaded: Loaded) -> None:
        self._rows.forget(loaded.entered)
        if self._is_renewed() or text != self._text:  # it is being read again
            return
        if version != self._version:
            self._load()
            return
        self._fault = ""
        self._gone.clear()
        self._rows.know(loaded.first)
        loose = [number for number, entry in self._rows.loose.items() if holds(entry.metadata, text)]
        other, self._listed_text = text != self._listed_text, text
        self.list_all((*sorted(loose, reverse=True), *loaded.ids), anew=other or not self._loaded)
        self._loaded = True
        self.state_changed.emit()

    def _want(self, number: int) -> None:
        if number in self._gone:
            return
        self._wanted.pop(number, None)
        self._wanted[number] = None
        if not self._fetching and not self._fetch_soon.isActive():
            self._fetch_soon.start()

    @Slot()
    def _fetch(self) -> None:
        """Read what was looked at last; what was wanted before has scrolled away, and will be asked for again."""
        ids = list(self._wanted)[-_PAGE:]
        self._wanted.clear()
        if ids:
            self._fetching = True
            self._background.do(
                partial(fetch, self._catalogue, ids), self._on_fetched, self._on_failed, key="fetch"
            )

    def _on_fetched(self, fetched: Fetched) -> None:
        self._fetching = False
        if self._is_renewed():
            return
        self._gone.update(fetched.gone)
        self.know(fetched.entries)
        if fetched.gone:
            self._load()
        if self._wanted:
            self._fetch_soon.start()

    def _on_failed(self, error: StudioError) -> None:
        self._fetching = False
        if str(error) != self._fault:  # not again at every look
            self._fault = str(error)
            self.notices.post(self._fault, kind="error")

    def _is_renewed(self) -> bool:
        """Whether the catalogue was made anew meanwhile: then all ids are others, and all is read again."""
        if self._catalogue.set_aside == self._set_aside:
            return False
        self._set_aside = self._catalogue.set_aside
        self._rows.forget()
        self._loaded = False
        self.notices.post(
            f"The catalogue of pictures was damaged. It is kept as {self._set_aside} and was made anew.",
            kind="warn",
        )
        self._load()
        return True

    # ------------------------------------------------------------------------------------------------------ trash
    def trash(self, entries: Sequence[Entry]) -> None:
        """Move pictures to the system's trash; a notice offers to undo it."""
        self._trash.throw(entries)

    def trash_rows(self, rows: Sequence[int]) -> None:
        """Move the pictures of some rows to the trash; the live tile is left out."""
        self.read_entries(rows, self.trash)

    @Slot(object)
    def _on_thrown(self, entries: Sequence[Entry]) -> None:
        self._version += 1
        numbers = [number for entry in entries if (number := self._rows.id_of(entry)) is not None]
        self.remove(numbers)
        self._rows.forget(numbers)
        self.thrown.emit(entries)
