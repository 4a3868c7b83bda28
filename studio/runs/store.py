"""The folder of all recorded runs, and the disk space they may take. Importable without torch and NumPy.

Where runs take more than the budget, the states of the oldest are deleted first and then, one by one, the little that
is left of them; a pinned run, one that is being recorded (by this process or another) and the newest never are.
Pictures lie elsewhere and are not touched by anything here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from studio.errors import StorageError, UnknownNameError
from studio.messages import message
from studio.runs.format import LOCK_FILE, PIN_FILE, RUN_FILE, STATES_FILE, is_run_id
from studio.runs.reader import StoredRun, read_run_header, read_run_result
from studio.storage import (
    NAMES_TAKEN,
    as_storage_error,
    ensure_folder,
    is_locked,
    lock_file,
    read_small,
    storage_error,
    unlock_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studio.folders import Folders
    from studio.runs.format import RunHeader


BUDGET_BYTES = 2 * 2**30
MAX_RUNS = 5_000
"""More are never kept, however little each takes: a list of them is read when a run begins."""
_REMOVED = ".removed-"
_ATTEMPTS = 100
_SPARE = 10
"""Freeing space frees a tenth of the budget more than needed, so that the folder is scanned only once in many runs."""
BUDGET_FILE = "budget"
_MAX_DIGITS = 20
_BLOCK = 512  # of st_blocks, whatever the disk's own are


def size_of(path: Path) -> int:
    """Return the disk space that a folder's files take, in bytes."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as found:
        for item in found:
            total += _allocated(item.stat(follow_symlinks=False))
    return total


def _allocated(status: os.stat_result) -> int:
    # A file that was made at its full length and is not yet filled takes less.
    return status.st_blocks * _BLOCK if hasattr(status, "st_blocks") else status.st_size


def delete(path: Path) -> int:
    """Delete a folder, as far as that can be done; return how many bytes that freed."""
    size = size_of(path)
    shutil.rmtree(path, ignore_errors=True)
    return size - size_of(path)


def delete_states(path: Path) -> int:
    """Delete the arrays of a run, but keep its header and journal; a folder that is not a run is deleted entirely.

    Returns the number of freed bytes.
    """
    if not (path / RUN_FILE).is_file():
        return delete(path)
    size = size_of(path)
    for file in [path / STATES_FILE, *path.glob("history-*.safetensors")]:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    return size - size_of(path)


def read_budget(folder: Path, otherwise: int) -> int:
    """Return the budget that was remembered in a folder of runs."""
    with contextlib.suppress(OSError, ValueError, StorageError):
        text = read_small(folder / BUDGET_FILE, _MAX_DIGITS)
        if text.isdigit():
            return int(text)
    return otherwise


def remember_budget(folder: Path, budget_bytes: int) -> None:
    """Let every program that records runs in a folder keep to one budget."""
    with contextlib.suppress(OSError):
        (folder / BUDGET_FILE).write_text(str(budget_bytes), encoding="ascii")


@dataclass(frozen=True)
class KnownRun:
    """Cached facts of a run that has ended; they no longer change.

    Attributes:
        header: what it is of.
        final_sha256: hash of its last state; None if it was interrupted.
    """

    header: RunHeader
    final_sha256: str | None


