"""The engine in its thread: made when it is first asked for, and what it answers besides running jobs.

The one place where frames wait for the window: a later one takes the place of an earlier one.

A queued signal for each frame lets them pile up faster than they are painted, and the window falls behind without end.
Here a sender wakes the window only if it is not on its way already, however many frames come meanwhile.

The thread that owns the device.

* From outside only `submit`, `decode`, `errand`, `warm_up`, `cancel` and `stop` are called; they put something into a
  queue or set an event, and return at once. The object itself lives in the thread of the window.
* torch is imported here, when the first task asks for it, and nowhere else in the window.
* State changes and finished pictures leave as queued signals, in order. Steps go into the job's record, which keeps
  every one, and into a mailbox, where a later one takes the place of an earlier; `woken` says there is something in it.
* No tensor leaves, and what leaves does not change any more.
* A training is such a job too, and between two of its steps others are done: a picture that is asked for meanwhile
  need not wait for its end.
* Errors are caught where a job runs, and become `JobFailed` or `TrainingFailed`; the thread goes on with the next task.
* It ends by `stop` and `wait`, within a model call. It is never terminated.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from PySide6.QtCore import QObject, QThread, Signal

from studio.engine.events import JobFailed, JobStarted, PictureStarted, StepDone
from studio.engine.train_events import TrainingStepped
from studio.errors import StudioError, capitalised
from studio.gallery.keeping import keep
from studio.logs import tell_unexpected
from studio.runs.recording import RunRecorded, record
from studio.ui.core.engine_protocol import EngineFailed, EngineReady
from studio.ui.core.job import (
    DecodeTask,
    Errand,
    ErrandDone,
    ExplainTask,
    FrameDecoded,
    Job,
    RehearseTask,
    StepExplained,
    Training,
    TrainingFailed,
    TrainingHeld,
    TrainingRehearsed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studio.engine.events import Event
    from studio.engine.train_events import TrainEvent
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore
    from studio.ui.core.engine_protocol import Engine


class NoEngineError(Exception):
    """The engine cannot be made; that was told already."""

    def __init__(self, failed: EngineFailed) -> None:
        """Take what was told."""
        super().__init__(failed.sentence)
        self.failed = failed


class HeldEngine:
    """Belongs to the engine's thread, like all that it calls."""

    def __init__(self, make_engine: Callable[[], Engine], tell: Callable[[object], None]) -> None:
        """Take what makes the engine, and what answers are given to."""
        self._make_engine, self._tell = make_engine, tell
        self._engine: Engine | None = None

    def ready(self) -> Engine:
        """Return the engine, made if need be. Raises NoEngineError, after telling, where it cannot be made."""
        if self._engine is None:
            try:
                engine = self._make_engine()
                report = engine.report()
            except BaseException as error:
                failed = EngineFailed(sentence=sentence(error), details=details(error))
                self._tell(failed)
                raise NoEngineError(failed) from error
            self._engine = engine
            self._tell(EngineReady(report=report))
        return self._engine

    def answer(self, task: DecodeTask | ExplainTask) -> None:
        """Decode a frame or explain a step."""
        answer: Any = None
        try:
            engine = self.ready()
            if isinstance(task, DecodeTask):
                answer = engine.decode(task.model, task.weights_sha256, task.latents)
            else:
                answer = engine.explain(task.request, task.weights_sha256, task.x, task.t)
        except (StudioError, NoEngineError):
            pass  # the frame stays as it was shown; that the model is gone is told when it is asked for
        except BaseException as error:  # noqa: BLE001 - extensions raise what is no Exception
            tell_unexpected(error)
        if isinstance(task, DecodeTask):
            self._tell(FrameDecoded(task=task, pixels=answer))
        else:
            self._tell(StepExplained(task=task, explained=answer))

    def do(self, errand: Errand) -> None:
        """Do an errand, unless it was stopped before."""
        done = ErrandDone(errand=errand)
        try:
            if not errand.cancelled.is_set():
                done = ErrandDone(errand=errand, answer=errand.work(errand, self.ready()))
        except BaseException as error:  # noqa: BLE001 - as above
            done = ErrandDone(errand=errand, fault=sentence(error))
        self._tell(done)

    def rehearse(self, task: RehearseTask) -> None:
        """Find out what a training takes."""
        done = TrainingRehearsed(request=task.request)
        try:
            estimate = self.ready().rehearse_training(task.request, cancelled=task.cancelled)
            done = TrainingRehearsed(request=task.request, estimate=estimate)
        except BaseException as error:  # noqa: BLE001 - as above
            if not task.cancelled.is_set():
                done = TrainingRehearsed(request=task.request, fault=sentence(error))
        self._tell(done)


