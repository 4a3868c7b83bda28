"""The index of all pictures: newest first, searchable, and never the truth.

The picture files are the truth. A missing file marks its entry as missing and never removes it, so an unplugged drive
costs nothing. Every row has a checksum of its own.

A damaged index is set aside, and another thread builds a new one from the files. It can be used meanwhile: it lists
what was entered so far, and takes new pictures. Entries are ordered by id. New pictures get rising ids; a picture that
is found in a folder gets the time it was made as its id, which is where it belongs among the others that were found.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from studio.errors import RequestError, StorageError
from studio.gallery import png, search
from studio.gallery.database import DamagedError, Database, columns_of
from studio.gallery.files import counter_of
from studio.gallery.metadata import PictureMetadata
from studio.logs import report_unexpected
from studio.messages import Message, message
from studio.storage import absolute, ensure_folder, is_locked, lock_file, storage_error, unlock_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence

FILE_NAME = "pictures.sqlite3"
PAGE = 100
_BATCH = 500
_BATCH_S = 2.0
"""The longest time that a rebuild collects pictures before it inserts them."""
_STOP_S = 10.0
"""How long closing waits for the file that a rebuild is reading; a network drive may not answer."""
_FIRST_TIME_ID = 2**40
"""Ids from here on are times: the microseconds since 1970."""

Answer = TypeVar("Answer")
Work = Callable[["sqlite3.Connection"], Answer]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finished picture.

    Attributes:
        path: its file, absolute.
        width: pixels.
        height: pixels.
        metadata: how it was made.
        id: its position in the index, rising with time; None if it is not in the index.
        missing: the file was not there at the last check (it was moved, or its drive is not connected).
        notes: whole sentences the user should see; none if all went well.
    """

    path: Path
    width: int
    height: int
    metadata: PictureMetadata
    id: int | None = None
    missing: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RebuildReport:
    """The result of going through a folder.

    Attributes:
        pictures: pictures of ours that are now in the index, new or known.
        missing: entries whose file is gone; they stay in the index.
        others: pictures of other programs, which are ignored.
        unreadable: one error for each file or folder that could not be read.
    """

    pictures: int
    missing: int
    others: int
    unreadable: tuple[StorageError, ...]


