"""Recording runs while they happen.

`RunWriter` creates a run's files at its start and fills them in place; each step is one write of its arrays and then
one line of the journal, so that every line describes arrays that were written. Nothing waits for the disk until the
end. Whatever cuts the run off, it can be read up to the last whole step.

`record` wraps the engine's events and passes them on unchanged; both the window and the command line record with it. A
fault of the disk never reaches the job: its pictures are made and saved, and the run is reported as incomplete.

Importable without torch and NumPy.
"""

from __future__ import annotations

import contextlib
import math
import os
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from studio.engine.events import JobCancelled, JobStarted, PictureDone, PictureStarted, StepDone
from studio.engine.versions import versions
from studio.errors import StorageError
from studio.messages import message
from studio.runs.format import (
    JOURNAL_FILE,
    LARGEST,
    MAX_HISTORY,
    MAX_NUMBERS,
    PICTURE_FILE,
    RUN_FILE,
    STATES_FILE,
    RunHeader,
    RunResult,
    StepLog,
    Table,
    bytes_needed,
    history_file,
    is_run_id,
    shape_fits,
)
from studio.storage import as_storage_error, sync_file, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import Event
    from studio.engine.requests.fork import StartState
    from studio.runs.store import RunStore


_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class RunWriter:
    """The files of one run that is being recorded.

    Attributes:
        first: the index that it starts from.
        last: the index of the newest step that was recorded.
        finished: its result is recorded too.
    """

    def __init__(
        self, folder: Path, header: RunHeader, start: StartState, sigma: float, level: float
    ) -> None:
        """Create the files in ``folder``, which exists and is empty, and record the start of the run.

        Args:
            folder: of the run.
            header: the run's header.
            start: the state it starts from.
            sigma: the scale of the noise in that state.
            level: its noise level.

        Raises:
            StorageError: they cannot be written.
        """
        self.first = self.last = header.first_index
        self.finished = False
        self._folder, self._header = folder, header
        self._kept = {step: place for place, step in enumerate(header.kept)}
        self._files: dict[str, int] = {}
        self._header_bytes: dict[str, int] = {}
        self._states = Table.of_states(header.kept, header.shape)
        self._seconds = 0.0
        try:
            with as_storage_error(folder / RUN_FILE):
                write_all(self._create(RUN_FILE), header.to_json())
            self._allocate(STATES_FILE, self._states)
            with as_storage_error(folder / JOURNAL_FILE):
                self._create(JOURNAL_FILE)
            checksum = self._write_arrays(STATES_FILE, 0, (start.x,))
            history = self._write_history(header.first_index, start.history)
            self._write_log(
                StepLog(
                    step=header.first_index,
                    sigma=sigma,
                    level=level,
                    checksum=checksum,
                    history=history,
                    history_times=start.history_times,
                )
            )
        except BaseException:
            self.close()
            raise

    def add(self, done: StepDone) -> None:
        """Record a step that carries arrays.

        Raises:
            StorageError: it cannot be written; the steps before it are unaffected.
        """
        place, checksum = self._kept.get(done.step), None
        history: tuple[int, ...] = ()
        if place is not None:
            if done.x0_hat is None or done.state is None:
                reason = message("cannot be written: the step has no arrays to record")
                raise StorageError(self._folder, reason)
            checksum = self._write_arrays(STATES_FILE, 2 * place - 1, (done.x0_hat, done.state))
            history = self._write_history(done.step, done.history)
        log = StepLog(
            step=done.step,
            t=done.t,
            s=done.s,
            sigma=done.sigma,
            level=done.level,
            snr=done.snr if done.snr <= LARGEST else math.inf,
            change=_finite(done.change),
            guidance=_finite(done.guidance),
            ms=round(max(done.seconds - self._seconds, 0) * 1e3, 3),
            model_calls=done.model_calls,
            checksum=checksum,
            history=history,
            history_times=done.history_times if history else (),
        )
        self._write_log(log)
        self.last, self._seconds = done.step, done.seconds

    def finish(self, done: PictureDone) -> None:
        """Record the result of the run. Raises StorageError."""
        result = RunResult.of(done, complete=self.last == self._header.last_index)
        with as_storage_error(self._folder / PICTURE_FILE):
            write_all(self._create(PICTURE_FILE), result.to_json())
        self.finished = True

    def sync(self) -> None:
        """Return once arrays and journal are on the disk. Raises StorageError."""
        for name in [name for name in self._files if name not in (RUN_FILE, PICTURE_FILE)]:
            with as_storage_error(self._folder / name):
                sync_file(self._files[name])

    def close(self) -> None:
        """Close the files. May be called twice; never fails."""
        while self._files:
            with contextlib.suppress(OSError):
                os.close(self._files.popitem()[1])

    def _create(self, name: str) -> int:
        self._files[name] = os.open(self._folder / name, _CREATE, 0o666)
        return self._files[name]

    def _allocate(self, name: str, table: Table) -> None:
        with as_storage_error(self._folder / name):
            header = table.header()
            os.ftruncate(self._create(name), table.total_bytes())
            write_all(self._files[name], header)
            self._header_bytes[name] = len(header)

    def _write_arrays(self, name: str, place: int, arrays: Sequence[NDArray[np.float32]]) -> int:
        """Write adjacent arrays, the first of them at ``place``, and return their checksum."""
        if any(array.shape != self._header.shape for array in arrays):
            reason = message("cannot be written: the shape of an array is not that of the run")
            raise StorageError(self._folder / name, reason)
        data = b"".join(array.astype("<f4", copy=False).tobytes() for array in arrays)
        with as_storage_error(self._folder / name):
            offset = self._header_bytes[name] + place * self._states.array_bytes
            os.lseek(self._files[name], offset, os.SEEK_SET)
            write_all(self._files[name], data)
        return zlib.crc32(data)

    def _write_history(self, step: int, history: Sequence[NDArray[np.float32]]) -> tuple[int, ...]:
        if len(history) > MAX_HISTORY:
            reason = message("cannot store more than {most} arrays of history", most=MAX_HISTORY)
            raise StorageError(self._folder, reason)
        checksums = []
        for place, array in enumerate(history):
            name = history_file(place)
            if name not in self._files:
                self._allocate(name, Table.of_history(self._header.kept, self._header.shape))
            checksums.append(self._write_arrays(name, self._kept[step], (array,)))
        return tuple(checksums)

    def _write_log(self, log: StepLog) -> None:
        with as_storage_error(self._folder / JOURNAL_FILE):
            write_all(self._files[JOURNAL_FILE], log.to_line())


