"""How much room folders take, and how they give it up. Standard library only; nothing here fails.

The folder of all recorded runs, and the room they may take.

Where they take more, the oldest give up their states first and then, one by one, the little that is left; a pinned run,
one that is being made and the newest never do. Pictures lie elsewhere and are not touched by anything here.

Importable without torch and NumPy.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from studio.checkpoints.files import read_small
from studio.errors import CheckpointError, StorageError, UnknownNameError
from studio.runs.format import PIN_FILE, RUN_FILE, STATES_FILE, is_run_id
from studio.runs.reader import StoredRun, read_run_header, read_run_result, told
from studio.storage import ensure_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from studio.folders import Folders
    from studio.runs.format import RunHeader


BUDGET_FILE = "budget"
_MAX_DIGITS = 20
_BLOCK = 512  # of st_blocks, whatever the disk's own are


def size_of(path: Path) -> int:
    """Return the room that a folder's files take."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as found:
        for item in found:
            total += _room(item.stat(follow_symlinks=False))
    return total


def _room(status: os.stat_result) -> int:
    # What was made at full length and never filled takes no room.
    return status.st_blocks * _BLOCK if hasattr(status, "st_blocks") else status.st_size


def delete(path: Path) -> int:
    """Delete a folder, as far as that can be done; return the room that this freed."""
    size = size_of(path)
    shutil.rmtree(path, ignore_errors=True)
    return size - size_of(path)


def delete_states(path: Path) -> int:
    """Delete the arrays of a run, all but what it is of and how it went; of what is no run, everything.

    Returns the room that this freed.
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
    with contextlib.suppress(OSError, ValueError, CheckpointError):
        text = read_small(folder / BUDGET_FILE, _MAX_DIGITS)
        if text.isdigit():
            return int(text)
    return otherwise


def remember_budget(folder: Path, budget_bytes: int) -> None:
    """Let every program that keeps runs in a folder keep to one budget."""
    with contextlib.suppress(OSError):
        (folder / BUDGET_FILE).write_text(str(budget_bytes), encoding="ascii")


BUDGET_BYTES = 2 * 2**30
MAX_RUNS = 5_000
"""More are never kept, however little each takes: a list of them is read when a run begins."""
_REMOVED = ".removed-"
_ATTEMPTS = 100


@dataclass(frozen=True)
class KnownRun:
    """What the store remembers of a run that has ended; neither changes any more.

    Attributes:
        header: what it is of.
        final_sha256: hash of its last state; None where it was cut off.
    """

    header: RunHeader
    final_sha256: str | None


class RunStore:
    """The recorded runs of one user. Any thread may use it; nothing needs closing.

    Attributes:
        folder: where they are.
        budget_bytes: how much room they may take; it may be set.
    """

    def __init__(self, folder: Path, budget_bytes: int | None = None) -> None:
        """Name the folder, which is made when the first run is, and the budget; None is the one last used there."""
        self._remembered = read_budget(folder, BUDGET_BYTES)
        self.folder, self.budget_bytes = folder, self._remembered if budget_bytes is None else budget_bytes
        self._lock = threading.RLock()
        self._known: dict[str, KnownRun] = {}
        self._being_made: set[str] = set()
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
            raise StorageError(self.folder, f"has several runs of number {text}: {', '.join(meant)}")
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
        """Return the folder of a run. Raises StorageError where the id is none."""
        if not is_run_id(run):
            raise StorageError(self.folder, "cannot hold a run of such a name")
        return self.folder / run

    def of_picture(self, final_sha256: str) -> str | None:
        """Return the newest run that ended in a picture, by the hash in its metadata; None where there is none."""
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
                    with told():
                        header, picture = read_run_header(self.path(run)), read_run_result(self.path(run))
                except StorageError:
                    continue
                known = KnownRun(header, picture.final_sha256 if picture is not None else None)
                if picture is not None:
                    self._known[run] = known
            found.append((run, known))
        return found

    def has_states(self, run: str) -> bool:
        """Whether a run has not given up its states."""
        return (self.path(run) / STATES_FILE).exists()

    def is_pinned(self, run: str) -> bool:
        """Whether a run never gives up its states."""
        return os.path.lexists(self.path(run) / PIN_FILE)

    def pin(self, run: str) -> None:
        """Let a run never give up its states. Raises StorageError."""
        with _worded(self.path(run)):
            (self.path(run) / PIN_FILE).touch()

    def unpin(self, run: str) -> None:
        """Undo `pin`. Raises StorageError."""
        with _worded(self.path(run)):
            (self.path(run) / PIN_FILE).unlink(missing_ok=True)

    def used_bytes(self) -> int:
        """Return how much room all runs take, removed ones too."""
        with contextlib.suppress(OSError, ValueError), os.scandir(self.folder) as found:
            return sum(
                size_of(self.folder / item.name) for item in found if item.is_dir(follow_symlinks=False)
            )
        return 0

    def make_room(self, room: int) -> None:
        """Leave room for so many bytes within the budget; looks through the folder only where that is in doubt."""
        with self._lock:
            if self._used is None or self._used + room > self.budget_bytes:
                self.trim(room)
                self._used = self.used_bytes()
            self._used += room

    def trim(self, room: int = 0) -> int:
        """Give up what is more than the budget, leaving room for so many bytes; return how many were freed.

        Removed runs go first, then the states of the oldest runs, then the rest of them. What cannot be deleted stays.
        """
        with self._lock:
            excess = first = self.used_bytes() - (self.budget_bytes - room)
            if excess <= 0:
                return 0
            excess -= sum(map(delete, self.folder.glob(f"{_REMOVED}*")))
            loose = self._loose(self.runs())
            for give_up in (delete_states, delete):
                for path in loose:
                    if excess > 0:
                        excess -= give_up(path)
            return first - excess

    def _loose(self, runs: Sequence[str]) -> list[Path]:
        """Return the folders that may be given up, the oldest first."""
        oldest = [run for run in reversed(runs[1:]) if run not in self._being_made]
        return [self.folder / run for run in oldest if not self.is_pinned(run)]

    def remove(self, run: str) -> None:
        """Take a run out; `restore` puts it back until its room is needed. Raises StorageError."""
        with _worded(self.path(run)):
            self.path(run).rename(self.folder / f"{_REMOVED}{run}")

    def restore(self, run: str) -> None:
        """Undo `remove`. Raises StorageError."""
        with _worded(self.path(run)):
            (self.folder / f"{_REMOVED}{run}").rename(self.path(run))

    def create(self) -> str:
        """Make the folder of a new run and return its id; until `release` it is not trimmed.

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
            self._being_made.add(run)
            if len(runs) >= MAX_RUNS:
                for path in self._loose(runs)[: len(runs) + 1 - MAX_RUNS]:
                    delete(path)
            return run
        raise StorageError(
            self.folder, "cannot be written: other programs keep taking the names needed there"
        )

    def release(self, run: str, *, discard: bool = False) -> None:
        """Say that a run is made, or, to ``discard``, that nothing of it is worth keeping."""
        if discard:
            delete(self.path(run))
        self._being_made.discard(run)


def _order(run: str) -> tuple[int, str]:
    number, _, rest = run.partition("-")
    return int(number), rest


@contextlib.contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error
