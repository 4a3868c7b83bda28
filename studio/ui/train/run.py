"""The state of the training, built from its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from studio.engine.training.events import (
    CheckpointSaved,
    TrainingFinished,
    TrainingHistory,
    TrainingPreparing,
    TrainingRecovered,
    TrainingSampled,
    TrainingStarted,
    TrainingStopped,
)
from studio.ui.core.job import TrainingFailed, TrainingSuspended

if TYPE_CHECKING:
    from studio.engine.training.events import TrainEvent, TrainingStepped
    from studio.ui.core.job import Training


Phase = Literal["waiting", "preparing", "running", "stopping", "stopped", "done", "failed"]
OVER = ("stopped", "done", "failed")
MOST_SAMPLES = 200
"""Beyond this number, every second sample of the older half is dropped."""


class TrainRun(QObject):
    """The running training, or the last one.

    Attributes:
        training: the training; None before the first.
        phase: its phase.
        paused: whether it was paused.
        suspended: whether it waits while a picture is made.
        preparing: the newest event before the first step.
        started: the event of the first step.
        newest: the event of the newest step.
        samples: oldest first.
        checkpoints: oldest first, without removed ones.
        finished: the event of a normal end.
        stopped: the event of a stop.
        failure: the error that ended it.
        waiting: the queued trainings.

    Signals:
        changed: the training, its phase or the queue has changed.
        stepped: `newest` has changed.
        sampled: `samples` has changed.
        saved: `checkpoints` has changed.
    """

    changed = Signal()
    stepped = Signal()
    sampled = Signal()
    saved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.waiting: tuple[Training, ...] = ()
        self.training: Training | None = None
        self._clear()

    def _clear(self) -> None:
        self.phase: Phase = "waiting"
        self.paused = self.suspended = False
        self.preparing: TrainingPreparing | None = None
        self.started: TrainingStarted | None = None
        self.newest: TrainingStepped | None = None
        self.samples: tuple[TrainingSampled, ...] = ()
        self.checkpoints: tuple[CheckpointSaved, ...] = ()
        self.finished: TrainingFinished | None = None
        self.stopped: TrainingStopped | None = None
        self.failure: TrainingFailed | None = None

    @property
    def over(self) -> bool:
        """Whether no training is waiting or running."""
        return self.training is None or self.phase in OVER

    @property
    def fraction(self) -> float:
        """The progress of the current stage, 0 to 1."""
        if self.phase == "done":
            return 1.0
        if self.newest is not None:
            return self.newest.step / self.newest.steps
        preparing = self.preparing
        return preparing.done / preparing.total if preparing is not None and preparing.total else 0.0

    # --------------------------------------------------------------------------------------- facts, from the session
    def begin(self, training: Training) -> None:
        """Show a training that was submitted; a resumed one keeps its samples and checkpoints."""
        known, before = self.training, (self.samples, self.checkpoints)
        self._clear()
        self.training = training
        if known is not None and known.request.name == training.request.name:
            self.samples, self.checkpoints = before
        self.changed.emit()
        self.sampled.emit()
        self.saved.emit()

    def set_waiting(self, waiting: tuple[Training, ...]) -> None:
        self.waiting = waiting
        self.changed.emit()

    def set_paused(self, paused: bool) -> None:
        """Show that the training was paused or resumed."""
        self.paused = paused
        self.changed.emit()

    def set_stopping(self) -> None:
        """Show that the training is going to stop."""
        self.phase = "stopping"
        self.changed.emit()

    def take_step(self, event: TrainingStepped) -> None:
        """Process the newest step."""
        another = self.newest is None or self.newest.stage != event.stage or self.phase == "preparing"
        self.newest = event
        self._go_to("running")  # a later stage may have had preparations of its own
        if another:
            self.changed.emit()
        self.stepped.emit()

    def take(self, event: TrainEvent | TrainingSuspended | TrainingFailed) -> None:
        """Process any event other than a step."""
        match event:
            case TrainingSuspended():
                self.suspended = event.suspended
            case TrainingPreparing():
                self.preparing = event
                self._go_to("preparing")
            case TrainingStarted():
                self.started = event
                self._go_to("running")
            case TrainingHistory():
                self._add_past(event)
                return
            case TrainingSampled():
                self._add_samples(event)
                return
            case CheckpointSaved():
                kept = (known for known in self.checkpoints if known.model not in event.removed)
                self.checkpoints = (*(known for known in kept if known.model != event.model), event)
                self.saved.emit()
                return
            case TrainingRecovered():
                self.stepped.emit()
                return
            case TrainingFinished():
                self.finished, self.phase = event, "done"
            case TrainingStopped():
                self.stopped, self.phase = event, "stopped"
            case TrainingFailed():
                self.failure, self.phase = event, "failed"
        if self.over:
            self.paused = self.suspended = False
        self.changed.emit()

    def _go_to(self, phase: Phase) -> None:
        if self.phase != "stopping":
            self.phase = phase

    def _add_past(self, event: TrainingHistory) -> None:
        """Show what happened before it was stopped, as far as this window has not seen it."""
        self.samples = self.samples or event.samples
        self.checkpoints = self.checkpoints or event.checkpoints
        self.sampled.emit()
        self.saved.emit()
        self.stepped.emit()

    def _add_samples(self, event: TrainingSampled) -> None:
        samples = self.samples
        if len(samples) >= MOST_SAMPLES:
            half = len(samples) // 2
            samples = samples[:half:2] + samples[half:]
        self.samples = (*samples, event)
        self.sampled.emit()
