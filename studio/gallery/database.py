"""The catalogue's SQLite file: opening it safely, checking it, setting a damaged one aside.

Every use opens its own connection, so any thread may come, none holds a stale file, and nothing needs closing. WAL
with synchronous=FULL: a transaction that returned survives a power cut, and readers do not wait for writers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from typing import TYPE_CHECKING

from studio.errors import StorageError
from studio.folders import ensure, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
    sqlite3.SQLITE_READONLY: "cannot be written: it or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: this user has no permission there, or the drive is gone",
    sqlite3.SQLITE_PERM: "cannot be opened: this user has no permission there",
    sqlite3.SQLITE_BUSY: "cannot be used: another program holds it",
    sqlite3.SQLITE_LOCKED: "cannot be used: another program holds it",
    sqlite3.SQLITE_IOERR: "cannot be used: the disk reports a fault (input/output error)",
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
        ensure(self.file.parent)
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
