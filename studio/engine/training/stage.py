"""One stage of a training: its module and state file, and the loop of steps, checkpoints, samples and recoveries."""

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
from studio.errors import CheckpointError, MemoryShortError, StorageError, StudioError
from studio.messages import message
from studio.training.ema import Ema
from studio.training.loop import LoopConfig, TrainStep, make_optimizer, train
from studio.training.state import SavedProgress, load_state, read_progress, save_state

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from studio.engine.training.estimate import EtaEstimator
    from studio.engine.training.events import CheckpointSaved, StageName
    from studio.engine.training.request import TrainRequest
    from studio.training.tasks import Loss

MAX_SAMPLING_SHARE = 1 / 15
"""Samples take at most about this share of the time."""
MAX_RECOVERIES = 3
"""How often a diverged stage is rewound to its last state, each time at half the learning rate, before it fails."""


class TrainingDivergedError(StudioError):
    """The loss is NaN or infinite, and recoveries did not help."""

    def __init__(self, stage: str, step: int, recoveries: int = 0) -> None:
        super().__init__(
            message(
                "Training of the {stage} diverged at step {step}, even after its learning rate was halved {count} "
                "times: the loss is not a number. Start a new training under another name with a lower learning "
                "rate; the last good state is kept.",
                stage=stage,
                step=step,
                count=recoveries,
            )
        )


class TrainingMemoryError(MemoryShortError):
    """The device ran out of memory in a training."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.args = (
            message(
                "The device {device} ran out of memory during the training; use a smaller batch size, picture size or "
                "model, or close other programs. The last saved state is kept.",
                device=repr(device),
            ),
        )


class Stage:
    """A module with its optimizer, its averaged weights and its state file.

    Attributes:
        start: number of steps done in the state that was loaded.
        lr_scale: factor on all learning rates, 1/2 for each recovery.
    """

    def __init__(self, name: str, module: nn.Module, loss: Loss, config: LoopConfig, states: Path) -> None:
        """Load the state file, if there is one.

        Args:
            name: of the stage and its file.
            module: what is trained.
            loss: draws a batch and returns its loss.
            config: number of steps and learning rates.
            states: the folder of state files.

        Raises:
            CheckpointError: the file holds a state of another training.
        """
        self.name, self.module, self.loss, self.config = name, module, loss, config
        self.optimizer, self.ema = make_optimizer(module, config), Ema(module, config.ema)
        self.path = states / f"{name}.safetensors"
        self.start, self.lr_scale = 0, 1.0
        if self.path.exists():
            self.reload()

    def reload(self) -> None:
        """Go back to the state file; raises CheckpointError if it contains no state of this training."""
        progress = load_state(self.path, self.module, self.ema, self.optimizer)
        self.start, self.lr_scale = progress.steps, progress.lr_scale

    def steps(self) -> Iterator[TrainStep]:
        """Train from ``start`` to the end; nothing is saved unless :meth:`save` is called between two steps."""
        self.module.train()
        return train(
            self.module,
            self.loss,
            self.config,
            self.optimizer,
            self.ema,
            start=self.start,
            lr_scale=self.lr_scale,
        )

    def save(self, steps: int) -> None:
        """Write the state after a number of steps; raises StorageError, and then the previous file is still there."""
        save_state(self.path, SavedProgress(steps, self.lr_scale), self.module, self.ema, self.optimizer)

    def averaged(self) -> dict[str, Tensor]:
        """Return the module's state with averaged parameters; its buffers are those of the last step."""
        return self.module.state_dict() | self.ema.state()


def saved_steps(states: Path, name: str) -> int:
    """Return the number of steps in the state file of a stage, without loading it; 0 if there is none."""
    path = states / f"{name}.safetensors"
    return read_progress(path).steps if path.exists() else 0


class StageHooks(Protocol):
    """What happens between the steps of a stage."""

    def sample(self, step: int) -> TrainingSampled | None:
        """Return samples of the stage after a number of steps; None if it makes none, or was cancelled."""
        ...

    def bands(self) -> tuple[float | None, ...]:
        """Return the last step's error by noise level, see `TrainingStepped.bands`."""
        ...

    def saved(self, steps: int) -> Iterator[CheckpointSaved]:
        """Follow up on a saved state.

        Raises:
            StorageError: the checkpoint's model cannot be written.
            CheckpointError: its weights are not finite.
        """
        ...


