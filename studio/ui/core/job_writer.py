"""Writes runs and finished pictures in a thread of its own, so that the device need not wait for the disk.

Encoding a PNG, three fsyncs and the index take longer than a step of a small model. The events of a job come through
a bounded queue: where the disk is slower than the device for long, the device waits after all.
"""

from __future__ import annotations

import contextlib
import queue
from concurrent.futures import ThreadPoolExecutor, wait
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
"""How many events may wait to be written. Their arrays are in the job's record too, but for those of pictures."""
_EMITTED = (RunRecorded, PictureSaved, PictureUnsaved, JobFinished, JobCancelled)


class _Events:
    """The events of one job on their way from the engine's thread to the writer's."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._queue: queue.Queue[Event | None] = queue.Queue(CAPACITY)
        self._ended = False

    def put(self, event: Event | None) -> None:
        self._queue.put(event)

    def __iter__(self) -> Iterator[Event]:
        while not self._ended:
            event = self._queue.get()
            if event is None:
                self._ended = True
            else:
                yield event

    def discard_rest(self) -> None:
        """Let nobody wait for room in the queue."""
        for _ in self:
            pass


class JobWriter:
    """Writes the runs and pictures of one job after another. A context manager: its thread lives inside."""

    def __init__(self, store: PictureStore, runs: RunStore | None, emit: Callable[[object], None]) -> None:
        """Write to ``store`` and ``runs``; ``emit`` is called in the writer's thread.

        Args:
            store: of finished pictures.
            runs: of recorded runs; None records none.
            emit: called with each picture and run once it is safe on the disk, and after all of them with the end of
                the job, in that order.
        """
        self._store, self._runs, self._emit = store, runs, emit
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="writer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    @contextlib.contextmanager
    def writing(self, job: Job) -> Iterator[Callable[[Event], None]]:
        """Yield what takes the events of a job. On leaving, everything is written.

        Raises:
            StorageError: a picture could be written nowhere; raised at the next event, or on leaving.
        """
        assert self._executor is not None, "its thread lives inside the context"
        events = _Events()
        future = self._executor.submit(self._write, job, events)

        def write(event: Event) -> None:
            events.put(event)
            if events.error is not None:  # the writer still waits for the end: its future is not done
                raise events.error

        try:
            yield write
        finally:
            events.put(None)
            wait([future])
        future.result()

    def _write(self, job: Job, events: _Events) -> None:
        try:
            for event in save_pictures(self._recorded(job, iter(events)), self._store, origin=job.origin):
                if isinstance(event, _EMITTED):
                    self._emit(event)
        except BaseException as error:
            events.error = error
            events.discard_rest()
            raise

    def _recorded(self, job: Job, events: Iterator[Event]) -> Iterator[Event | RunRecorded]:
        if self._runs is None or not job.recorded:
            return events
        origin = job.origin
        if origin is None:
            return record(events, self._runs)
        return record(events, self._runs, parent=origin.run or None, parent_step=origin.step)
