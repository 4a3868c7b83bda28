"""Writes runs and finished pictures in a thread of its own, so that the device need not wait for the disk.

Encoding a PNG, three fsyncs and the index take longer than a step of a small model. The events of a job pass through
a bounded queue, so if the disk stays slower than the device, the device waits. The next job may begin while the last
picture of the previous one is being written.
"""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

from studio.engine.events import JobCancelled, JobFinished
from studio.gallery.store import PictureSaved, PictureUnsaved, save_pictures
from studio.runs.writer import RunRecorded, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from studio.engine.events import Event
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore
    from studio.ui.core.job import Job

CAPACITY: Final = 64
"""The most events that wait to be written. Except for pictures, their arrays are in the job's record too."""
_EMITTED = (RunRecorded, PictureSaved, PictureUnsaved, JobFinished, JobCancelled)


class NotWrittenError(Exception):
    """The events of a job cannot be written; the writer has reported why."""


class JobEvents:
    """The events of one job on their way from the engine's thread to the writer's."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.broken = False
        self._queue: queue.Queue[Event | None] = queue.Queue(CAPACITY)
        self._ended = False

    def put(self, event: Event) -> None:
        """Queue an event; blocks while the queue is full.

        Raises:
            NotWrittenError: an earlier event could not be written.
        """
        self._queue.put(event)
        if self.broken:
            raise NotWrittenError

    def end(self, failure: BaseException | None = None) -> None:
        """Mark the end of the events; ``failure`` is the error that ended them, if any."""
        self.failure = failure
        self._queue.put(None)

    def __iter__(self) -> Iterator[Event]:
        while not self._ended:
            event = self._queue.get()
            if event is None:
                self._ended = True
            else:
                yield event

    def discard_rest(self) -> None:
        """Drain the queue so that no producer blocks."""
        for _ in self:
            pass


class JobWriter:
    """Writes the runs and pictures of jobs in order. A context manager, inside which its thread runs."""

    def __init__(
        self,
        store: PictureStore,
        runs: RunStore | None,
        emit: Callable[[object], None],
        fail: Callable[[Job, BaseException], None],
    ) -> None:
        """Write to ``store`` and ``runs``; ``emit`` and ``fail`` are called in the writer's thread.

        Args:
            store: for finished pictures.
            runs: for recorded runs; None to record none.
            emit: called with each picture and run once it is safely on the disk, and then with the job's last event.
            fail: called instead of ``emit`` with the error that ended the job, the engine's or the writer's own, such
                as a `StorageError` if a picture could not be written anywhere.
        """
        self._store, self._runs, self._emit, self._fail = store, runs, emit, fail
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="writer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    def begin(self, job: Job) -> JobEvents:
        """Return the queue for the events of a job, which are written after those of earlier jobs."""
        assert self._executor is not None, "its thread runs inside the context"
        events = JobEvents()
        self._executor.submit(self._write, job, events)
        return events

    def _write(self, job: Job, events: JobEvents) -> None:
        try:
            for event in save_pictures(self._recorded(job, iter(events)), self._store, origin=job.origin):
                if isinstance(event, _EMITTED):
                    self._emit(event)
            failure = events.failure
        except BaseException as error:  # noqa: BLE001 - any error ends this job only
            failure, events.broken = error, True
            events.discard_rest()
        if failure is not None:
            self._fail(job, failure)

    def _recorded(self, job: Job, events: Iterator[Event]) -> Iterator[Event | RunRecorded]:
        if self._runs is None or not job.recorded:
            return events
        origin = job.origin
        if origin is None:
            return record(events, self._runs)
        return record(events, self._runs, parent=origin.run or None, parent_step=origin.step)
