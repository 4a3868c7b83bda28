"""How long a training still takes, from what its steps took of late and from what was rehearsed."""

from __future__ import annotations

import statistics
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LATELY = 25
"""Steps that count as of late."""
ENOUGH = 20
"""Steps from which the pace of a stage is known better than a rehearsal knew it."""


class Pace:
    """The speed of the stage that runs, and the length of those to come."""

    def __init__(self, steps: Mapping[str, int], seconds: Mapping[str, float]) -> None:
        """Take the stages with their steps, in their order, and the seconds of a step where they are known."""
        self._steps, self._seconds = steps, dict(seconds)
        self._lately: deque[float] = deque(maxlen=LATELY)
        self._stage = ""
        self._beside, self._worked = 0.0, 0.0
        self._taken: dict[str, list[float]] = {}

    def note_step(self, stage: str, seconds: float) -> None:
        """Take in what a step took, without what was done between it and the next."""
        if stage != self._stage:
            self._stage = stage
            self._lately.clear()
        self._lately.append(seconds)
        self._worked += seconds
        self._taken.setdefault(stage, []).append(seconds)
        self._seconds[stage] = statistics.fmean(self._lately)

    def note_beside(self, seconds: float) -> None:
        """Take in what a sample or a checkpoint took."""
        self._beside += seconds

    def measured(self, stage: str) -> float | None:
        """Return what half of a stage's steps took no longer than, in seconds; None where too few were taken."""
        taken = self._taken.get(stage, [])
        return statistics.median(taken) if len(taken) >= ENOUGH else None

    def pictures_per_second(self, batch: int) -> float:
        """Return the pictures of a second of late."""
        return batch / max(self._seconds.get(self._stage, 0.0), 1e-9)

    def seconds_left(self, done: int) -> float | None:
        """Return what is left after ``done`` steps of this stage; None while a stage to come is of unknown length."""
        stages = list(self._steps)
        later = stages[stages.index(self._stage) + 1 :]
        if any(stage not in self._seconds for stage in later):
            return None
        left = (self._steps[self._stage] - done) * self._seconds[self._stage]
        left += sum(self._steps[stage] * self._seconds[stage] for stage in later)
        return left * (1 + self._beside / max(self._worked, 1e-9)) if self._worked > 1 else left