class RunStore:
    """The recorded runs of one user. Any thread may use it; nothing needs closing.

    Attributes:
        folder: where they are.
        budget_bytes: how much disk space they may take; it may be set.
    """

    def __init__(self, folder: Path, budget_bytes: int | None = None) -> None:
        """Name the folder, which is made when the first run is, and the budget; None is the one last used there."""
        self._remembered = read_budget(folder, BUDGET_BYTES)
        self.folder, self.budget_bytes = folder, self._remembered if budget_bytes is None else budget_bytes
        self._lock = threading.RLock()
        self._known: dict[str, KnownRun] = {}
        self._locks: dict[str, int | None] = {}
        self._used: int | None = None

    @classmethod
    def of(cls, folders: Folders, budget_bytes: int | None = None) -> Self:
        """Return the store of one user's folders."""
        return cls(folders.runs, budget_bytes)

    def runs(self) -> tuple[str, ...]:
        """Return the ids of all runs, newest first; none where their folder is not there."""
        with contextlib.suppress(OSError, ValueError), os.scandir(self.folder) as found:
            ids = [item.name for item in found if is_run_id(item.name) and item.is_dir(follow_symlinks=False)]
            return tuple(sorted(ids, key=_order, reverse=True))
        return ()

    def find(self, text: str) -> str:
        """Return the id that a person means: the id itself, its number, or "last" for the newest.

        Raises:
            UnknownNameError: there is no such run.
            StorageError: the number is that of several.
        """
        ids = self.runs()
        if text == "last" and ids:
            return ids[0]
        meant = [run for run in ids if text == run or (text.isdecimal() and _order(run)[0] == int(text[:12]))]
        if len(meant) > 1:
            reason = message(
                "has several runs with the number {number}: {runs}", number=text, runs=", ".join(meant)
            )
            raise StorageError(self.folder, reason)
        if not meant:
            raise UnknownNameError("run", text, ids[:10])
        return meant[0]

    def open(self, run: str) -> StoredRun:
        """Return a run.

        Raises:
            StorageError: there is none of this id, or it cannot be read.
        """
        return StoredRun(self.path(run))

    def path(self, run: str) -> Path:
        """Return the folder of a run. Raises StorageError if the id is invalid."""
        if not is_run_id(run):
            raise StorageError(self.folder, message("cannot contain a run with this name"))
        return self.folder / run

    def of_picture(self, final_sha256: str) -> str | None:
        """Return the newest run that ended in a picture, by the hash in its metadata; None if there is none."""
        return next((run for run, known in self.known() if known.final_sha256 == final_sha256), None)

    def forks_of(self, run: str) -> tuple[str, ...]:
        """Return the runs that go on from one, oldest first."""
        return tuple(fork for fork, known in reversed(self.known()) if known.header.parent == run)

    def known(self) -> list[tuple[str, KnownRun]]:
        """Return what is known of each run, newest first; what cannot be read is left out."""
        found = []
        for run in self.runs():
            known = self._known.get(run)
            if known is None:
                try:
                    header, picture = read_run_header(self.path(run)), read_run_result(self.path(run))
                except StorageError:
                    continue
                known = KnownRun(header, picture.final_sha256 if picture is not None else None)
                if picture is not None:
                    self._known[run] = known
            found.append((run, known))
        return found

    def has_states(self, run: str) -> bool:
        """Whether the states of a run have not been deleted."""
        return (self.path(run) / STATES_FILE).exists()

    def is_pinned(self, run: str) -> bool:
        """Whether the states of a run are never deleted."""
        return os.path.lexists(self.path(run) / PIN_FILE)

    def pin(self, run: str) -> None:
        """Keep the states of a run whatever the budget. Raises StorageError."""
        with as_storage_error(self.path(run)):
            (self.path(run) / PIN_FILE).touch()

    def unpin(self, run: str) -> None:
        """Undo `pin`. Raises StorageError."""
        with as_storage_error(self.path(run)):
            (self.path(run) / PIN_FILE).unlink(missing_ok=True)

    def used_bytes(self) -> int:
        """Return how much disk space all runs take, removed ones too."""
        with contextlib.suppress(OSError, ValueError), os.scandir(self.folder) as found:
            return sum(
                size_of(self.folder / item.name) for item in found if item.is_dir(follow_symlinks=False)
            )
        return 0

    def reserve(self, size: int) -> None:
        """Make space for a run of ``size`` bytes within the budget; goes through the folder only where in doubt."""
        with self._lock:
            if self._used is None or self._used + size > self.budget_bytes:
                self._used = self.used_bytes()
            if (excess := self._used + size - self.budget_bytes) > 0:
                self._used -= self._delete_oldest(excess + self.budget_bytes // _SPARE)
            self._used += size

    def trim(self, size: int = 0) -> int:
        """Delete what is more than the budget, leaving space for ``size`` bytes; return how many bytes were freed.

        Removed runs go first, then the states of the oldest runs, then the rest of them. What cannot be deleted stays.
        """
        with self._lock:
            used = self.used_bytes()
            freed = self._delete_oldest(used + size - self.budget_bytes)
            self._used = used - freed
            return freed

    def _delete_oldest(self, excess: int) -> int:
        """Delete so many bytes, as far as there are any that may be; return how many were freed."""
        if excess <= 0:
            return 0
        freed = sum(map(delete, self.folder.glob(f"{_REMOVED}*")))
        oldest = self._deletable(self.runs())
        for shrink in (delete_states, delete):
            for path in oldest:
                if freed >= excess:
                    return freed
                freed += shrink(path)
        return freed

    def _deletable(self, runs: Sequence[str]) -> list[Path]:
        """Return the folders of runs that may be deleted, the oldest first."""
        return [
            self.folder / run
            for run in reversed(runs[1:])
            if not (run in self._locks or self.is_pinned(run) or is_locked(self.folder / run / LOCK_FILE))
        ]

    def remove(self, run: str) -> None:
        """Remove a run; `restore` can undo it until the space is needed. Raises StorageError."""
        with as_storage_error(self.path(run)):
            self.path(run).rename(self.folder / f"{_REMOVED}{run}")

    def restore(self, run: str) -> None:
        """Undo `remove`. Raises StorageError."""
        with as_storage_error(self.path(run)):
            (self.folder / f"{_REMOVED}{run}").rename(self.path(run))

    def create(self) -> str:
        """Make the folder of a new run and return its id; until `release` no process deletes anything of it.

        Raises:
            StorageError: it cannot be made.
        """
        ensure_folder(self.folder)
        if self._remembered != self.budget_bytes:
            remember_budget(self.folder, self.budget_bytes)
            self._remembered = self.budget_bytes
        for _ in range(_ATTEMPTS):
            runs = self.runs()
            number = _order(runs[0])[0] + 1 if runs else 1
            run = f"{number:06d}-{secrets.token_hex(4)}"
            try:
                os.mkdir(self.folder / run)
            except FileExistsError:
                continue
            except OSError as error:
                raise storage_error(self.folder, error) from error
            self._locks[run] = lock_file(self.folder / run / LOCK_FILE)
            if len(runs) >= MAX_RUNS:
                for path in self._deletable(runs)[: len(runs) + 1 - MAX_RUNS]:
                    delete(path)
            return run
        raise StorageError(self.folder, NAMES_TAKEN)

    def release(self, run: str, *, discard: bool = False) -> None:
        """Unlock a run that has been recorded, or delete it if ``discard``."""
        lock = self._locks.pop(run, None)
        if lock is not None:
            unlock_file(lock, self.folder / run / LOCK_FILE)
        if discard:
            delete(self.path(run))


def _order(run: str) -> tuple[int, str]:
    number, _, rest = run.partition("-")
    return int(number), rest
