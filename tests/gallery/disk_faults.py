"""A disk that fails on demand, and a record of what it was asked to do.

`Disk` stands in for the ``os`` module in the files that write pictures: it passes every call on, notes it, and fails
the ones it was told to. `Row` does the same for SQLite.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

WATCHED = ("open", "write", "fsync", "link", "rename", "unlink", "close", "scandir", "stat", "fstat")


class Disk:
    """The ``os`` module with a counter, and faults from the ``fail_at``-th watched call on (or there only).

    Attributes:
        calls: what was asked for, in order: the names of `WATCHED`, with "fsync folder" for a folder's.
    """

    def __init__(self, fail_at: int = 0, code: int = 0, *, for_ever: bool = False) -> None:
        self.calls: list[str] = []
        self.failed: list[str] = []
        self._fail_at, self._code, self._for_ever = fail_at, code, for_ever

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it is whatever os has
        real = getattr(os, name)
        return self._watched(name, real) if name in WATCHED else real

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - as os has it
            folder = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            self.calls.append("fsync folder" if folder else name)
            now = len(self.calls)
            if self._fail_at and (now == self._fail_at or (self._for_ever and now > self._fail_at)):
                self.failed.append(name)
                if name == "write":  # a full disk takes a part first
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                if name == "close":
                    real(*args)
                raise OSError(self._code, os.strerror(self._code))
            return real(*args, **named)

        return call

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("studio.gallery.files.os", self)
        monkeypatch.setattr("studio.storage.os", self)


class Row:
    """SQLite connections that note BEGIN IMMEDIATE and COMMIT in ``calls``, and fail the ``fail_at``-th statement."""

    def __init__(self, calls: list[str], fail_at: int = 0, code: int = sqlite3.SQLITE_FULL) -> None:
        self.statements = 0
        self._calls, self._fail_at, self._code = calls, fail_at, code

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connect = sqlite3.connect
        row = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
                row.statements += 1
                if row.statements == row._fail_at:
                    error = sqlite3.OperationalError("it does not work")
                    error.sqlite_errorcode = row._code
                    raise error
                if sql in ("BEGIN IMMEDIATE", "COMMIT"):
                    row._calls.append(sql)
                return super().execute(sql, *args)

        monkeypatch.setattr(
            sqlite3, "connect", lambda *args, **named: connect(*args, factory=Connection, **named)
        )
