"""One stage on its way: steps, samples, checkpoints and recoveries, as events."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING, Protocol

from studio.engine.training.events import (
    CheckpointFailed,
    TrainEvent,
    TrainingRecovered,
    TrainingSampled,
    TrainingStepped,
)
from studio.engine.training.stage import TrainingDivergedError
from studio.errors import CheckpointError, StorageError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from studio.engine.training.eta import Pace
    from studio.engine.training.events import CheckpointSaved, StageName
    from studio.engine.training.request import TrainRequest
    from studio.engine.training.stage import Stage

SAMPLING_SHARE = 1 / 15
"""Samples take at most about this share of the time."""
TRIES = 3
"""How often a training that went astray goes back, each time to half the rate, before it gives up."""


class Shown(Protocol):
    """What belongs to a stage besides its steps."""

    def sample(self, step: int) -> TrainingSampled | None:
        """Show how far the stage is after so many steps; None where there is nothing to show, or no more time."""
        ...

    def bands(self) -> tuple[float | None, ...]:
        """Return the last step's error by noise level."""
        ...

    def saved(self, steps: int) -> Iterator[CheckpointSaved]:
        """Do what follows once the state of so many steps is safe.

        Raises:
            StorageError: the model cannot be written.
            CheckpointError: it is not finite.
        """
        ...


class Drive:
    """Drives one stage to its end, or until it is asked to stop.

    Attributes:
        safe: steps whose state is on disk.
        stopped: whether it was asked to stop.
    """

    def __init__(
        self,
        name: StageName,
        stage: Stage,
        shown: Shown,
        request: TrainRequest,
        pace: Pace,
        *,
        job_id: str,
        cancelled: threading.Event,
    ) -> None:
        """Take the stage and what goes with it."""
        self._name, self._stage, self._shown = name, stage, shown
        self._request, self._pace = request, pace
        self._job_id, self._cancelled = job_id, cancelled
        self.safe, self.stopped = stage.start, False
        self._sampled_at = self._saved_at = time.monotonic()
        self._sampling = 0.0  # seconds that a sample takes

    def run(self) -> Iterator[TrainEvent]:
        """Take the steps that are left.

        Raises:
            TrainingDivergedError: the loss is not a number, again and again.
            StorageError: the last state cannot be written, or not even the first.
        """
        stage, total = self._stage, self._stage.config.steps
        if stage.start >= total:
            return
        if not stage.path.exists():
            stage.save(
                0
            )  # what a first step that goes astray goes back to; and a disk that is full is told at once
        tries = 0
        while True:
            astray = None
            for done in stage.steps():
                if not math.isfinite(done.loss):
                    astray = done.step + 1
                    break
                yield self._stepped(done.step + 1, done.loss, done.rate, done.seconds)
                yield from self._between(done.step + 1, total)
                if self.stopped:
                    return
            if astray is None:
                return
            if tries == TRIES:
                raise TrainingDivergedError(self._name, astray, tries)
            tries += 1
            yield from self._recover(astray)

    def _stepped(self, step: int, loss: float, rate: float, seconds: float) -> TrainingStepped:
        self._pace.note_step(self._name, seconds)
        return TrainingStepped(
            job_id=self._job_id,
            stage=self._name,
            step=step,
            steps=self._stage.config.steps,
            loss=loss,
            bands=self._shown.bands(),
            rate=rate,
            pictures_per_second=self._pace.pictures_per_second(self._stage.config.batch),
            seconds_left=self._pace.seconds_left(step),
        )

    def _between(self, step: int, total: int) -> Iterator[TrainEvent]:
        """Save and sample where that is due."""
        begun = now = time.monotonic()
        self.stopped = self._cancelled.is_set() and step < total
        kept = self._name == "backbone" and step % self._request.keep_every == 0
        if step == total or kept or self.stopped or now - self._saved_at >= self._request.save_seconds:
            yield from self._save(step, last=step == total)
        pause = max(self._request.sample_seconds, self._sampling / SAMPLING_SHARE)
        if not self.stopped and (step == total or now - self._sampled_at >= pause):
            sampling = time.monotonic()
            shown = self._shown.sample(step)
            self._sampled_at = time.monotonic()
            self._sampling = self._sampled_at - sampling
            if shown is not None:
                yield shown
        self._pace.note_beside(time.monotonic() - begun)

    def _save(self, step: int, *, last: bool) -> Iterator[TrainEvent]:
        """Save the state and what follows from it; a fault is told, and raised only where nothing comes after."""
        self._saved_at = time.monotonic()
        try:
            self._stage.save(step)
            self.safe = step
            yield from self._shown.saved(step)
        except (StorageError, CheckpointError) as error:
            if last:
                raise
            goes_on = "" if self.stopped else " Training goes on and tries again later."
            sentence = (
                f"The checkpoint of step {step:,} was not written: {error} The one before is kept.{goes_on}"
            )
            yield CheckpointFailed(job_id=self._job_id, step=step, sentence=sentence)

    def _recover(self, astray: int) -> Iterator[TrainEvent]:
        """Go back to the last good state, to half its rate."""
        stage = self._stage
        stage.reload()
        stage.slower /= 2
        self.safe = stage.start
        with contextlib.suppress(StorageError):  # then going on after a stop would begin at the former rate
            stage.save(stage.start)
        rate = stage.config.rate(stage.start) * stage.slower
        yield TrainingRecovered(
            job_id=self._job_id,
            stage=self._name,
            step=astray,
            back_to=stage.start,
            rate=rate,
            sentence=(
                f"The loss was not a number at step {astray:,} of the {self._name}, so training went back to step "
                f"{stage.start:,} and goes on at half the rate ({rate:.2g})."
            ),
        )
