"""The thread that owns the device.

* Other threads only call `submit`, `call`, `warm_up`, `cancel`, `withdraw`, `pause` and `stop`, which change a queue or
  set an event and return immediately. The object itself lives in the GUI thread.
* torch is imported here, when the first task needs it, and nowhere else in the window.
* Changes of state and finished pictures are sent as queued signals, in order. Steps go into the job's record, which
  keeps all of them, and into a mailbox, where a newer step replaces an older one; `steps_ready` is emitted when the
  mailbox is no longer empty.
* Events are immutable and contain no tensors.
* Calls run while no job waits, and between two steps of a job or a training; see `Priority`.
* A training is a job too; pictures are made between two of its steps, so they need not wait for its end.
* Finished pictures are encoded and written by another thread (`JobWriter`), while the device continues, also with the
  next job.
* Errors are caught where a task runs, and become `JobFailed`, `TrainingFailed` or the error sentence of a call; the
  thread continues with the next task.
* `stop` and `wait` end it within one model call. It is never terminated.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from studio.engine.events import JobFailed, JobStarted, ModelLoading, PictureStarted, StepDone
from studio.engine.training.events import TrainingStepped
from studio.errors import MemoryShortError, StudioError, capitalised
from studio.logs import report_unexpected
from studio.ui.core.engine_call import EngineCall, EngineFailed, EngineReady, Priority
from studio.ui.core.job import Job, Training, TrainingFailed, TrainingSuspended
from studio.ui.core.job_writer import JobEvents, JobWriter, NotWrittenError
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from studio.engine.events import Event
    from studio.engine.protocol import Engine
    from studio.engine.training.events import TrainEvent
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore


class NoEngineError(Exception):
    """The engine cannot be created; `EngineFailed` was already emitted."""

    def __init__(self, failed: EngineFailed) -> None:
        super().__init__(failed.sentence)
        self.failed = failed


def sentence(error: BaseException) -> str:
    """Return an error as one sentence in the window's language; an unexpected one is logged with its traceback."""
    if isinstance(error, NoEngineError):
        return error.failed.sentence
    if not isinstance(error, StudioError):
        return tr(report_unexpected(error))
    return capitalised(tr(error.message))  # the sentence of a RequestError begins with the name of a field


def details(error: BaseException) -> str:
    """Return an error's traceback."""
    if isinstance(error, NoEngineError):
        return error.failed.details
    return "".join(traceback.format_exception(error))


Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """The newest item of each key. Thread-safe.

    One queued signal for each step could pile up faster than the steps are painted. Here the sender wakes the window
    only when the mailbox was empty, however many steps follow.
    """

    def __init__(self) -> None:
        self._items: dict[Hashable, Item] = {}
        self._lock = threading.Lock()

    def put(self, key: Hashable, item: Item) -> bool:
        """Put an item, replacing the one with the same key; return whether the window must be woken."""
        with self._lock:
            must_wake = not self._items
            self._items[key] = item
            return must_wake

    def take(self) -> dict[Hashable, Item]:
        """Return the items by key, and remove them."""
        with self._lock:
            items, self._items = self._items, {}
            return items


Task = Job | Training | EngineCall[Any]


