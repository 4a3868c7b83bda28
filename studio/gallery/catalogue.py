"""The index of all pictures: newest first, searchable, and never the truth.

The picture files are the truth. A damaged catalogue is set aside and made anew from them; a file that is not there
marks its entry missing and never removes it, so an unplugged drive costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from studio.errors import StorageError
from studio.folders import absolute, storage_error
from studio.gallery import png
from studio.gallery.database import DamagedError, Database
from studio.gallery.entry import Entry, Rebuilt
from studio.gallery.names import counter_of
from studio.gallery.rows import COLUMNS, entry_of, final_of, insert, matching, path_bytes, places

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

FILE_NAME = "pictures.sqlite3"
PAGE = 100
_BATCH = 500

Answer = TypeVar("Answer")
Work = Callable[["sqlite3.Connection"], Answer]


class Use(Protocol):
    """Do some work in one transaction and return its answer."""

    def __call__(self, work: Work[Answer], *, write: bool = False) -> Answer:
        """Return what ``work`` returns."""


class Catalogue:
    """The catalogue in one folder. Any thread may use it; nothing needs closing.

    Attributes:
        set_aside: where a damaged catalogue was put by this object; None where none was.
    """

    def __init__(self, folder: Path, pictures: Path | None = None) -> None:
        """Name the catalogue's folder, and the folder of pictures it is made anew from when it is damaged."""
        self.set_aside: Path | None = None
        self._database = Database(folder / FILE_NAME)
        self._pictures = pictures

    def add(self, entry: Entry) -> int:
        """Enter a picture whose file is safe on the disk, and return its id. A known path is renewed.

        An entry that has an id, because it was taken out, goes back to its place.

        Raises:
            StorageError: the catalogue cannot be written.
        """
        return self._use(lambda connection: insert(connection, entry), write=True)

    def entries(self, *, limit: int = PAGE, before: int | None = None) -> tuple[Entry, ...]:
        """Return up to ``limit`` entries, newest first; the next page is ``before`` the last one's id.

        Raises:
            StorageError: the catalogue cannot be read.
        """
        return self.search("", limit=limit, before=before)

    def search(self, text: str, *, limit: int = PAGE, before: int | None = None) -> tuple[Entry, ...]:
        """Return what `entries` does, of the pictures with every word of ``text`` in their prompt or model.

        Parts of words count, upper and lower case do not.

        Raises:
            StorageError: the catalogue cannot be read.
        """
        terms, words = matching(text)
        if before is not None:
            terms = ["id < ?", *terms]
        query = f"SELECT {COLUMNS} FROM pictures {_where(terms)} ORDER BY id DESC LIMIT ?"
        values = (*([before] if before is not None else []), *words, limit)
        return self._use(lambda connection: tuple(entry_of(row) for row in connection.execute(query, values)))

    def ids(self, text: str = "") -> tuple[int, ...]:
        """Return the ids of all entries that `search` finds, newest first.

        Raises:
            StorageError: the catalogue cannot be read.
        """
        terms, words = matching(text)
        query = f"SELECT id FROM pictures {_where(terms)} ORDER BY id DESC"
        return self._use(lambda connection: tuple(number for (number,) in connection.execute(query, words)))

    def entries_of(self, ids: Sequence[int]) -> tuple[Entry, ...]:
        """Return the entries of these ids, in their order; those that are gone are left out.

        Raises:
            StorageError: the catalogue cannot be read.
        """

        def read(connection: sqlite3.Connection) -> tuple[Entry, ...]:
            found: dict[int, Entry] = {}
            for start in range(0, len(ids), _BATCH):
                some = ids[start : start + _BATCH]
                query = f"SELECT {COLUMNS} FROM pictures WHERE id IN ({places(len(some))})"
                found |= {row[0]: entry_of(row) for row in connection.execute(query, some)}
            return tuple(found[number] for number in ids if number in found)

        return self._use(read)

    def finals(self) -> dict[str, int]:
        """Return the newest entry's id by the hash of the last state in its metadata.

        Raises:
            StorageError: the catalogue cannot be read.
        """

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            rows = connection.execute("SELECT id, metadata FROM pictures ORDER BY id")
            return {final: number for number, text in rows if (final := final_of(text))}

        return self._use(read)

    def remove(self, entries: Sequence[Entry]) -> None:
        """Take out entries whose files the user threw away; `add` puts one back in its place.

        Raises:
            StorageError: the catalogue cannot be written.
        """
        # By their paths: a catalogue that was made anew meanwhile has other ids.
        paths = [(path_bytes(entry.path),) for entry in entries]

        def delete(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM pictures WHERE path = ?", paths)

        self._use(delete, write=True)

    def count(self) -> int:
        """Return how many entries there are, missing ones too. Raises StorageError."""
        return self._use(
            lambda connection: int(connection.execute("SELECT count(*) FROM pictures").fetchone()[0])
        )

    def rebuild(self, folder: Path) -> Rebuilt:
        """Go through ``folder`` and those below it: enter every picture of ours, mark entries without a file.

        Raises:
            StorageError: the folder is not there (then nothing is changed), or the catalogue cannot be written.
        """
        return self._go_through(absolute(folder), self._use)

    def recover(self) -> None:
        """Go through the store's own folder of pictures, where it is there: the catalogue may have been lost.

        Raises:
            StorageError: the catalogue cannot be written.
        """
        if self._pictures is not None and self._pictures.is_dir():
            self.rebuild(self._pictures)

    def _go_through(self, folder: Path, use: Use) -> Rebuilt:
        if not folder.is_dir():
            raise StorageError(folder, "cannot be found (was it moved, or the drive unplugged?)")
        unreadable: list[StorageError] = []
        pictures = others = 0
        batch: list[Entry] = []

        def enter() -> None:
            use(lambda connection: [insert(connection, entry) for entry in batch], write=True)
            batch.clear()

        for path in _png_files(folder, unreadable):
            try:
                found = png.read(path)
            except StorageError as error:
                unreadable.append(error)
                continue
            if found.metadata is None:
                others += 1
                continue
            batch.append(Entry(path=path, width=found.width, height=found.height, metadata=found.metadata))
            pictures += 1
            if len(batch) == _BATCH:
                enter()
        enter()
        missing = use(lambda connection: _mark_missing(connection, folder), write=True)
        return Rebuilt(pictures=pictures, missing=missing, others=others, unreadable=tuple(unreadable))

    def _use(self, work: Work[Answer], *, write: bool = False) -> Answer:
        """Do ``work`` in one transaction. A damaged catalogue is first set aside and made anew."""
        try:
            return self._once(work, write=write)
        except DamagedError as damage:
            self.set_aside = self._database.set_aside(damage) or self.set_aside
        try:
            if self._pictures is not None and self._pictures.is_dir():
                self._go_through(self._pictures.absolute(), self._once)
            return self._once(work, write=write)
        except DamagedError as error:
            reason = f"is damaged again after it was made anew: {error}"
            raise StorageError(self._database.file, reason) from error

    def _once(self, work: Work[Answer], *, write: bool = False) -> Answer:
        with self._database.connection(write=write) as connection:
            return work(connection)


def _where(terms: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(terms)}" if terms else ""


def _mark_missing(connection: sqlite3.Connection, folder: Path) -> int:
    gone: list[tuple[int]] = []
    missing = 0
    for number, path, marked in connection.execute("SELECT id, path, missing FROM pictures"):
        if not isinstance(path, bytes):
            raise DamagedError(f"entry {number} has no path")
        place = Path(os.fsdecode(path))
        if place.is_relative_to(folder):
            try:
                os.lstat(place)
            except (FileNotFoundError, NotADirectoryError):
                missing += 1
                if not marked:
                    gone.append((number,))
            except OSError:  # it cannot be told: leave the entry as it is
                continue
    connection.executemany("UPDATE pictures SET missing = 1, checksum = checksum + 1 WHERE id = ?", gone)
    return missing


def _png_files(folder: Path, unreadable: list[StorageError]) -> Iterator[Path]:
    """Yield the PNG files in and below ``folder``, in the order of their numbers, following no links."""

    def note(error: OSError) -> None:
        unreadable.append(storage_error(error.filename or folder, error))

    for place, below, names in os.walk(folder, onerror=note):
        below.sort()
        pngs = [name for name in names if name.lower().endswith(".png")]
        for name in sorted(pngs, key=lambda name: (counter_of(name) or 0, name)):
            path = Path(place, name)
            if not path.is_symlink():
                yield path