class Catalogue:
    """The index in one folder. Any thread and several processes may use it.

    Attributes:
        set_aside: the path under which this object kept a damaged index; None if none was damaged.
        set_aside_note: a sentence about that; empty if there is nothing to say.
    """

    def __init__(self, folder: Path, pictures: Path | None = None) -> None:
        """Name the index's folder, and the folder of pictures it is rebuilt from if it is damaged."""
        self.set_aside: Path | None = None
        self.set_aside_note = Message("", {})
        self._database = Database(folder / FILE_NAME)
        self._pictures = pictures
        self._rebuild = _Rebuild(self._database, folder / f"{FILE_NAME}.rebuilding")
        weakref.finalize(self, self._rebuild.stop)

    # --------------------------------------------------------------------------------------------------- reading
    def entries(self, *, limit: int = PAGE, before: int | None = None) -> tuple[Entry, ...]:
        """Return up to ``limit`` entries, newest first; the next page is ``before`` the last one's id.

        Raises:
            StorageError: the index cannot be read.
        """
        return self.search("", limit=limit, before=before)

    def search(self, text: str, *, limit: int = PAGE, before: int | None = None) -> tuple[Entry, ...]:
        """Return what `entries` does, of the pictures whose prompt or model contains every word of ``text``.

        Parts of words count, upper and lower case do not.

        Raises:
            StorageError: the index cannot be read.
        """

        def read(connection: sqlite3.Connection) -> tuple[Entry, ...]:
            terms, values = search.condition(connection, text)
            if before is not None:
                terms.append("id < ?")
            query = f"SELECT {_COLUMNS} FROM pictures {_where(terms)} ORDER BY id DESC LIMIT ?"
            parameters = (*values, *([before] if before is not None else []), limit)
            return tuple(_entry_of(row) for row in connection.execute(query, parameters))

        return self._use(read)

    def ids(self, text: str = "") -> tuple[int, ...]:
        """Return the ids of all entries that `search` finds, newest first.

        Raises:
            StorageError: the index cannot be read.
        """

        def read(connection: sqlite3.Connection) -> tuple[int, ...]:
            terms, values = search.condition(connection, text)
            found = connection.execute(f"SELECT id FROM pictures {_where(terms)}", values).fetchall()
            # Sorted here: SQLite would walk the large rows for their order, where a small index is enough.
            return tuple(sorted((number for (number,) in found), reverse=True))

        return self._use(read)

    def entries_of(self, ids: Sequence[int]) -> tuple[Entry, ...]:
        """Return the entries of these ids, in their order; those that are gone are left out.

        Raises:
            StorageError: the index cannot be read.
        """

        def read(connection: sqlite3.Connection) -> tuple[Entry, ...]:
            found: dict[int, Entry] = {}
            for some in _batches(ids):
                query = f"SELECT {_COLUMNS} FROM pictures WHERE id IN ({_marks(some)})"
                found |= {row[0]: _entry_of(row) for row in connection.execute(query, some)}
            return tuple(found[number] for number in ids if number in found)

        return self._use(read)

    def ids_by_final_hash(self, hashes: Collection[str] | None = None) -> dict[str, int]:
        """Return the newest entry's id by the hash of the last state of its run.

        Args:
            hashes: of which states; None returns all.

        Raises:
            StorageError: the index cannot be read.
        """
        query = "SELECT final_sha256, max(id) FROM pictures WHERE {} GROUP BY final_sha256"

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            if hashes is None:
                return dict(connection.execute(query.format("final_sha256 != ''")).fetchall())
            found: dict[str, int] = {}
            for some in _batches([final for final in hashes if final]):
                found |= connection.execute(
                    query.format(f"final_sha256 IN ({_marks(some)})"), some
                ).fetchall()
            return found

        return self._use(read)

    def count(self) -> int:
        """Return the number of entries, missing ones included. Raises StorageError."""
        return self._use(
            lambda connection: int(connection.execute("SELECT count(*) FROM pictures").fetchone()[0])
        )

    # --------------------------------------------------------------------------------------------------- writing
    def add(self, entry: Entry) -> int:
        """Enter a picture whose file is safe on the disk, and return its id. A known path is renewed.

        An entry that has an id because it was removed before goes back to its position.

        Raises:
            StorageError: the index cannot be written.
        """

        def enter(connection: sqlite3.Connection) -> int:
            (last,) = connection.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()
            if entry.id is not None and entry.id < _FIRST_TIME_ID <= (last or 0):
                # It was removed before the index was rebuilt, from another position.
                return insert(connection, replace(entry, id=_free_id(connection, entry.metadata)))
            return insert(connection, entry)

        return self._use(enter, write=True)

    def remove(self, entries: Sequence[Entry]) -> None:
        """Remove entries whose files were moved to the trash; `add` puts one back in its position.

        Raises:
            StorageError: the index cannot be written.
        """
        # By their paths: an index that was rebuilt meanwhile has other ids.
        paths = [(_path_bytes(entry.path),) for entry in entries]

        def delete(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM pictures WHERE path = ?", paths)

        self._use(delete, write=True)

    # ------------------------------------------------------------------------------------------------ rebuilding
    def rebuild(self, folder: Path) -> RebuildReport:
        """Go through ``folder`` and those below it: enter every picture of ours, mark entries without a file.

        Raises:
            StorageError: the folder is not there (then nothing is changed), or the index cannot be written.
        """
        folder = absolute(folder)
        report = self._retry(lambda: _go_through(self._database, folder))
        assert report is not None  # nothing stops it
        return report

    def recover(self) -> bool:
        """Begin to rebuild the index from its folder of pictures, in another thread; it may have been lost.

        Returns:
            Whether there are pictures to rebuild it from.

        Raises:
            StorageError: the index cannot be written.
        """
        pictures = absolute(self._pictures) if self._pictures is not None else None
        if pictures is None or next(_png_files(pictures, []), None) is None:
            return False
        self._retry(lambda: self._rebuild.start(pictures))
        return True

    def is_rebuilding(self) -> bool:
        """Return whether the index is being rebuilt, and continue a rebuild whose process has ended.

        Raises:
            StorageError: the index cannot be written.
        """
        if not self._rebuild.is_unfinished():
            return False
        return self._rebuild.is_running() or self.recover()

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when a rebuild by this object has ended, or after so many seconds; None waits without a limit."""
        self._rebuild.wait(timeout_s)

    def check(self) -> bool:
        """Check the structure of the whole file, which takes its time, and return whether it was damaged.

        Damage that a use meets is found without this; rows that have vanished are not.

        Raises:
            StorageError: the index cannot be read.
        """
        before = self.set_aside
        self._use(_check_structure)
        return self.set_aside != before

    def close(self) -> None:
        """Stop a rebuild, which is continued at the next start, and close the connections; may be used again."""
        self._rebuild.stop()
        self._database.close()

    # --------------------------------------------------------------------------------------------------- insides
    def _use(self, work: Work[Answer], *, write: bool = False) -> Answer:
        """Do ``work`` in one transaction."""

        def once() -> Answer:
            with self._database.transaction(write=write) as connection:
                return work(connection)

        return self._retry(once)

    def _retry(self, work: Callable[[], Answer]) -> Answer:
        """Do ``work``; if the index is damaged, do it with a new one, which another thread fills."""
        try:
            return work()
        except DamagedError as damage:
            aside = self._database.set_aside(damage)
            if aside is not None:
                self.set_aside, self.set_aside_note = aside, _note_on(damage, aside)
        try:
            if aside is not None and self._pictures is not None and self._pictures.is_dir():
                self._rebuild.start(self._pictures.absolute())
            return work()
        except DamagedError as error:
            reason = message("is damaged again after it was rebuilt: {fault}", fault=str(error))
            raise StorageError(self._database.file, reason) from error


class _Rebuild:
    """Fills an index from a folder, in another thread.

    A file beside the index, locked by the process at work, says that there is something left to do.
    """

    def __init__(self, database: Database, mark: Path) -> None:
        self._database, self._mark = database, mark
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def start(self, folder: Path) -> None:
        """Begin, unless another thread or process is at work. Raises StorageError and DamagedError."""
        with self._lock:
            if self.is_running():
                return
            self._stopped.clear()
            ensure_folder(self._mark.parent)
            mark = lock_file(self._mark)
            try:
                _reserve_ids(self._database)
            except BaseException:
                _unlock(mark)
                raise
            self._thread = threading.Thread(
                target=self._run, args=(folder, mark), name="index rebuild", daemon=True
            )
            self._thread.start()

    def is_unfinished(self) -> bool:
        return os.path.lexists(self._mark)

    def is_running(self) -> bool:
        own = self._thread is not None and self._thread.is_alive()
        return own or (self.is_unfinished() and is_locked(self._mark))

    def wait(self, timeout_s: float | None = None) -> None:
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def stop(self) -> None:
        self._stopped.set()
        self.wait(_STOP_S)

    def _run(self, folder: Path, mark: int | None) -> None:
        done = False
        try:
            done = _go_through(self._database, folder, self._stopped) is not None
        except (StorageError, DamagedError):
            pass  # the next use of the index meets the same fault, and reports it
        except BaseException as error:  # noqa: BLE001 - no caller waits for a result: it goes to the log file
            report_unexpected(error)
        finally:
            if done and mark is not None:
                unlock_file(mark, self._mark)
            else:
                _unlock(mark)


def _unlock(mark: int | None) -> None:
    """Let another process continue; the file stays."""
    if mark is not None:
        with contextlib.suppress(OSError):
            os.close(mark)


def _note_on(damage: DamagedError, aside: Path) -> Message:
    if damage.kind == "newer":
        return message(
            "The index of pictures was made by a newer Stepwise Studio. It is kept as {path}, and a new one is being "
            "built.",
            path=aside,
        )
    return message(
        "The index of pictures was damaged. It is kept as {path}, and a new one is being built.", path=aside
    )


# ------------------------------------------------------------------------------------------------------------ rows
_COLUMNS = "id, path, width, height, metadata, words, missing, checksum"
# An entry that was removed goes back to its old position, unless that is taken now.
_INSERT = """INSERT INTO pictures (id, path, width, height, metadata, words, checksum, final_sha256, created, seed)
    VALUES ((SELECT ? WHERE NOT EXISTS (SELECT 1 FROM pictures WHERE id = ?)), ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET width = excluded.width, height = excluded.height, missing = 0,
    metadata = excluded.metadata, words = excluded.words, checksum = excluded.checksum,
    final_sha256 = excluded.final_sha256, created = excluded.created, seed = excluded.seed"""


def insert(connection: sqlite3.Connection, entry: Entry) -> int:
    """Enter a picture, or renew it if its path is known; return its id."""
    path, metadata, words = (
        _path_bytes(entry.path),
        entry.metadata.to_json(),
        search.searchable_text(entry.metadata),
    )
    checksum = _checksum(path, entry.width, entry.height, metadata, words)
    row = (entry.id, entry.id, path, entry.width, entry.height, metadata, words, checksum)
    connection.execute(_INSERT, (*row, *columns_of(entry.metadata)))
    (number,) = connection.execute("SELECT id FROM pictures WHERE path = ?", (path,)).fetchone()
    return int(number)


def _entry_of(row: tuple[int, bytes, int, int, str, str, int, int]) -> Entry:
    """Return the entry of a row. Raises DamagedError if the row is not as it was written."""
    number, path, width, height, metadata, words, missing, checksum = row
    if checksum != _checksum(path, width, height, metadata, words) + missing:
        raise DamagedError(f"the checksum of entry {number} is wrong")
    try:
        kept = PictureMetadata.from_json(metadata)
    except RequestError as error:
        raise DamagedError(str(error)) from error
    place = Path(os.fsdecode(path))
    return Entry(id=number, path=place, width=width, height=height, metadata=kept, missing=bool(missing))


def _path_bytes(path: Path) -> bytes:
    """Return a path as a row has it; a name that is not text is kept too."""
    return os.fsencode(path.absolute())


def _checksum(path: bytes, width: int, height: int, metadata: str, words: str) -> int:
    return zlib.crc32(repr((path, width, height, metadata, words)).encode("utf-8"))


def _where(terms: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(terms)}" if terms else ""


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _batches(values: Sequence[Answer]) -> Iterator[Sequence[Answer]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def _check_structure(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise DamagedError(found)


# ------------------------------------------------------------------------------------------------- pictures in folders
def _go_through(
    database: Database, folder: Path, stopped: threading.Event | None = None
) -> RebuildReport | None:
    """Enter the pictures in a folder and those below it, the newest first.

    Args:
        database: the index.
        folder: the folder.
        stopped: for a rebuild in the background, which skips what is listed already: end when it is set.

    Returns:
        What was found; None if it was stopped.
    """
    if not folder.is_dir():
        raise StorageError(folder, message("cannot be found (was it moved, or the drive unplugged?)"))
    unreadable: list[StorageError] = []
    pictures = others = 0
    listed = _listed(database) if stopped is not None else frozenset[bytes]()
    batch: list[Entry] = []
    entered = time.monotonic()
    for path in _png_files(folder, unreadable):
        if stopped is not None and stopped.is_set():
            return None
        if _path_bytes(path) in listed:
            pictures += 1
            continue
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
        if len(batch) == _BATCH or time.monotonic() - entered > _BATCH_S:
            _enter(database, batch)
            batch, entered = [], time.monotonic()
    _enter(database, batch)
    missing = _mark_missing(database, folder)
    return RebuildReport(pictures=pictures, missing=missing, others=others, unreadable=tuple(unreadable))


def _enter(database: Database, entries: Sequence[Entry]) -> None:
    """Enter pictures that were found; those not listed yet get the position of the time they were made."""
    with database.transaction(write=True) as connection:
        for entry in entries:
            insert(connection, replace(entry, id=_free_id(connection, entry.metadata)))


def _free_id(connection: sqlite3.Connection, metadata: PictureMetadata) -> int:
    """Return the id for a picture by its time: the microseconds since 1970, or the next free number below."""
    _, created, _ = columns_of(metadata)
    if connection.execute("SELECT 1 FROM pictures WHERE id = ?", (created,)).fetchone() is None:
        return created
    query = """SELECT id - 1 FROM pictures AS taken WHERE id <= ?
        AND NOT EXISTS (SELECT 1 FROM pictures WHERE id = taken.id - 1) ORDER BY id DESC LIMIT 1"""
    return int(connection.execute(query, (created,)).fetchone()[0])


def _reserve_ids(database: Database) -> None:
    """Let new pictures come after all that were made before now."""
    now = time.time_ns() // 1000
    with database.transaction(write=True) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'pictures'").fetchone()
        if known is None:
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('pictures', ?)", (now,))
        else:
            query = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'pictures'"
            connection.execute(query, (now,))


def _listed(database: Database) -> frozenset[bytes]:
    """Return the paths of all entries whose files are not missing."""
    with database.transaction() as connection:
        return frozenset(
            path for (path,) in connection.execute("SELECT path FROM pictures WHERE NOT missing")
        )


def _mark_missing(database: Database, folder: Path) -> int:
    """Mark the entries in a folder whose files are gone, and return how many there are."""
    with database.transaction() as connection:
        rows = connection.execute("SELECT id, path, missing FROM pictures").fetchall()
    gone: list[tuple[int]] = []
    missing = 0
    for number, path, marked in rows:  # outside a transaction: looking for files may take long
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
            except OSError:  # unknown whether the file exists: leave the entry as it is
                continue
    if gone:
        query = "UPDATE pictures SET missing = 1, checksum = checksum + 1 WHERE id = ? AND NOT missing"
        with database.transaction(write=True) as connection:
            connection.executemany(query, gone)
    return missing


def _png_files(folder: Path, unreadable: list[StorageError]) -> Iterator[Path]:
    """Yield the PNG files in and below ``folder``, in each the highest number first, following no links."""

    def note(error: OSError) -> None:
        unreadable.append(storage_error(error.filename or folder, error))

    for place, below, names in os.walk(folder, onerror=note):
        below.sort(reverse=True)
        pngs = [name for name in names if name.lower().endswith(".png")]
        for name in sorted(pngs, key=lambda name: (counter_of(name) or 0, name), reverse=True):
            path = Path(place, name)
            if not path.is_symlink():
                yield path