def sentence(error: BaseException) -> str:
    """Return what is told of an error; of one that nobody foresaw the log has the rest."""
    if isinstance(error, NoEngineError):
        return error.failed.sentence
    if not isinstance(error, StudioError):
        return tell_unexpected(error)
    words = str(error)  # that of a request begins with a field's name
    return capitalised(words)


def details(error: BaseException) -> str:
    """Return an error's traceback."""
    if isinstance(error, NoEngineError):
        return error.failed.details
    return "".join(traceback.format_exception(error))


Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """The newest item under each key. Any thread may put and take."""

    def __init__(self) -> None:
        """Begin empty."""
        self._items: dict[int, Item] = {}
        self._lock = threading.Lock()

    def put(self, key: int, item: Item) -> bool:
        """Leave an item in place of the one of the same key; True where the window must be woken."""
        with self._lock:
            must_wake = not self._items
            self._items[key] = item
            return must_wake

    def take(self) -> dict[int, Item]:
        """Return the items by key, and be empty again."""
        with self._lock:
            items, self._items = self._items, {}
            return items


class _WarmUp:
    """Make the engine before anybody waits for it."""


class _Nudge:
    """Look whether a paused training is to go on, or to stop."""


_Stoppable = Job | Training | Errand | RehearseTask
_Task = _Stoppable | DecodeTask | ExplainTask | _WarmUp | _Nudge | None


