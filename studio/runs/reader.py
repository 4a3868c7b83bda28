"""Reading a recorded run: from any thread, also while it is written, and without trust.

Whatever lies in the folder, at most one state's bytes are read at a time, nothing is unpickled, no link out of the
folder is followed, and what is wrong is said in one sentence.

Importable without torch; NumPy is only needed when arrays are.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import TYPE_CHECKING

from studio.checkpoints.files import open_regular, read_small, unreadable
from studio.engine.requests.fork import StartState
from studio.errors import CheckpointError, StorageError
from studio.runs.format import (
    JOURNAL_FILE,
    MAX_HEADER_BYTES,
    MAX_JOURNAL_BYTES,
    MAX_PICTURE_BYTES,
    PICTURE_FILE,
    RUN_FILE,
    STATES_FILE,
    RunHeader,
    RunResult,
    StepLog,
    Table,
    history_file,
    read_journal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class StoredRun:
    """A run on the disk, as it was when it was opened.

    Attributes:
        header: what it is of.
        start: what the journal says of where it starts: its noise level. None where not even that was written.
        steps: what the journal says of each step, up to the last whole one.
        kept: the steps whose states can be read; the first is where it starts. Empty once they were given up.
        picture: how it ended; None where it was cut off.
    """

    def __init__(self, folder: Path) -> None:
        """Read all but the arrays.

        Raises:
            StorageError: there is no run, or it cannot be trusted.
        """
        self._folder = folder
        with told():
            self.header = read_run_header(folder)
            journal = folder / JOURNAL_FILE
            data = read_small(journal, MAX_JOURNAL_BYTES)
            lines = read_journal(data, journal, self.header.first_index, self.header.times)
            self.picture = read_run_result(folder)
            self._states = Table.of_states(self.header.kept, self.header.shape)
            self._head = len(self._states.head())
            self.start: StepLog | None = lines[0] if lines else None
            self.steps: tuple[StepLog, ...] = lines[1:]
            self._lines = {line.step: line for line in lines}
            self.kept = self._readable()

    @property
    def id(self) -> str:
        """The run's id."""
        return self.header.id

    @property
    def states_deleted(self) -> bool:
        """Whether its states were given up to make room."""
        return not (self._folder / STATES_FILE).exists()

    @property
    def complete(self) -> bool:
        """Whether it went to its end and everything of it that should be recorded is."""
        return self.picture is not None and self.picture.complete and self.kept == self.header.kept

    def kept_before(self, step: int) -> int:
        """Return the nearest step up to this one from which others are made again.

        Raises:
            StorageError: there is none.
        """
        before = [kept for kept in self.kept if kept <= step]
        if not before:
            raise self._missing(step)
        return before[-1]

    def state(self, step: int) -> StartState:
        """Return where the run stood after ``step`` steps (its first index is where it starts).

        Raises:
            StorageError: the run has no such step, it was not kept, or what was kept is damaged.
        """
        arrays = self._arrays(step)
        past = step - self.header.first_index
        history = tuple(self._history(step, place) for place in range(len(self._lines[step].history)))
        return StartState(x=arrays[-1], index=step, times=self.header.times[past:], history=history)

    def x0_hat(self, step: int) -> NDArray[np.float32] | None:
        """Return what the picture was believed to become at a step; None where the run starts. As `state` otherwise."""
        arrays = self._arrays(step)
        return arrays[0] if len(arrays) > 1 else None

    def _readable(self) -> tuple[int, ...]:
        """Check the file's table of contents, and return the steps whose arrays lie in it."""
        path = self._folder / STATES_FILE
        if self.states_deleted:
            return ()
        with open_regular(path) as file, _reading(path):
            head, size = file.read(self._head), os.fstat(file.fileno()).st_size
        self._check_head(path, self._states, head, size)
        there = (size - self._head) // self._states.array_bytes
        kept = self.header.kept
        return tuple(
            step for place, step in enumerate(kept) if step in self._lines and 2 * place + 1 <= there
        )

    def _check_head(self, path: Path, table: Table, head: bytes, size: int) -> None:
        if len(head) < self._head and table.head().startswith(head):
            raise CheckpointError(path, "ends before its first state does: it is truncated")
        if head != table.head() or size > table.bytes_in_all():
            raise CheckpointError(path, f"does not hold what {RUN_FILE} beside it says: it was changed")

    def _arrays(self, step: int) -> list[NDArray[np.float32]]:
        if step not in self.kept:
            raise self._missing(step)
        place = self.header.kept.index(step)
        first, count = (2 * place - 1, 2) if place else (0, 1)
        return self._read(STATES_FILE, self._head, first, count, self._lines[step].checksum)

    def _history(self, step: int, place: int) -> NDArray[np.float32]:
        table, name = Table.of_history(self.header.kept, self.header.shape), history_file(place)
        checksum = self._lines[step].history[place]
        return self._read(name, len(table.head()), self.header.kept.index(step), 1, checksum)[0]

    def _read(
        self, name: str, head: int, first: int, count: int, checksum: int | None
    ) -> list[NDArray[np.float32]]:
        import numpy as np  # noqa: PLC0415 - late: a list of runs needs no arrays

        path, size = self._folder / name, self._states.array_bytes
        with told(), open_regular(path) as file, _reading(path):
            file.seek(head + first * size)
            data = file.read(count * size)
        if len(data) < count * size:
            raise StorageError(path, "ends before this step does: it is truncated")
        if zlib.crc32(data) != checksum:
            raise StorageError(path, "is damaged at this step (its checksum is another)")
        whole = np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
        if not np.isfinite(whole).all():
            raise StorageError(path, "holds values that are not finite numbers at this step")
        return list(whole.reshape(count, *self.header.shape))

    def _missing(self, step: int) -> StorageError:
        first, last = self.header.first_index, self.header.last_index
        if not first <= step <= last:
            return StorageError(self._folder, f"has no step {step}: it goes from step {first} to {last}")
        if self.states_deleted:
            return StorageError(self._folder, "has given up its steps to make room (pinned runs never do)")
        if step in self.header.kept:
            newest = max(self.kept, default=None)
            reached = "has no whole step" if newest is None else f"was recorded up to step {newest}"
            return StorageError(self._folder, f"{reached}, so step {step} cannot be read")
        return StorageError(self._folder, f"keeps some of its steps only, and not step {step}")


def read_run_header(folder: Path) -> RunHeader:
    """Return what the run in a folder is of. Raises CheckpointError."""
    path = folder / RUN_FILE
    return RunHeader.from_json(read_small(path, MAX_HEADER_BYTES), path)


def read_run_result(folder: Path) -> RunResult | None:
    """Return how the run in a folder ended; None where it did not. Raises CheckpointError."""
    path = folder / PICTURE_FILE
    if not os.path.lexists(path):
        return None
    data = read_small(path, MAX_PICTURE_BYTES)
    # It ends with a line break: without one the writer was cut off.
    return RunResult.from_json(data, path) if data.endswith(b"\n") else None


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Say of a run's files what the strict readers say of a model's."""
    try:
        yield
    except CheckpointError as error:
        raise StorageError(error.path, error.reason) from error


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from error
