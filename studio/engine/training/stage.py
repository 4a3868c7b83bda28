"""One stage of a training: a module, what it learns by, and the file in which its state rests."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.errors import StudioError
from studio.training.ema import Ema
from studio.training.loop import LoopConfig, TrainStep, make_optimizer, train
from studio.training.state import Reached, load_state, read_reached, save_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from studio.training.tasks import Loss

STATES = "training"


class TrainingDivergedError(StudioError):
    """The loss is no longer a number."""

    def __init__(self, stage: str, step: int, tries: int = 0) -> None:
        """Name the stage and the step, and say how often it was tried again at a lower rate."""
        again = f", even after the rate was halved {tries} times" if tries else ""
        advice = (
            "train anew with a lower learning_rate and another name; the last good state is kept"
            if tries
            else "lower the learning_rate and start again, it goes on from the last save"
        )
        super().__init__(
            f"Training the {stage} went astray at step {step}{again}: the loss is not a number; {advice}."
        )


@dataclass(frozen=True)
class TrainProgress:
    """A step of a stage ("codec", "decoder", "preview", "text" or "backbone"), and whether it was saved."""

    stage: str
    done: TrainStep
    saved: bool


class Stage:
    """A module with its optimizer and average, and the file in which they rest.

    Attributes:
        start: steps that were done before.
        slower: the factor of all rates that recoveries left.
    """

    def __init__(
        self, name: str, module: nn.Module, loss: Loss, config: LoopConfig, folder: Path, save_seconds: float
    ) -> None:
        """Take up the state that the file holds, if there is one.

        Args:
            name: of the stage and its file.
            module: what is trained.
            loss: draws a batch and says how wrong the module is.
            config: how long and how fast.
            folder: the model's.
            save_seconds: time between saves.

        Raises:
            CheckpointError: the file holds the state of another run.
        """
        self.name, self.module, self.loss, self.config = name, module, loss, config
        self.optimizer, self.ema = make_optimizer(module, config), Ema(module, config.ema)
        self.path, self.save_seconds = folder / STATES / f"{name}.safetensors", save_seconds
        self.start, self.slower = 0, 1.0
        if self.path.exists():
            self.reload()

    @staticmethod
    def reached(folder: Path, name: str) -> int:
        """Return how many steps the state of a stage has done, without taking it up; 0 where there is none."""
        path = folder / STATES / f"{name}.safetensors"
        return read_reached(path).steps if path.exists() else 0

    def reload(self) -> None:
        """Go back to the state that the file holds; raises CheckpointError where it holds none of this run."""
        reached = load_state(self.path, self.module, self.ema, self.optimizer)
        self.start, self.slower = reached.steps, reached.slower

    def steps(self) -> Iterator[TrainStep]:
        """Train from ``start`` to the end; nothing is saved unless :meth:`save` is called between two steps."""
        self.module.train()
        config, ema = self.config, self.ema
        return train(
            self.module, self.loss, config, self.optimizer, ema, start=self.start, slower=self.slower
        )

    def save(self, steps: int) -> None:
        """Write the state after so many steps; raises StorageError, and then the one there was is still there."""
        save_state(self.path, Reached(steps, self.slower), self.module, self.ema, self.optimizer)

    def run(self) -> Iterator[TrainProgress]:
        """Train to the end, saving now and then, and yield every step.

        Raises:
            TrainingDivergedError: the loss is no longer a number.
            StorageError: the state cannot be written.
        """
        saved_at = time.monotonic()
        for done in self.steps():
            if not math.isfinite(done.loss):
                raise TrainingDivergedError(self.name, done.step + 1)
            due = done.step + 1 == done.steps or time.monotonic() - saved_at >= self.save_seconds
            if due:
                self.save(done.step + 1)
                saved_at = time.monotonic()
            yield TrainProgress(self.name, done, due)

    def averaged(self) -> dict[str, Tensor]:
        """Return the module's state with its parameters averaged."""
        return self.module.state_dict() | self.ema.state()