class EngineThread(QThread):
    """Runs jobs one after another.

    Signals:
        told: an event of the engine or of `studio.gallery.keeping`, or one of `studio.ui.models` that answers a task.
        woken: there are steps in `mailbox`.
        trained: there are steps in `trained_mailbox`.
    """

    told = Signal(object)
    woken = Signal()
    trained = Signal()

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
        self._store, self._runs = store, runs
        self._engine = HeldEngine(make_engine, self.told.emit)
        self._tasks: queue.Queue[_Task] = queue.Queue()
        self._held: deque[_Task] = deque()
        self._rehearsals: list[RehearseTask] = []
        self._stopping = threading.Event()
        self.trained_mailbox: Mailbox[TrainingStepped] = Mailbox()
        self._active: list[_Stoppable] = []  # the last one runs, those before it rest meanwhile

    def submit(self, job: Job | Training) -> None:
        """Have a job run after those submitted before; a picture is made between two steps of a training."""
        while self._rehearsals:  # those that still wait too
            self._rehearsals.pop().cancelled.set()
        self._tasks.put(job)

    def decode(self, task: DecodeTask | ExplainTask) -> None:
        """Have a frame decoded or a step explained, between two steps of a running job or at once."""
        self._tasks.put(task)

    def rehearse(self, task: RehearseTask) -> None:
        """Have it found out what a training takes, when nothing else is to do."""
        self._rehearsals.append(task)
        self._tasks.put(task)

    def errand(self, errand: Errand) -> None:
        """Have something else done, after the jobs and errands submitted before."""
        self._tasks.put(errand)

    def warm_up(self) -> None:
        """Have the engine made, so that the first job finds it there."""
        self._tasks.put(_WarmUp())

    def cancel(self, job: Job | Training) -> None:
        """Have a job stop, after at most one more model call; a training after at most one more step."""
        job.cancelled.set()
        self._tasks.put(_Nudge())

    def pause(self, training: Training, paused: bool) -> None:
        """Have a training rest after at most one more step, or go on."""
        training.paused.set() if paused else training.paused.clear()
        self._tasks.put(_Nudge())

    def stop(self) -> None:
        """Have the thread end, after at most one more model call; wait for it with `wait`."""
        self._stopping.set()
        for job in tuple(self._active):
            job.cancelled.set()
        self._tasks.put(None)

    def run(self) -> None:
        """Work until told to stop. Called by Qt, in the thread itself."""
        while not self._stopping.is_set():
            match self._held.popleft() if self._held else self._tasks.get():
                case Job() as job:
                    self._run_job(job)
                case Training() as training:
                    self._train(training)
                case DecodeTask() | ExplainTask() as task:
                    self._engine.answer(task)
                case Errand() | RehearseTask() as errand:
                    self._do(errand)
                case _WarmUp():
                    with contextlib.suppress(NoEngineError):
                        self._engine.ready()

    def _run_job(self, job: Job) -> None:
        self._active.append(job)
        try:
            if self._stopping.is_set():  # it may have come between the look at the queue and this
                return
            engine = self._engine.ready()
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
        except BaseException as error:  # noqa: BLE001 - the one place; extensions raise what is no Exception
            self.told.emit(JobFailed(job_id=job.id, sentence=sentence(error), details=details(error)))
        finally:
            self._active.remove(job)

    # ------------------------------------------------------------------------------------------------- training
    def _train(self, training: Training) -> None:
        self._active.append(training)
        try:
            if self._stopping.is_set():
                return
            engine = self._engine.ready()
            events = engine.train(training.request, cancelled=training.cancelled, job_id=training.id)
            with contextlib.closing(events):
                for event in events:
                    self._tell_training(training, event)
                    self._do_what_waits(training)
        except BaseException as error:  # noqa: BLE001 - as in `_run_job`
            failure = TrainingFailed(job_id=training.id, sentence=sentence(error), details=details(error))
            self.told.emit(failure)
        finally:
            self._active.remove(training)

    def _tell_training(self, training: Training, event: TrainEvent) -> None:
        training.losses.take(event)
        if not isinstance(event, TrainingStepped):
            self.told.emit(event)
        elif self.trained_mailbox.put(0, event):
            self.trained.emit()

    def _do_what_waits(self, training: Training) -> None:
        """Between two steps: make the picture that is asked for, and rest as long as the training is paused."""
        while not training.cancelled.is_set():
            task = self._held_back()
            if task is None:
                try:
                    task = self._tasks.get(block=training.paused.is_set())
                except queue.Empty:
                    return
            match task:
                case Job() | Errand() as meanwhile:
                    self.told.emit(TrainingHeld(job_id=training.id, held=True))
                    self._run_job(meanwhile) if isinstance(meanwhile, Job) else self._do(meanwhile)
                    self.told.emit(TrainingHeld(job_id=training.id, held=False))
                case DecodeTask() | ExplainTask() as asked:
                    self._engine.answer(asked)
                case Training() | RehearseTask() as later:
                    self._held.append(later)

    def _held_back(self) -> _Task:
        """Return what a picture's job left to be done after it, if it can be done beside a training."""
        for task in self._held:
            if isinstance(task, Job | DecodeTask | ExplainTask | Errand):
                self._held.remove(task)
                return task
        return None

    # ------------------------------------------------------------------------------------------------- pictures
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
                self._engine.answer(task)
                return  # one at a time: the job goes on in between
            self._held.append(task)

    def _do(self, errand: Errand | RehearseTask) -> None:
        self._active.append(errand)
        if not self._stopping.is_set():  # as with a job
            self._engine.do(errand) if isinstance(errand, Errand) else self._engine.rehearse(errand)
        self._active.remove(errand)
