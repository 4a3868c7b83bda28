"""The SQLite file of the gallery's index: connections, schema and damage. `studio.gallery.index` says what is in it.

**Connections** stay open and are used again: closing the last one would make SQLite copy its write-ahead log into the
file each time. A transaction has its connection to itself, so there are as many as threads at work at the same time.
They are not bound to threads, because those of Qt's pools come and go. WAL with synchronous=FULL: a transaction that
returned survives a power cut, and readers do not wait for writers, be they threads or other processes.

**Schema.** Version 2 adds the columns ``final_sha256``, ``created`` and ``seed``, with indexes, and a full-text index
(`studio.gallery.search`). Version 1 is migrated when it is opened: seconds for 100,000 pictures, which other
connections wait for.

**Damage.** A file that is damaged, or that a newer program made, is never overwritten: `Database.set_aside` renames it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import threading
import weakref
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from studio.diffusion.seeds import MAX_SEED
from studio.errors import StorageError
from studio.gallery import search
from studio.messages import message
from studio.storage import CAN_RENAME_OPEN_FILES, IN_USE, IO_FAULT, NO_SPACE, ensure_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.gallery.metadata import PictureMetadata

APPLICATION_ID = 0x53545057  # "STPW"
SCHEMA_VERSION = 2
BUSY_TIMEOUT_S = 5.0
SCHEMA_TIMEOUT_S = 300.0
"""How long a connection waits for another one that migrates the tables or builds the full-text index."""
_BATCH = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COLUMNS_OF_2 = (
    "final_sha256 TEXT NOT NULL DEFAULT ''",
    "created INTEGER NOT NULL DEFAULT 0",
    "seed INTEGER NOT NULL DEFAULT 0",
)
_TABLE = f"""CREATE TABLE IF NOT EXISTS pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    words TEXT NOT NULL,
    missing INTEGER NOT NULL DEFAULT 0,
    checksum INTEGER NOT NULL,
    {", ".join(_COLUMNS_OF_2)}
)"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS pictures_by_final_sha256 ON pictures (final_sha256)",
    "CREATE INDEX IF NOT EXISTS pictures_by_created ON pictures (created)",
    "CREATE INDEX IF NOT EXISTS pictures_by_seed ON pictures (seed)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

# Primary result codes, https://www.sqlite.org/rescode.html
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_REASONS = {
    sqlite3.SQLITE_FULL: NO_SPACE,
    sqlite3.SQLITE_READONLY: message("cannot be written: it or its folder is read-only"),
    sqlite3.SQLITE_CANTOPEN: message(
        "cannot be opened: this user has no permission there, or the drive is not connected"
    ),
    sqlite3.SQLITE_PERM: message("cannot be opened: this user has no permission there"),
    sqlite3.SQLITE_BUSY: IN_USE,
    sqlite3.SQLITE_LOCKED: IN_USE,
    sqlite3.SQLITE_IOERR: IO_FAULT,
}


class DamagedError(Exception):
    """The file is not our database, or its content contradicts itself.

    Attributes:
        file: which file it was when it was opened; another process may have replaced it since.
        kind: the word in the name that it is kept under.
    """

    file: os.stat_result | None = None
    kind = "damaged"


class NewerError(DamagedError):
    """The file was made by a newer version of the program."""

    kind = "newer"


class _Opened(NamedTuple):
    """An open connection, and the file it leads to."""

    connection: sqlite3.Connection
    file: os.stat_result


