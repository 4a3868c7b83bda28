"""The SQLite index of all pictures: newest first, searchable, and never the truth.

The picture files are the truth. A damaged index is set aside and made anew from them; a missing file marks its entry as
missing and never removes it, so an unplugged drive costs nothing. Every row has a checksum of its own.

Every use opens its own connection, so any thread may come, none holds a stale file, and nothing needs closing. WAL with
synchronous=FULL: a transaction that returned survives a power cut, and readers do not wait for writers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sqlite3
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from studio.errors import RequestError, StorageError
from studio.gallery import png
from studio.gallery.files import counter_of
from studio.gallery.metadata import PictureMetadata
from studio.messages import message
from studio.storage import absolute, ensure_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finished picture.

    Attributes:
        path: its file, absolute.
        width: pixels.
        height: pixels.
        metadata: how it was made.
        id: its place in the catalogue, rising with time; None where it is not in the catalogue.
        missing: the file was not there when last looked for (moved, or its drive unplugged).
        notes: whole sentences the user should see; none where all went well.
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
    """What going through a folder found.

    Attributes:
        pictures: files of ours that are now in the catalogue, new or known.
        missing: entries whose file is gone; they stay in the catalogue.
        others: pictures that another program made; left alone.
        unreadable: one error for each file or folder that could not be read.
    """

    pictures: int
    missing: int
    others: int
    unreadable: tuple[StorageError, ...]


APPLICATION_ID = 0x53545057  # "STPW"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 5.0

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        metadata TEXT NOT NULL,
        words TEXT NOT NULL,
        missing INTEGER NOT NULL DEFAULT 0,
        checksum INTEGER NOT NULL
    )""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

# Primary result codes, https://www.sqlite.org/rescode.html
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_REASONS = {
    sqlite3.SQLITE_FULL: message("cannot be written: the disk is full"),
    sqlite3.SQLITE_READONLY: message("cannot be written: it or its folder is read-only"),
    sqlite3.SQLITE_CANTOPEN: message(
        "cannot be opened: this user has no permission there, or the drive is gone"
    ),
    sqlite3.SQLITE_PERM: message("cannot be opened: this user has no permission there"),
    sqlite3.SQLITE_BUSY: message("cannot be used: another program holds it"),
    sqlite3.SQLITE_LOCKED: message("cannot be used: another program holds it"),
    sqlite3.SQLITE_IOERR: message("cannot be used: the disk reports a fault (input/output error)"),
}


class DamagedError(Exception):
    """The file is no database, or its content contradicts itself.

    Attributes:
        file: which file it was when it was opened; another process may have replaced it since.
    """

    file: os.stat_result | None = None


class Database:
    """The SQLite file of one catalogue."""

    def __init__(self, file: Path) -> None:
        """Name the file; nothing is opened or created until it is used."""
        self.file = file
        self._checked: os.stat_result | None = None

    @contextlib.contextmanager
    def connection(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the file (made if need be) for one transaction, committed at the end, undone on any error.

        Raises:
            StorageError: it cannot be used now, or a newer program made it.
            DamagedError: it is damaged; see `set_aside`.
        """
        ensure_folder(self.file.parent)
        seen = self._stat()
        try:
            with contextlib.closing(sqlite3.connect(self.file, timeout=BUSY_TIMEOUT_S)) as connection:
                connection.isolation_level = None  # transactions are begun and ended here and nowhere else
                connection.text_factory = _decoded
                self._prepare(connection, seen)
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                        connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except DamagedError as error:
            error.file = seen
            raise
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGED:
                damaged = DamagedError(str(error))
                damaged.file = seen
                raise damaged from error
            raise StorageError(self.file, _REASONS.get(code, f"cannot be used: {error}")) from error

    def set_aside(self, damage: DamagedError) -> Path | None:
        """Give the damaged file a name of its own, never replacing one, and return it.

        Returns None where another process was faster: the file at hand is no longer the damaged one.

        Raises:
            StorageError: it cannot be renamed.
        """
        self._checked = None
        now = self._stat()
        if damage.file is None or now is None or not os.path.samestat(damage.file, now):
            return None
        try:
            for number in itertools.count(1):
                aside = self.file.with_name(f"{self.file.name}.damaged-{number}")
                if not os.path.lexists(aside):
                    break
            os.rename(self.file, aside)
            for tail in ("-wal", "-shm"):  # they belong to the damaged file, and would damage the new one
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{self.file}{tail}", f"{aside}{tail}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(self.file, f"is damaged and cannot be set aside ({error.strerror})") from error
        return aside

    def _prepare(self, connection: sqlite3.Connection, seen: os.stat_result | None) -> None:
        """Set the connection up, and check the file the first time it is seen; make the tables of a new one."""
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # means something on macOS only
        if seen is not None and self._checked is not None and os.path.samestat(seen, self._checked):
            return
        ours, version = _header(connection)
        if (ours, version) == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            _create(connection)
        elif ours != APPLICATION_ID:
            raise DamagedError("it is a database of another program")
        elif version > SCHEMA_VERSION:
            raise StorageError(self.file, "was made by a newer Stepwise Studio, and is left as it is")
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise DamagedError(found)
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            # Where another process is in the way or the file system cannot, the old mode is as safe, only slower.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
        self._checked = seen

    def _stat(self) -> os.stat_result | None:
        try:
            return os.stat(self.file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(self.file, error) from error


def _header(connection: sqlite3.Connection) -> tuple[int, int]:
    (ours,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return ours, version


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if _header(connection) == (0, 0):  # else another process made them meanwhile
        for statement in _SCHEMA:
            connection.execute(statement)
    connection.execute("COMMIT")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # damaged text is found by the row's checksum


COLUMNS = "id, path, width, height, metadata, words, missing, checksum"
# Nowhere else: in a text of the metadata every quotation mark has a backslash before it.
_FINAL = re.compile(r'"final_sha256": ?"([0-9a-f]{64})"')
# An entry that was taken out goes back to its old place, if nothing is there now.
_INSERT = """INSERT INTO pictures (id, path, width, height, metadata, words, checksum)
    VALUES ((SELECT ? WHERE NOT EXISTS (SELECT 1 FROM pictures WHERE id = ?)), ?, ?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET width = excluded.width, height = excluded.height, missing = 0,
    metadata = excluded.metadata, words = excluded.words, checksum = excluded.checksum"""


def insert(connection: sqlite3.Connection, entry: Entry) -> int:
    """Enter a picture, or renew it where its path is known; return its id."""
    path, metadata, words = path_bytes(entry.path), entry.metadata.to_json(), _words(entry.metadata)
    checksum = _checksum(path, entry.width, entry.height, metadata, words)
    row = (entry.id, entry.id, path, entry.width, entry.height, metadata, words, checksum)
    connection.execute(_INSERT, row)
    (number,) = connection.execute("SELECT id FROM pictures WHERE path = ?", (path,)).fetchone()
    return int(number)


def entry_of(row: tuple[int, bytes, int, int, str, str, int, int]) -> Entry:
    """Return the entry of a row. Raises DamagedError where the row is not as it was written."""
    number, path, width, height, metadata, words, missing, checksum = row
    if checksum != _checksum(path, width, height, metadata, words) + missing:
        raise DamagedError(f"the checksum of entry {number} is wrong")
    try:
        kept = PictureMetadata.from_json(metadata)
    except RequestError as error:
        raise DamagedError(str(error)) from error
    place = Path(os.fsdecode(path))
    return Entry(id=number, path=place, width=width, height=height, metadata=kept, missing=bool(missing))


def final_of(metadata: object) -> str:
    """Return the hash of the last state that a row's metadata names; "" where it names none."""
    found = _FINAL.search(str(metadata))
    return found[1] if found is not None else ""


def matching(text: str) -> tuple[list[str], list[str]]:
    """Return conditions for a WHERE, and their values, that hold for the rows with every word of ``text``."""
    words = [f"%{_escaped(word)}%" for word in _folded(text).split()]
    return [r"words LIKE ? ESCAPE '\'"] * len(words), words


def holds(metadata: PictureMetadata, text: str) -> bool:
    """Return whether a search for ``text`` finds a picture with ``metadata``."""
    words = _words(metadata)
    return all(word in words for word in _folded(text).split())


def path_bytes(path: Path) -> bytes:
    """Return a path as a row has it: names that are no text are kept too."""
    return os.fsencode(path.absolute())


def places(count: int) -> str:
    """Return the question marks for ``count`` values."""
    return ", ".join("?" * count)


def _escaped(word: str) -> str:
    for mark in "\\%_":
        word = word.replace(mark, f"\\{mark}")
    return word


def _words(metadata: PictureMetadata) -> str:
    return _folded(f"{metadata.request.get('prompt') or ''}\n{metadata.model}")


def _folded(text: str) -> str:
    kept = text.encode("utf-8", "replace").decode("utf-8")  # a search box may hold half a character
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).casefold())


def _checksum(path: bytes, width: int, height: int, metadata: str, words: str) -> int:
    return zlib.crc32(repr((path, width, height, metadata, words)).encode("utf-8"))


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

    def ids_by_final_hash(self) -> dict[str, int]:
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

    def rebuild(self, folder: Path) -> RebuildReport:
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

    def _go_through(self, folder: Path, use: Use) -> RebuildReport:
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
        return RebuildReport(pictures=pictures, missing=missing, others=others, unreadable=tuple(unreadable))

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
            except OSError:  # unknown whether the file exists: leave the entry as it is
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