class TaskQueue:
    """The waiting and the active tasks. Any thread may add tasks; only the engine's thread takes them."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._jobs: deque[Job | Training] = deque()
        self._calls: list[EngineCall[Any]] = []
        self._active: list[Task] = []
        self._stopped = False

    # ------------------------------------------------------------------------------------------------ from any thread
    def add_job(self, job: Job | Training) -> None:
        """Append a job; active calls that give way to jobs are interrupted."""
        with self._condition:
            self._jobs.append(job)
            for task in self._active:
                if isinstance(task, EngineCall) and task.gives_way:
                    task.interrupt()
            self._condition.notify()

    def add_call(self, call: EngineCall[Any]) -> list[EngineCall[Any]]:
        """Add a call; return the waiting calls that it replaces."""
        with self._condition:
            dropped = [] if call.token is None else [one for one in self._calls if one.token == call.token]
            self._calls = [one for one in self._calls if one not in dropped]
            for task in self._active:
                if isinstance(task, EngineCall) and call.token is not None and task.token == call.token:
                    task.cancel()
            for one in dropped:
                one.cancel()
            self._calls.append(call)
            self._condition.notify()
            return dropped

    def wake(self) -> None:
        """Make a paused training check its events again."""
        with self._condition:
            self._condition.notify()

    def stop(self) -> None:
        """Stop handing out tasks, and cancel the active ones."""
        with self._condition:
            self._stopped = True
            for task in self._active:
                task.cancelled.set()
            self._condition.notify()

    # ------------------------------------------------------------------------------------------ by the engine's thread
    def next(self) -> Task | None:
        """Wait for the next task: a job, or else the most urgent call; return None once stopped."""
        with self._condition:
            while not self._stopped:
                task = self._jobs.popleft() if self._jobs else self._most_urgent(Priority.IDLE)
                if task is not None:
                    self._active.append(task)
                    return task
                self._condition.wait()
            return None

    def withdraw(self, training: Training) -> bool:
        """Remove a training that has not begun; return whether it was waiting."""
        with self._condition:
            waits = training in self._jobs
            if waits:
                self._jobs.remove(training)
            return waits

    def between_steps(self, weights: tuple[str, ...]) -> EngineCall[Any] | None:
        """Return a call to run between two steps of a job that uses models with these weights, or None."""
        with self._condition:
            if self._stopped:
                return None
            call = self._most_urgent(Priority.NORMAL, weights)
            if call is not None:
                self._active.append(call)
            return call

    def beside(self, training: Training) -> Job | EngineCall[Any] | None:
        """Return a task to run between two steps of a training, or None; blocks while the training is paused."""
        with self._condition:
            while not (self._stopped or training.cancelled.is_set()):
                picture = next((job for job in self._jobs if isinstance(job, Job)), None)
                if picture is not None:
                    self._jobs.remove(picture)
                task = picture or self._most_urgent(Priority.BACKGROUND)
                if task is not None:
                    self._active.append(task)
                    return task
                if not training.paused.is_set():
                    return None
                self._condition.wait()
            return None

    def done(self, task: Task) -> bool:
        """Mark a task as done; return False if it is a call that was interrupted and waits again."""
        with self._condition:
            self._active.remove(task)
            if not isinstance(task, EngineCall) or task.unwanted or not task.cancelled.is_set():
                return True
            if not self._stopped:
                task.cancelled.clear()
                self._calls.insert(0, task)
            return False

    def _most_urgent(self, least: Priority, weights: tuple[str, ...] | None = None) -> EngineCall[Any] | None:
        """Remove and return the oldest of the most urgent calls, or a cancelled one, so that it is answered."""
        found = [
            call
            for call in self._calls
            if call.unwanted
            or (call.priority >= least and (weights is None or call.weights_sha256 in weights))
        ]
        call = max(found, key=lambda one: one.priority, default=None)
        if call is not None:
            self._calls.remove(call)
        return call


class EngineThread(QThread):
    """Runs jobs in order, and calls in between.

    Signals:
        engine_event: an event of the engine, of the writer of pictures and runs, or of this thread.
        steps_ready: there are steps in `mailbox`.
        training_steps_ready: there are steps in `training_mailbox`.
        device_free: the device has finished the job of this id. Its last picture may not be written yet.
    """

    engine_event = Signal(object)
    steps_ready = Signal()
    training_steps_ready = Signal()
    device_free = Signal(str)
    _answered = Signal(object, object)

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        store: PictureStore,
        runs: RunStore | None = None,
        parent: QObject | None = None,
        *,
        busy: threading.Event | None = None,
    ) -> None:
        """Create the thread; `start` starts it.

        Args:
            make_engine: factory, called in this thread.
            store: destination of finished pictures.
            runs: destination of recorded runs; None to record none.
            parent: the Qt parent.
            busy: set while a job or a training runs, so that other work can wait for its end; None makes one.
        """
        super().__init__(parent)
        self.setObjectName("engine")
        self.mailbox: Mailbox[StepDone] = Mailbox()
        self.training_mailbox: Mailbox[TrainingStepped] = Mailbox()
        self.busy = busy or threading.Event()
        self._make_engine = make_engine
        self._engine: Engine | None = None
        self._writer = JobWriter(store, runs, self.engine_event.emit, self._fail)
        self._tasks = TaskQueue()
        # To a slot of this object, which lives in the GUI thread.
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)

    # ------------------------------------------------------------------------------------------------ from any thread
    def submit(self, job: Job | Training) -> None:
        """Queue a job or a training. Pictures do not wait for the end of a training but are made between its steps."""
        self._tasks.add_job(job)

    def call(self, call: EngineCall[Any]) -> None:
        """Queue a call, which runs when its priority allows it."""
        for dropped in self._tasks.add_call(call):
            self._answered.emit(dropped.dropped, ())

    def warm_up(self) -> None:
        """Create the engine ahead of the first job."""
        self.call(EngineCall(work=lambda *_: None))

    def cancel(self, job: Job | Training) -> None:
        """Cancel a job, which ends after at most one more model call, or a training, after at most one more step."""
        job.cancelled.set()
        self._tasks.wake()

    def withdraw(self, training: Training) -> bool:
        """Remove a training that still waits for the device; return False if it has begun."""
        return self._tasks.withdraw(training)

    def pause(self, training: Training, paused: bool) -> None:
        """Pause a training, after at most one more step, or resume it."""
        training.paused.set() if paused else training.paused.clear()
        self._tasks.wake()

    def stop(self) -> None:
        """End the thread, after at most one more model call; `wait` waits for it."""
        self._tasks.stop()

    # -------------------------------------------------------------------------------------------- in the thread itself
    def run(self) -> None:
        """Run tasks until stopped. Called by Qt."""
        with self._writer:
            while (task := self._tasks.next()) is not None:
                if isinstance(task, EngineCall):
                    self._answer(task)
                    continue
                self.busy.set()
                if isinstance(task, Training):
                    self._train(task)
                else:
                    self._run_job(task)
                self.busy.clear()

    def _do(self, task: Job | EngineCall[Any]) -> None:
        if isinstance(task, Job):
            self._run_job(task)
        else:
            self._answer(task)

    def _answer(self, call: EngineCall[Any]) -> None:
        outcome: tuple[Callable[..., None], tuple[object, ...]] = call.dropped, ()
        try:
            if not call.unwanted:
                outcome = call.then, (call.work(call, self._ready()),)
        except BaseException as error:  # noqa: BLE001 - extensions may raise a BaseException
            if not call.cancelled.is_set():
                outcome = call.failed, (sentence(error),)
        if self._tasks.done(call):
            self._answered.emit(*(outcome if not call.unwanted else (call.dropped, ())))

    def _run_job(self, job: Job) -> None:
        written = self._writer.begin(job)
        failure: BaseException | None = None
        try:
            self._sample(job, written)
        except NotWrittenError:
            pass  # the writer has reported why
        except BaseException as error:  # noqa: BLE001 - the only place; extensions may raise a BaseException
            failure = error
        finally:
            self._tasks.done(job)
        written.end(failure)
        self.device_free.emit(job.id)

    def _sample(self, job: Job, written: JobEvents) -> None:
        engine = self._ready()
        engine.headroom = job.headroom
        events = engine.run(job.request, cancelled=job.cancelled, previews=job.previews, job_id=job.id)
        weights: tuple[str, ...] = ()
        with contextlib.ExitStack() as stack:
            if (close := getattr(events, "close", None)) is not None:
                stack.callback(close)
            for event in events:
                if isinstance(event, JobStarted):
                    weights = (event.weights_sha256, *event.weights)
                self._note_step(job, event)
                written.put(event)
                if (call := self._tasks.between_steps(weights)) is not None:
                    self._answer(call)  # one at a time: the job takes a step in between

    def _fail(self, job: Job, error: BaseException) -> None:
        smaller = error.smaller if isinstance(error, MemoryShortError) else None
        failed = JobFailed(job_id=job.id, sentence=sentence(error), details=details(error), smaller=smaller)
        self.engine_event.emit(failed)

    def _note_step(self, job: Job, event: Event) -> None:
        """Send the events that need not wait for the disk: steps, and the start of a loading, job or picture."""
        match event:
            case StepDone():
                job.record.add(event)
                if self.mailbox.put((event.job_id, event.image), event):
                    self.steps_ready.emit()
            case PictureStarted():
                job.record.begin(event)
                self.engine_event.emit(event)
            case ModelLoading() | JobStarted():
                self.engine_event.emit(event)

    def _train(self, training: Training) -> None:
        try:
            engine = self._ready()
            events = engine.train(training.request, cancelled=training.cancelled, job_id=training.id)
            with contextlib.closing(events):
                for event in events:
                    self._note_training(training, event)
                    while (task := self._tasks.beside(training)) is not None:
                        self._do_beside(training, task)
        except BaseException as error:  # noqa: BLE001 - as in `_run_job`
            failure = TrainingFailed(job_id=training.id, sentence=sentence(error), details=details(error))
            self.engine_event.emit(failure)
        finally:
            self._tasks.done(training)

    def _do_beside(self, training: Training, task: Job | EngineCall[Any]) -> None:
        """Run a task between two steps of a training. Calls about as short as a step are not announced."""
        short = isinstance(task, EngineCall) and bool(task.weights_sha256 or task.unwanted)
        if not short:
            self.engine_event.emit(TrainingSuspended(job_id=training.id, suspended=True))
        self._do(task)
        if not short:
            self.engine_event.emit(TrainingSuspended(job_id=training.id, suspended=False))

    def _note_training(self, training: Training, event: TrainEvent) -> None:
        training.losses.take(event)
        if not isinstance(event, TrainingStepped):
            self.engine_event.emit(event)
        elif self.training_mailbox.put(0, event):
            self.training_steps_ready.emit()

    def _ready(self) -> Engine:
        """Return the engine, created on first use. Raises NoEngineError, after `EngineFailed`, if that fails."""
        if self._engine is None:
            try:
                engine = self._make_engine()
                report = engine.report()
            except BaseException as error:
                failed = EngineFailed(sentence=sentence(error), details=details(error))
                self.engine_event.emit(failed)
                raise NoEngineError(failed) from error
            self._engine = engine
            self.engine_event.emit(EngineReady(report=report))
        return self._engine

    @Slot(object, object)
    def _on_answered(self, answer: Callable[..., None], values: tuple[object, ...]) -> None:
        answer(*values)