class StageRunner:
    """Runs one stage to its end, or until it is cancelled.

    Attributes:
        saved: number of steps whose state is on disk.
        stopped: whether it was cancelled.
    """

    def __init__(
        self,
        name: StageName,
        stage: Stage,
        hooks: StageHooks,
        request: TrainRequest,
        eta: EtaEstimator,
        *,
        job_id: str,
        cancelled: threading.Event,
    ) -> None:
        self._name, self._stage, self._hooks = name, stage, hooks
        self._request, self._eta = request, eta
        self._job_id, self._cancelled = job_id, cancelled
        self.saved, self.stopped = stage.start, False
        self._sampled_at = self._saved_at = time.monotonic()
        self._sample_seconds = 0.0

    def run(self) -> Iterator[TrainEvent]:
        """Take the remaining steps.

        Raises:
            TrainingDivergedError: the loss diverged again after every recovery.
            StorageError: the first or the last state cannot be written.
        """
        stage, total = self._stage, self._stage.config.steps
        if stage.start >= total:
            return
        if not stage.path.exists():
            stage.save(0)  # what a diverged first step goes back to; it also reports a full disk at once
        recoveries = 0
        while True:
            diverged = None
            for done in stage.steps():
                if not math.isfinite(done.loss):
                    diverged = done.step + 1
                    break
                yield self._stepped(done.step + 1, done.loss, done.learning_rate, done.seconds)
                yield from self._between_steps(done.step + 1, total)
                if self.stopped:
                    return
            if diverged is None:
                return
            if recoveries == MAX_RECOVERIES:
                raise TrainingDivergedError(self._name, diverged, recoveries)
            recoveries += 1
            yield from self._recover(diverged)

    def _stepped(self, step: int, loss: float, learning_rate: float, seconds: float) -> TrainingStepped:
        self._eta.add_step(self._name, seconds)
        return TrainingStepped(
            job_id=self._job_id,
            stage=self._name,
            step=step,
            steps=self._stage.config.steps,
            loss=loss,
            bands=self._hooks.bands(),
            rate=learning_rate,
            pictures_per_second=self._eta.pictures_per_second(self._stage.config.batch),
            seconds_left=self._eta.seconds_left(step),
        )

    def _between_steps(self, step: int, total: int) -> Iterator[TrainEvent]:
        started = now = time.monotonic()
        self.stopped = self._cancelled.is_set() and step < total
        milestone = self._name == "backbone" and step % self._request.keep_every == 0
        overdue = now - self._saved_at >= self._request.save_seconds
        if step == total or milestone or self.stopped or overdue:
            yield from self._save(step, last=step == total)
        interval = max(self._request.sample_seconds, self._sample_seconds / MAX_SAMPLING_SHARE)
        if not self.stopped and (step == total or now - self._sampled_at >= interval):
            sampling = time.monotonic()
            sample = self._hooks.sample(step)
            self._sampled_at = time.monotonic()
            self._sample_seconds = self._sampled_at - sampling
            if sample is not None:
                yield sample
        self._eta.add_pause(time.monotonic() - started)

    def _save(self, step: int, *, last: bool) -> Iterator[TrainEvent]:
        """Save the state and its checkpoint; a failure is reported, and raised only at the last step."""
        self._saved_at = time.monotonic()
        try:
            self._stage.save(step)
            self.saved = step
            yield from self._hooks.saved(step)
        except (StorageError, CheckpointError) as error:
            if last:
                raise
            if self.stopped:
                sentence = message(
                    "The checkpoint of step {step:,} was not written: {error} The previous one is kept.",
                    step=step,
                    error=error,
                )
            else:
                sentence = message(
                    "The checkpoint of step {step:,} was not written: {error} The previous one is kept. Training "
                    "continues and tries again later.",
                    step=step,
                    error=error,
                )
            yield CheckpointFailed(job_id=self._job_id, step=step, sentence=sentence)

    def _recover(self, diverged: int) -> Iterator[TrainEvent]:
        """Go back to the last saved state, at half its learning rate."""
        stage = self._stage
        stage.reload()
        stage.lr_scale /= 2
        self.saved = stage.start
        with contextlib.suppress(StorageError):  # then a resumed training starts from here at the former rate
            stage.save(stage.start)
        learning_rate = stage.config.learning_rate_at(stage.start) * stage.lr_scale
        yield TrainingRecovered(
            job_id=self._job_id,
            stage=self._name,
            step=diverged,
            back_to=stage.start,
            rate=learning_rate,
            sentence=message(
                "The loss of the {stage} was not a number at step {step:,}, so training went back to step {back_to:,} "
                "and continues at half the learning rate ({rate:.2g}).",
                stage=self._name,
                step=diverged,
                back_to=stage.start,
                rate=learning_rate,
            ),
        )