def _finite(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= LARGEST else None


@dataclass(frozen=True, kw_only=True)
class RunRecorded:
    """A run is on the disk, as far as it went.

    Attributes:
        job_id: of the job.
        image: which picture of the job, from 0.
        run_id: the run; None if nothing of it could be recorded.
        complete: every step of it is recorded.
        fault: why it is not; given once a job.
    """

    job_id: str
    image: int
    run_id: str | None
    complete: bool
    fault: StorageError | None = None


def record(
    events: Iterator[Event], store: RunStore, parent: str | None = None, parent_step: int | None = None
) -> Iterator[Event | RunRecorded]:
    """Pass ``events`` on, and record each picture's run if they carry arrays (`Previews.arrays`).

    A `RunRecorded` follows each `PictureDone`, or comes before the `JobCancelled` that cut the run off.

    Args:
        events: of one job; closed when this is.
        store: records the runs.
        parent: of a fork, the run that it was forked from.
        parent_step: the step of that run.
    """
    recorder = _Recorder(store, parent, parent_step)
    try:
        for event in events:
            recorder.note(event)
            if isinstance(event, JobCancelled):
                yield from recorder.end()
            yield event  # the picture is saved before anything waits for the disk
            if isinstance(event, PictureDone):
                yield from recorder.end(event.image)
    finally:
        recorder.close()
        close = getattr(events, "close", None)
        if close is not None:
            close()


class _Recorder:
    """The runs of one job that are being recorded."""

    def __init__(self, store: RunStore, parent: str | None, parent_step: int | None) -> None:
        self._store = store
        self._parent, self._parent_step = parent, parent_step
        self._job: JobStarted | None = None
        self._ids: dict[int, str | None] = {}
        self._writers: dict[int, RunWriter] = {}
        self._broken: set[int] = set()
        self._fault: StorageError | None = None
        self._fault_reported = False

    def note(self, event: Event) -> None:
        """Record an event; a fault of the disk ends the recording of that run, and nothing else."""
        if isinstance(event, JobStarted):
            self._job = event
        if not isinstance(event, PictureStarted | StepDone | PictureDone):
            return
        writer = self._writers.get(event.image)
        try:
            if isinstance(event, PictureStarted):
                self._begin(event)
            elif isinstance(event, StepDone) and writer is not None and event.image not in self._broken:
                writer.add(event)
            elif isinstance(event, PictureDone) and writer is not None:
                writer.finish(event)
        except StorageError as fault:
            self._broken.add(event.image)
            self._fault = self._fault or fault

    def end(self, image: int | None = None) -> Iterator[RunRecorded]:
        """Flush one run, or all, to the disk, and report it."""
        for place in list(self._ids) if image is None else [image] if image in self._ids else []:
            writer = self._writers.get(place)
            complete = writer is not None and writer.finished and place not in self._broken
            try:
                if writer is not None:
                    writer.sync()
            except StorageError as error:
                self._fault, complete = self._fault or error, False
            self._drop(place)
            fault = None if self._fault_reported else self._fault
            self._fault_reported = self._fault is not None
            job_id = self._job.job_id if self._job is not None else ""
            run = self._ids.pop(place)
            yield RunRecorded(job_id=job_id, image=place, run_id=run, complete=complete, fault=fault)

    def close(self) -> None:
        """Close the files of all runs."""
        for image in list(self._writers):
            self._drop(image)

    def _begin(self, event: PictureStarted) -> None:
        self._ids[event.image] = None
        start = event.start
        shape = tuple(start.x.shape)
        if not shape_fits(shape):
            reason = message(
                "cannot store this run: its states have shape {shape}; only (C, h, w) with at most {most:,} numbers "
                "can be recorded",
                shape=shape,
                most=MAX_NUMBERS,
            )
            raise StorageError(self._store.folder, reason)
        size = bytes_needed(start.index, start.index + start.remaining, shape)
        if size > self._store.budget_bytes:
            reason = message("cannot store this run: it needs more than the space allowed for recorded runs")
            raise StorageError(self._store.folder, reason)
        self._store.reserve(size)
        run = self._store.create()
        try:
            header = self._header(run, event)
            self._writers[event.image] = RunWriter(
                self._store.path(run), header, event.start, event.sigma, event.level
            )
        except StorageError:
            self._store.release(run, discard=True)
            raise
        self._ids[event.image] = run

    def _header(self, run: str, event: PictureStarted) -> RunHeader:
        job, start = self._job, event.start
        assert job is not None, "a job starts before its pictures do"
        parent = self._parent if self._parent is not None and is_run_id(self._parent) else None
        return RunHeader(
            id=run,
            created=datetime.now(UTC),
            request=event.request.to_dict(),
            image=event.image,
            seed=event.seed,
            model=event.request.model,
            model_sha256=job.weights[event.image] if len(job.weights) > event.image else job.weights_sha256,
            device=job.device,
            dtype=job.dtype,
            versions=versions(),
            times=start.times,
            model_times=start.model_times,
            first_index=start.index,
            shape=tuple(start.x.shape),
            x_T_sha256=event.x_T_sha256,
            parent=parent,
            parent_step=self._parent_step,
            adapters=event.adapters,
            precisions=event.precisions,
        )

    def _drop(self, image: int) -> None:
        """Close a run's files; a run without a single step is discarded."""
        writer, run = self._writers.pop(image, None), self._ids.get(image)
        if writer is None or run is None:
            return
        writer.close()
        empty = writer.last == writer.first
        self._store.release(run, discard=empty)
        if empty:
            self._ids[image] = None