class Database:
    """The SQLite file of one index. Any thread may use it."""

    def __init__(self, file: Path) -> None:
        """Name the file; nothing is opened or created until it is used."""
        self.file = file
        self._idle: list[_Opened] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle, self._lock)

    @contextlib.contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield a connection for one transaction, committed at the end and rolled back on any error.

        The file is created if need be.

        Raises:
            StorageError: it cannot be used now.
            DamagedError: it is damaged or of a newer program; see `set_aside`.
        """
        seen = self._stat()
        try:
            opened = self._take(seen) or self._open()
            connection = opened.connection
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to report
                    connection.execute("ROLLBACK")
                connection.close()
                raise
            with self._lock:
                self._idle.append(opened)
        except DamagedError as error:
            error.file = seen
            raise
        except (sqlite3.Error, UnicodeDecodeError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            # A damaged schema may appear in the message of SQLite, where it is not text.
            if code in _DAMAGED or isinstance(error, UnicodeDecodeError):
                damaged = DamagedError(str(error))
                damaged.file = seen
                raise damaged from error
            reason = _REASONS.get(code) or message("cannot be used: {fault}", fault=str(error))
            raise StorageError(self.file, reason) from error

    def close(self) -> None:
        """Close the idle connections; the next transaction opens another."""
        _close_all(self._idle, self._lock)

    def set_aside(self, damage: DamagedError) -> Path | None:
        """Rename the damaged file, never replacing another, and return its new path.

        Returns None if another process was faster: the file at hand is no longer the damaged one.

        Raises:
            StorageError: it cannot be renamed.
        """
        now = self._stat()
        if damage.file is None or now is None or not os.path.samestat(damage.file, now):
            return None
        if not CAN_RENAME_OPEN_FILES:
            self.close()  # elsewhere later: SQLite leaves a file that was moved as it is
        try:
            for number in itertools.count(1):
                aside = self.file.with_name(f"{self.file.name}.{damage.kind}-{number}")
                if not os.path.lexists(aside):
                    break
            os.rename(self.file, aside)
            for tail in ("-wal", "-shm"):  # they belong to the damaged file, and would damage the new one
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{self.file}{tail}", f"{aside}{tail}")
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = message("is damaged and cannot be set aside ({fault})", fault=error.strerror)
            raise StorageError(self.file, reason) from error
        self.close()
        return aside

    def _take(self, seen: os.stat_result | None) -> _Opened | None:
        """Return an idle connection to the file that is there now, and close those to a file that was replaced."""
        while True:
            with self._lock:
                opened = self._idle.pop() if self._idle else None
            if opened is None or (seen is not None and os.path.samestat(opened.file, seen)):
                return opened
            opened.connection.close()

    def _open(self) -> _Opened:
        ensure_folder(self.file.parent)
        connection = sqlite3.connect(
            self.file, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.text_factory = _decode
            self._prepare(connection)
            file = self._stat()
            if file is None:
                raise sqlite3.OperationalError("it was removed at this moment")
        except BaseException:
            connection.close()
            raise
        return _Opened(connection, file)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Configure a new connection; create or migrate the tables if need be."""
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # means something on macOS only
        ours, version = _header(connection)
        if (ours, version) == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            _create(connection)
        elif ours != APPLICATION_ID:
            raise DamagedError("it is a database of another program")
        elif version > SCHEMA_VERSION:
            raise NewerError(f"it has version {version}")
        elif version < SCHEMA_VERSION:
            with _busy_timeout(connection, SCHEMA_TIMEOUT_S):
                _migrate(connection)
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            # Where another process is in the way or the file system cannot, the old mode is as safe, only slower.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
        with _busy_timeout(connection, SCHEMA_TIMEOUT_S):
            search.prepare(connection)

    def _stat(self) -> os.stat_result | None:
        try:
            return os.stat(self.file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(self.file, error) from error


def columns_of(metadata: PictureMetadata) -> tuple[str, int, int]:
    """Return what the columns ``final_sha256``, ``created`` (microseconds since 1970) and ``seed`` hold."""
    return metadata.final_sha256, _microseconds(metadata.created), _signed(metadata.seed)


def _columns_in(text: str) -> tuple[str, int, int]:
    """Return the same for metadata as JSON, twenty times as fast as `PictureMetadata.from_json`.

    A damaged row gets the defaults of the columns; when it is read, it is found by its checksum.
    """
    try:
        values = json.loads(text)
        created = _microseconds(datetime.fromisoformat(values["created"]))
        final, seed = str(values["final_sha256"]), int(values["seed"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return "", 0, 0
    return (final, created, _signed(seed)) if 0 <= seed <= MAX_SEED else ("", 0, 0)


def _signed(seed: int) -> int:
    """Return the 64 bits of a seed as the signed number that SQLite stores."""
    return seed - 2**64 if seed >= 2**63 else seed


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _close_all(idle: list[_Opened], lock: threading.Lock) -> None:
    with lock:
        closing = idle.copy()
        idle.clear()
    for opened in closing:
        opened.connection.close()


@contextlib.contextmanager
def _busy_timeout(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Wait longer than usual for other connections, instead of failing."""
    connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_TIMEOUT_S)}")


def _header(connection: sqlite3.Connection) -> tuple[int, int]:
    (ours,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return ours, version


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if _header(connection) == (0, 0):  # no other process was faster
        for statement in (_TABLE, *_INDEXES):
            connection.execute(statement)
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a file of version 1 to version 2, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    if _header(connection)[1] == 1:
        for column in _COLUMNS_OF_2:
            connection.execute(f"ALTER TABLE pictures ADD COLUMN {column}")
        rows = _columns_of_rows(connection, -1)
        while rows:
            connection.executemany(
                "UPDATE pictures SET final_sha256 = ?, created = ?, seed = ? WHERE id = ?", rows
            )
            rows = _columns_of_rows(connection, rows[-1][-1])
        for statement in _INDEXES:
            connection.execute(statement)
    connection.execute("COMMIT")


def _columns_of_rows(connection: sqlite3.Connection, after: int) -> list[tuple[str, int, int, int]]:
    """Return the new columns and the id of the rows that come after an id, as many as are updated at once."""
    query = f"SELECT id, metadata FROM pictures WHERE id > ? ORDER BY id LIMIT {_BATCH}"
    return [(*_columns_in(text), number) for number, text in connection.execute(query, (after,))]


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # damaged text is found by the row's checksum
