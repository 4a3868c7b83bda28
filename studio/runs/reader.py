"""Reading a recorded run: from any thread, also while it is written, and without trust.

Whatever lies in the folder, at most one state's bytes are read at a time, nothing is unpickled, no link out of the
folder is followed, and every fault is one sentence.

Importable without torch; NumPy is imported only when arrays are read.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

from studio.engine.requests.fork import StartState
from studio.errors import StorageError
from studio.messages import message
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
from studio.storage import open_regular, read_error, read_small
from studio.strict_json import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class StoredRun:
    """A run on the disk, as it was when it was opened.

    Attributes:
        header: its header.
        start: the first line of the journal: the noise level that the run starts from. None if it was not written.
        steps: the lines of the steps, up to the last whole one.
        kept: the steps whose states can be read, including the start; empty once they were deleted.
        picture: its result; None if it was cut off.
    """

    def __init__(self, folder: Path) -> None:
        """Read all but the arrays.

        Raises:
            StorageError: there is no run, or it cannot be trusted.
        """
        self._folder = folder
        self.header = read_run_header(folder)
        journal = folder / JOURNAL_FILE
        data = read_small(journal, MAX_JOURNAL_BYTES)
        lines = read_journal(data, journal, self.header.first_index, self.header.times)
        self.picture = read_run_result(folder)
        self._states = Table.of_states(self.header.kept, self.header.shape)
        self._header_bytes = len(self._states.header())
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
        """Whether its states were deleted to free space."""
        return not (self._folder / STATES_FILE).exists()

    @property
    def complete(self) -> bool:
        """Whether it was finished and everything that should be recorded is."""
        return self.picture is not None and self.picture.complete and self.kept == self.header.kept

    def kept_before(self, step: int) -> int:
        """Return the nearest step up to this one whose state is kept, from which later ones can be recomputed.

        Raises:
            StorageError: there is none.
        """
        before = [kept for kept in self.kept if kept <= step]
        if not before:
            raise self._missing(step)
        return before[-1]

    def state(self, step: int) -> StartState:
        """Return the state of the run after ``step`` steps; at its first index, the state that it starts from.

        Raises:
            StorageError: the run has no such step, its state was not kept, or is damaged.
        """
        return self.step(step)[0]

    def step(self, step: int) -> tuple[StartState, NDArray[np.float32] | None]:
        """Return `state` and `x0_hat` of a step, which lie side by side in the file. Raises as `state`."""
        *before, x = self._arrays(step)
        past = step - self.header.first_index
        line = self._lines[step]
        state = StartState(
            x=x,
            index=step,
            times=self.header.times[past:],
            history=tuple(self._history(step, place) for place in range(len(line.history))),
            history_times=line.history_times or (line.s,) * len(line.history),
            model_times=self.header.model_times[past:],
        )
        return state, before[0] if before else None

    def x0_hat(self, step: int) -> NDArray[np.float32] | None:
        """Return the predicted clean picture of a step; None at the start. Raises StorageError as `state` does."""
        *before, _ = self._arrays(step)
        return before[0] if before else None

    def _readable(self) -> tuple[int, ...]:
        """Check the header of the states file, and return the steps whose arrays it contains."""
        path, table = self._folder / STATES_FILE, self._states
        if self.states_deleted:
            return ()
        try:
            with open_regular(path) as file:
                header, size = file.read(self._header_bytes), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise read_error(path, error) from error
        if len(header) < self._header_bytes and table.header().startswith(header):
            raise StorageError(path, message("ends before its first state does: it is truncated"))
        if header != table.header() or size > table.total_bytes():
            reason = message("does not match {file} beside it: it was changed", file=RUN_FILE)
            raise StorageError(path, reason)
        arrays = (size - self._header_bytes) // table.array_bytes
        kept = self.header.kept
        return tuple(
            step for place, step in enumerate(kept) if step in self._lines and 2 * place + 1 <= arrays
        )

    def _arrays(self, step: int) -> list[NDArray[np.float32]]:
        if step not in self.kept:
            raise self._missing(step)
        place = self.header.kept.index(step)
        first, count = (2 * place - 1, 2) if place else (0, 1)
        return self._read(STATES_FILE, self._header_bytes, first, count, self._lines[step].checksum)

    def _history(self, step: int, place: int) -> NDArray[np.float32]:
        table, name = Table.of_history(self.header.kept, self.header.shape), history_file(place)
        checksum = self._lines[step].history[place]
        return self._read(name, len(table.header()), self.header.kept.index(step), 1, checksum)[0]

    def _read(
        self, name: str, header_bytes: int, first: int, count: int, checksum: int | None
    ) -> list[NDArray[np.float32]]:
        import numpy as np  # noqa: PLC0415 - late: a list of runs needs no arrays

        path, size = self._folder / name, self._states.array_bytes
        try:
            with open_regular(path) as file:
                file.seek(header_bytes + first * size)
                data = file.read(count * size)
        except OSError as error:
            raise read_error(path, error) from error
        if len(data) < count * size:
            raise StorageError(path, message("ends before this step does: it is truncated"))
        if zlib.crc32(data) != checksum:
            raise StorageError(path, message("is damaged at this step (its checksum differs)"))
        whole = np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
        if not np.isfinite(whole).all():
            raise StorageError(path, message("contains values that are not finite numbers at this step"))
        return list(whole.reshape(count, *self.header.shape))

    def _missing(self, step: int) -> StorageError:
        first, last = self.header.first_index, self.header.last_index
        newest = max(self.kept, default=None)
        if not first <= step <= last:
            reason = message(
                "has no step {step}: it goes from step {first} to {last}", step=step, first=first, last=last
            )
        elif self.states_deleted:
            reason = message(
                "no longer has its steps: they were deleted to free space (pinned runs keep theirs)"
            )
        elif step not in self.header.kept:
            reason = message("keeps only some of its steps, and not step {step}", step=step)
        elif newest is None:
            reason = message("has no complete step, so step {step} cannot be read", step=step)
        else:
            reason = message(
                "was recorded up to step {newest}, so step {step} cannot be read", newest=newest, step=step
            )
        return StorageError(self._folder, reason)


def read_run_header(folder: Path) -> RunHeader:
    """Return the header of the run in a folder. Raises StorageError."""
    path = folder / RUN_FILE
    return RunHeader.from_json(read_small(path, MAX_HEADER_BYTES), path)


def read_run_result(folder: Path) -> RunResult | None:
    """Return the result of the run in a folder; None if it has none. Raises StorageError."""
    path = folder / PICTURE_FILE
    if not os.path.lexists(path):
        return None
    data = read_small(path, MAX_PICTURE_BYTES)
    # It ends with a line break: without one the writer was cut off.
    return read_bytes(data, path, RunResult) if data.endswith(b"\n") else None
