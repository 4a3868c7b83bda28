"""The training session: submits trainings to the engine thread one at a time, and passes its events to the model.

Waiting trainings stay here, where they can be removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, get_args

from PySide6.QtCore import QObject, Qt, Signal, Slot

from studio.engine.training.events import (
    CheckpointFailed,
    CheckpointSaved,
    TrainEvent,
    TrainingFinished,
    TrainingHistory,
    TrainingRecovered,
    TrainingStarted,
    TrainingStopped,
)
from studio.ui.core.job import Training, TrainingFailed, TrainingSuspended
from studio.ui.core.training_losses import LossRecord
from studio.ui.language import tr

if TYPE_CHECKING:
    from studio.engine.training.events import TrainingStepped
    from studio.engine.training.request import TrainRequest
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.engine_thread import EngineThread
    from studio.ui.core.notices import Notices

_EVENTS = (*get_args(TrainEvent), TrainingSuspended, TrainingFailed)


class TrainingSink(Protocol):
    """Shows the running and the waiting trainings; implemented by the model of the training page."""

    training: Training | None
    paused: bool
    waiting: tuple[Training, ...]

    @property
    def over(self) -> bool:
        """Whether no training waits or runs."""

    def begin(self, training: Training) -> None: ...

    def set_waiting(self, waiting: tuple[Training, ...]) -> None: ...

    def set_paused(self, paused: bool) -> None: ...

    def set_stopping(self) -> None: ...

    def take(self, event: TrainEvent | TrainingSuspended | TrainingFailed) -> None:
        """Show an event other than a step."""

    def take_step(self, event: TrainingStepped) -> None: ...


class TrainingSession(QObject):
    """Connects the training page to the engine.

    Signals:
        ended: a training is over: finished, stopped or failed.
    """

    ended = Signal()

    def __init__(
        self,
        thread: EngineThread,
        *,
        run: TrainingSink,
        catalog: Catalog,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        """Connect to the thread, which `studio.ui.jobs.session.Session` starts and ends."""
        super().__init__(parent)
        self._thread, self._run, self._catalog, self._notices = thread, run, catalog, notices
        self._current: Training | None = None
        self._offered = False
        thread.engine_event.connect(self._on_engine_event, Qt.ConnectionType.QueuedConnection)
        thread.training_steps_ready.connect(self._on_trained, Qt.ConnectionType.QueuedConnection)

    # --------------------------------------------------------------------------------------------------- intents
    def train(self, request: TrainRequest) -> Training:
        """Train or resume training a model, after the waiting trainings."""
        known = self._run.training
        resumes = known is not None and self._run.over and known.request.name == request.name
        losses = known.losses if known is not None and resumes else LossRecord()
        training = Training(request=request, losses=losses)
        self._run.set_waiting((*self._run.waiting, training))
        self._start_next()
        return training

    @Slot()
    def toggle_pause(self) -> None:
        """Pause or resume the running training."""
        if not self._run.over:
            self.pause(not self._run.paused)

    def pause(self, paused: bool) -> None:
        """Pause the running training, or resume it."""
        if self._current is not None and not self._current.cancelled.is_set():
            self._thread.pause(self._current, paused)
            self._run.set_paused(paused)

    @Slot()
    def stop(self) -> None:
        """Stop the running training, which can be resumed. One that has not started yet ends at once."""
        if self._current is None:
            return
        if not self._thread.withdraw(self._current):
            self._thread.cancel(self._current)
            self._run.set_stopping()
            return
        self._run.take(TrainingStopped(job_id=self._current.id, stage=None, step=0, model=None))
        self._end()

    @Slot(object)
    def remove(self, training: Training) -> None:
        """Remove a waiting training."""
        self._run.set_waiting(tuple(other for other in self._run.waiting if other is not training))

    # ------------------------------------------------------------------------------------------- from the thread
    @Slot(object)
    def _on_engine_event(self, event: object) -> None:
        if isinstance(event, _EVENTS) and self._is_current(event.job_id):
            self._on_trained()  # earlier steps come first
            self._run.take(event)
            self._post_notices(event)

    @Slot()
    def _on_trained(self) -> None:
        for event in self._thread.training_mailbox.take().values():
            if self._is_current(event.job_id):
                self._run.take_step(event)

    def _post_notices(self, event: TrainEvent | TrainingSuspended | TrainingFailed) -> None:
        match event:
            case TrainingStarted():
                for note in event.notes:
                    self._notices.post(note)
            case TrainingHistory():
                self._offered = self._offered or bool(event.checkpoints)
            case CheckpointSaved():
                self._catalog.reload()
                if not self._offered:
                    self._offered = True
                    self._notices.post(
                        tr(
                            "The first checkpoint, {model}, is in the list of models: pictures can be made with it.",
                            model=event.model,
                        )
                    )
            case CheckpointFailed() | TrainingRecovered():
                self._notices.post(tr(event.sentence), kind="warn")
            case TrainingFinished():
                self._notices.post(tr("{model} is trained. It is in the list of models.", model=event.model))
                self._end()
            case TrainingStopped():
                self._end()
            case TrainingFailed():
                self._notices.post(event.sentence, kind="error", details=event.details)
                self._end()

    def _is_current(self, job_id: str) -> bool:
        return self._current is not None and self._current.id == job_id

    def _start_next(self) -> None:
        if self._current is not None or not self._run.waiting:
            return
        training, *waiting = self._run.waiting
        self._current, self._offered = training, False
        self._run.begin(training)
        self._run.set_waiting(tuple(waiting))
        self._thread.submit(training)

    def _end(self) -> None:
        self._current = None
        self._catalog.reload()
        self.ended.emit()
        self._start_next()
