"""Writing a run while it happens.

Its files are made when it starts and filled in place; each step is one write of its arrays and then one line of the
journal, so that a line tells of arrays that were written. Nothing waits for the disk until the end. Whatever cuts the
run off, what was written can be read up to the last whole step.

Importable without torch and NumPy.
"""

from __future__ import annotations

import contextlib
import math
import os
import zlib
from typing import TYPE_CHECKING

from studio.errors import StorageError
from studio.folders import storage_error
from studio.runs.facts import PictureFacts, StepFacts
from studio.runs.layout import (
    JOURNAL_FILE,
    MAX_HISTORY,
    PICTURE_FILE,
    RUN_FILE,
    STATES_FILE,
    Table,
    history_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import PictureDone, StepDone
    from studio.engine.fork import StartState
    from studio.runs.header import RunHeader

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_LARGEST = 1e30


class RunWriter:
    """The files of one run that is being made.

    Attributes:
        first: the index of where it starts.
        last: the index of the newest step that was recorded.
        finished: how it ended is recorded too.
    """

    def __init__(self, folder: Path, header: RunHeader, start: StartState, sigma: float) -> None:
        """Make the files in ``folder``, which is there and empty, and record where the run starts.

        Args:
            folder: of the run.
            header: what it is of.
            start: where it starts.
            sigma: the noise level there.

        Raises:
            StorageError: they cannot be written.
        """
        self.first = self.last = header.first_index
        self.finished = False
        self._folder, self._header = folder, header
        self._kept = {step: place for place, step in enumerate(header.kept)}
        self._files: dict[str, int] = {}
        self._heads: dict[str, int] = {}
        self._states = Table.of_states(header.kept, header.shape)
        self._seconds = 0.0
        try:
            with self._worded(RUN_FILE):
                _put(self._open(RUN_FILE), header.to_json())
            self._allocate(STATES_FILE, self._states)
            with self._worded(JOURNAL_FILE):
                self._open(JOURNAL_FILE)
            start_sum = self._put_arrays(STATES_FILE, 0, (start.x,))
            kept = self._put_history(header.first_index, start.history)
            self._note(StepFacts(step=header.first_index, sigma=sigma, checksum=start_sum, history=kept))
        except BaseException:
            self.close()
            raise

    def add(self, done: StepDone) -> None:
        """Record a step that carries arrays.

        Raises:
            StorageError: it cannot be written; the steps before it are not touched.
        """
        place, checksum = self._kept.get(done.step), None
        history: tuple[int, ...] = ()
        if place is not None:
            if done.x0_hat is None or done.state is None:
                raise StorageError(self._folder, "cannot be written: the step has no arrays to record")
            checksum = self._put_arrays(STATES_FILE, 2 * place - 1, (done.x0_hat, done.state))
            history = self._put_history(done.step, done.history)
        facts = StepFacts(
            step=done.step,
            t=done.t,
            s=done.s,
            sigma=done.sigma,
            snr=done.snr if done.snr <= _LARGEST else math.inf,
            change=_finite(done.change),
            guidance=_finite(done.guidance),
            ms=round(max(done.seconds - self._seconds, 0) * 1e3, 3),
            model_calls=done.model_calls,
            checksum=checksum,
            history=history,
        )
        self._note(facts)
        self.last, self._seconds = done.step, done.seconds

    def finish(self, done: PictureDone) -> None:
        """Record how the run ended. Raises StorageError."""
        facts = PictureFacts.of(done, complete=self.last == self._header.last_index)
        with self._worded(PICTURE_FILE):
            _put(self._open(PICTURE_FILE), facts.to_json())
        self.finished = True

    def sync(self) -> None:
        """Return once arrays and journal are on the disk. Raises StorageError."""
        for name in [name for name in self._files if name not in (RUN_FILE, PICTURE_FILE)]:
            with self._worded(name):
                os.fsync(self._files[name])

    def close(self) -> None:
        """Let go of the files. May be called twice; never fails."""
        while self._files:
            with contextlib.suppress(OSError):
                os.close(self._files.popitem()[1])

    def _open(self, name: str) -> int:
        self._files[name] = os.open(self._folder / name, _CREATE, 0o666)
        return self._files[name]

    def _allocate(self, name: str, table: Table) -> None:
        with self._worded(name):
            head = table.head()
            os.ftruncate(self._open(name), table.bytes_in_all())
            _put(self._files[name], head)
            self._heads[name] = len(head)

    def _put_arrays(self, name: str, place: int, arrays: Sequence[NDArray[np.float32]]) -> int:
        """Write arrays that lie side by side, and return their checksum."""
        if any(array.shape != self._header.shape for array in arrays):
            raise StorageError(
                self._folder / name, "cannot be written: an array has another shape than the run"
            )
        data = b"".join(array.astype("<f4", copy=False).tobytes() for array in arrays)
        with self._worded(name):
            os.lseek(self._files[name], self._heads[name] + place * self._states.array_bytes, os.SEEK_SET)
            _put(self._files[name], data)
        return zlib.crc32(data)

    def _put_history(self, step: int, history: Sequence[NDArray[np.float32]]) -> tuple[int, ...]:
        if len(history) > MAX_HISTORY:
            raise StorageError(self._folder, f"cannot hold more than {MAX_HISTORY} arrays of history")
        sums = []
        for place, array in enumerate(history):
            name = history_file(place)
            if name not in self._files:
                self._allocate(name, Table.of_history(self._header.kept, self._header.shape))
            sums.append(self._put_arrays(name, self._kept[step], (array,)))
        return tuple(sums)

    def _note(self, facts: StepFacts) -> None:
        with self._worded(JOURNAL_FILE):
            _put(self._files[JOURNAL_FILE], facts.to_line())

    @contextlib.contextmanager
    def _worded(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(self._folder / name, error) from error


def _put(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _finite(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= _LARGEST else None
