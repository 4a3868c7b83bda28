"""Recording every run of a job while it happens.

`record` stands around the engine's events and passes them on unchanged; the window and the command line record by this
alone. A fault of the disk never reaches the job: its pictures are made and kept, and the run is said to be incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from studio.engine.events import JobCancelled, JobStarted, PictureDone, PictureStarted, StepDone
from studio.engine.versions import versions
from studio.errors import StorageError
from studio.runs.header import RunHeader, is_run_id
from studio.runs.layout import bytes_needed, shape_fits
from studio.runs.writer import RunWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.events import Event
    from studio.runs.store import RunStore


@dataclass(frozen=True, kw_only=True)
class RunRecorded:
    """A run is on the disk, as far as it went.

    Attributes:
        image: which picture of the job, from 0.
        run_id: the run; None where nothing of it could be recorded.
        complete: every step of it is there.
        fault: what was in the way; told once a job.
    """

    job_id: str
    image: int
    run_id: str | None
    complete: bool
    fault: StorageError | None = None


def record(
    events: Iterator[Event], store: RunStore, parent: str | None = None, parent_step: int | None = None
) -> Iterator[Event | RunRecorded]:
    """Pass ``events`` on, and record each picture's run where they carry arrays (`Previews.arrays`).

    A `RunRecorded` follows each `PictureDone`, or comes before the `JobCancelled` that cut the run off.

    Args:
        events: of one job; closed when this is.
        store: where runs go.
        parent: of a fork, the run that it goes on from.
        parent_step: the step of that run.
    """
    recorder = _Recorder(store, parent, parent_step)
    try:
        for event in events:
            recorder.note(event)
            if isinstance(event, JobCancelled):
                yield from recorder.end()
            yield event  # the picture is kept before anything waits for the disk
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
        self._told = False

    def note(self, event: Event) -> None:
        """Record what an event tells; a fault of the disk ends the recording of that run, and nothing else."""
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
        """Make one run, or all, last, and tell of it."""
        for place in list(self._ids) if image is None else [image] if image in self._ids else []:
            writer = self._writers.get(place)
            complete = writer is not None and writer.finished and place not in self._broken
            try:
                if writer is not None:
                    writer.sync()
            except StorageError as fault:
                self._fault, complete = self._fault or fault, False
            self._drop(place)
            said, self._told = None if self._told else self._fault, self._fault is not None
            job_id = self._job.job_id if self._job is not None else ""
            run = self._ids.pop(place)
            yield RunRecorded(job_id=job_id, image=place, run_id=run, complete=complete, fault=said)

    def close(self) -> None:
        """Let go of everything."""
        for image in list(self._writers):
            self._drop(image)

    def _begin(self, event: PictureStarted) -> None:
        self._ids[event.image] = None
        start = event.start
        shape = tuple(start.x.shape)
        size = bytes_needed(start.index, start.index + start.remaining, shape) if shape_fits(shape) else None
        if size is None or size > self._store.budget_bytes:
            raise StorageError(self._store.folder, "has too little room to record a run of this size")
        self._store.make_room(size)
        run = self._store.create()
        try:
            header = self._header(run, event)
            self._writers[event.image] = RunWriter(self._store.path(run), header, event.start, event.sigma)
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
            first_index=start.index,
            shape=tuple(start.x.shape),
            x_T_sha256=event.x_T_sha256,
            parent=parent,
            parent_step=self._parent_step,
        )

    def _drop(self, image: int) -> None:
        """Close a run's files; one without a single step is discarded."""
        writer, run = self._writers.pop(image, None), self._ids.get(image)
        if writer is None or run is None:
            return
        writer.close()
        nothing = writer.last == writer.first
        self._store.release(run, discard=nothing)
        if nothing:
            self._ids[image] = None
