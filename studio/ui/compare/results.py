"""How far each run is from the finished picture of one of them, at every step. numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from studio.engine.events import StepDone


MOST_POINTS = 200
"""Of one curve; a run of more steps has them evenly chosen."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One step on a curve.

    Attributes:
        calls: the model calls spent so far.
        distance: the root of the mean squared difference to the reference, in the model's own units.
        level: the noise level reached.
    """

    calls: int
    distance: float
    level: float


class Curves:
    """Distances to one reference; each step's is reckoned once."""

    def __init__(self) -> None:
        """Begin without a reference."""
        self._reference: NDArray[np.float32] | None = None
        self._known: dict[StepDone, float] = {}

    def of(self, steps: Sequence[StepDone], reference: NDArray[np.float32]) -> tuple[Point, ...]:
        """Return how far x0_hat is from the reference at each step; one of another shape has no place on a curve."""
        if reference is not self._reference:
            self._reference = reference
            self._known.clear()
        stride = max(math.ceil(len(steps) / MOST_POINTS), 1)
        chosen = [done for place, done in enumerate(steps) if place % stride == 0 or done is steps[-1]]
        return tuple(
            Point(calls=done.model_calls, distance=self._distance(done, done.x0_hat), level=done.sigma)
            for done in chosen
            if done.x0_hat is not None and done.x0_hat.shape == reference.shape
        )

    def _distance(self, done: StepDone, x0_hat: NDArray[np.float32]) -> float:
        if done not in self._known:
            assert self._reference is not None, "set by the only caller"
            apart = x0_hat.astype(np.float64) - self._reference
            self._known[done] = math.sqrt(float(np.mean(apart * apart)))
        return self._known[done]
