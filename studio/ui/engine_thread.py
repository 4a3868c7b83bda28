"""The thread that owns the device.

* From outside only `submit`, `decode`, `errand`, `warm_up`, `cancel` and `stop` are called; they put something into a
  queue or set an event, and return at once. The object itself lives in the thread of the window.
* torch is imported here, when the first task asks for it, and nowhere else in the window.
* State changes and finished pictures leave as queued signals, in order. Steps go into the job's record, which keeps
  every one, and into a mailbox, where a later one takes the place of an earlier; `woken` says there is something in it.
* No tensor leaves, and what leaves does not change any more.
* Errors are caught in one place, `_run_job`, and become `JobFailed`; the thread goes on with the next task.
* It ends by `stop` and `wait`, within a model call. It is never terminated.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import traceback
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from studio.engine.events import JobFailed, JobStarted, PictureStarted, StepDone
from studio.errors import StudioError, capitalised
from studio.gallery.keeping import keep
from studio.logs import tell_unexpected
from studio.runs.recording import RunRecorded, record
from studio.ui.mailbox import Mailbox
from studio.ui.models.job import DecodeTask, Errand, ErrandDone, ExplainTask, FrameDecoded, Job, StepExplained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studio.engine.events import EngineReport, Event
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore
    from studio.ui.models.engine import Engine


@dataclass(frozen=True, kw_only=True)
class EngineReady:
    """The engine is there."""

    report: EngineReport


@dataclass(frozen=True, kw_only=True)
class EngineFailed:
    """The engine could not be made; the next job tries again."""

    sentence: str
    details: str


class _WarmUp:
    """Make the engine before anybody waits for it."""


_Task = Job | DecodeTask | ExplainTask | Errand | _WarmUp | None


class EngineThread(QThread):
    """Runs jobs one after another.

    Signals:
        told: an event of the engine or of `studio.gallery.keeping`, `EngineReady`, `EngineFailed`,
            `FrameDecoded`, `StepExplained` or `ErrandDone`.
        woken: there are steps in `mailbox`.
    """

    told = Signal(object)
    woken = Signal()

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        store: PictureStore,
        runs: RunStore | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Take what makes the engine (called in this thread) and where pictures and runs go. Start it with `start`."""
        super().__init__(parent)
        self.setObjectName("engine")
        self.mailbox: Mailbox[StepDone] = Mailbox()
        self._make_engine, self._store, self._runs = make_engine, store, runs
        self._engine: Engine | None = None
        self._tasks: queue.Queue[_Task] = queue.Queue()
        self._held: deque[_Task] = deque()
        self._stopping = threading.Event()
        self._current: Job | Errand | None = None

    def submit(self, job: Job) -> None:
        """Have a job run after those submitted before."""
        self._tasks.put(job)

    def decode(self, task: DecodeTask | ExplainTask) -> None:
        """Have a frame decoded or a step explained, between two steps of a running job or at once."""
        self._tasks.put(task)

    def errand(self, errand: Errand) -> None:
        """Have something else done, after the jobs and errands submitted before."""
        self._tasks.put(errand)

    def warm_up(self) -> None:
        """Have the engine made, so that the first job finds it there."""
        self._tasks.put(_WarmUp())

    def cancel(self, job: Job) -> None:
        """Have a job stop, after at most one more model call."""
        job.cancelled.set()

    def stop(self) -> None:
        """Have the thread end, after at most one more model call; wait for it with `wait`."""
        self._stopping.set()
        if (current := self._current) is not None:
            current.cancelled.set()
        self._tasks.put(None)

    def run(self) -> None:
        """Work until told to stop. Called by Qt, in the thread itself."""
        while not self._stopping.is_set():
            match self._held.popleft() if self._held else self._tasks.get():
                case Job() as job:
                    self._run_job(job)
                case DecodeTask() | ExplainTask() as task:
                    self._answer(task)
                case Errand() as errand:
                    self._do(errand)
                case _WarmUp():
                    with contextlib.suppress(_NoEngineError):
                        self._ready_engine()

    def _ready_engine(self) -> Engine:
        """Return the engine, made if need be. Raises _NoEngineError, after telling, where it cannot be made."""
        if self._engine is None:
            try:
                engine = self._make_engine()
                report = engine.report()
            except BaseException as error:
                failed = EngineFailed(sentence=_sentence(error), details=_details(error))
                self.told.emit(failed)
                raise _NoEngineError(failed) from error
            self._engine = engine
            self.told.emit(EngineReady(report=report))
        return self._engine

    def _run_job(self, job: Job) -> None:
        self._current = job
        if self._stopping.is_set():  # it may have come between the look at the queue and this
            return
        try:
            engine = self._ready_engine()
            events = self._recorded(
                job,
                engine.run(job.request, cancelled=job.cancelled, previews=job.previews, job_id=job.id),
            )
            weights: tuple[str, ...] = ()
            for event in keep(events, self._store, origin=job.origin):
                if isinstance(event, StepDone):
                    job.record.add(event)
                    if self.mailbox.put(event.image, event):
                        self.woken.emit()
                else:
                    if isinstance(event, JobStarted):
                        weights = (event.weights_sha256, *event.weights)
                    elif isinstance(event, PictureStarted):
                        job.record.begin(event)
                    self.told.emit(event)
                self._decode_what_waits(weights)
        except _NoEngineError as error:
            failed = error.failed
            self.told.emit(JobFailed(job_id=job.id, sentence=failed.sentence, details=failed.details))
        except BaseException as error:  # noqa: BLE001 - the one place; extensions raise what is no Exception
            self.told.emit(JobFailed(job_id=job.id, sentence=_sentence(error), details=_details(error)))
        finally:
            self._current = None

    def _recorded(self, job: Job, events: Iterator[Event]) -> Iterator[Event | RunRecorded]:
        if self._runs is None or not job.recorded:
            return events
        origin = job.origin
        if origin is None:
            return record(events, self._runs)
        return record(events, self._runs, parent=origin.run or None, parent_step=origin.step)

    def _decode_what_waits(self, weights: tuple[str, ...]) -> None:
        """Decode what is waited for while a job runs; what needs another model waits until it is over."""
        while True:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                return
            if isinstance(task, DecodeTask | ExplainTask) and task.weights_sha256 in weights:
                self._answer(task)
                return  # one at a time: the job goes on in between
            self._held.append(task)

    def _answer(self, task: DecodeTask | ExplainTask) -> None:
        answer: Any = None
        try:
            engine = self._ready_engine()
            if isinstance(task, DecodeTask):
                answer = engine.decode(task.model, task.weights_sha256, task.latents)
            else:
                answer = engine.explain(task.request, task.weights_sha256, task.x, task.t)
        except (StudioError, _NoEngineError):
            pass  # the frame stays as it was shown; that the model is gone is told when it is asked for
        except BaseException as error:  # noqa: BLE001 - as above
            tell_unexpected(error)
        if isinstance(task, DecodeTask):
            self.told.emit(FrameDecoded(task=task, pixels=answer))
        else:
            self.told.emit(StepExplained(task=task, explained=answer))

    def _do(self, errand: Errand) -> None:
        self._current = errand
        if self._stopping.is_set():  # as with a job
            return
        done = ErrandDone(errand=errand)
        try:
            if not errand.cancelled.is_set():
                done = ErrandDone(errand=errand, answer=errand.work(errand, self._ready_engine()))
        except _NoEngineError as error:
            done = ErrandDone(errand=errand, fault=error.failed.sentence)
        except BaseException as error:  # noqa: BLE001 - as above
            done = ErrandDone(errand=errand, fault=_sentence(error))
        self._current = None
        self.told.emit(done)


class _NoEngineError(Exception):
    def __init__(self, failed: EngineFailed) -> None:
        super().__init__(failed.sentence)
        self.failed = failed


def _sentence(error: BaseException) -> str:
    if not isinstance(error, StudioError):
        return tell_unexpected(error)
    sentence = str(error)  # that of a request begins with a field's name
    return capitalised(sentence)


def _details(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
