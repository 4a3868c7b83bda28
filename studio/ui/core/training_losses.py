"""The loss curves of a training of any length, in little memory. Imports no Qt."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studio.engine.training.events import (
    TrainingHistory,
    TrainingRecovered,
    TrainingStarted,
    TrainingStepped,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.engine.training.events import TrainEvent

MOST_POINTS = 512
"""Longer series are thinned: two neighbours become one."""
_WINDOW = 0.04
"""The share of a curve over which smoothing averages."""

Points = tuple[tuple[float, float], ...]


@dataclass(kw_only=True)
class _Bucket:
    """Sums over some consecutive steps."""

    step: int
    sums: list[float]
    counts: list[int]

    def add(self, step: int, values: Sequence[float | None]) -> None:
        self.step = step
        for place, value in enumerate(values):
            if value is not None and math.isfinite(value) and value > 0:
                self.sums[place] += value
                self.counts[place] += 1

    def merged(self, other: _Bucket) -> _Bucket:
        return _Bucket(
            step=other.step,
            sums=[a + b for a, b in zip(self.sums, other.sums, strict=True)],
            counts=[a + b for a, b in zip(self.counts, other.counts, strict=True)],
        )

    @property
    def steps(self) -> int:
        return self.counts[0]


@dataclass(kw_only=True)
class _Stage:
    """The curves of one stage: the loss, and after it the loss of each band."""

    width: int = 1
    first: int = 0
    steps: int = 0
    buckets: list[_Bucket] = field(default_factory=list)

    def add(self, event: TrainingStepped) -> None:
        values = (event.loss, *event.bands)
        self.first, self.steps = self.first or event.step, event.steps
        if not self.buckets or self.buckets[-1].steps >= self.width:
            self.buckets.append(_Bucket(step=event.step, sums=[0.0] * len(values), counts=[0] * len(values)))
        self.buckets[-1].add(event.step, values)
        if len(self.buckets) >= 2 * MOST_POINTS:
            self.width *= 2
            self.buckets = [
                first.merged(second)
                for first, second in zip(self.buckets[::2], self.buckets[1::2], strict=True)
            ]


class LossRecord:
    """The losses of every stage. One thread adds, another reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}

    def take(self, event: TrainEvent) -> None:
        """Add a step, or drop the steps that will be repeated because the training rewound or resumed."""
        with self._lock:
            match event:
                case TrainingStepped():
                    self._stages.setdefault(event.stage, _Stage()).add(event)
                case TrainingRecovered():
                    self._rewind(event.stage, event.back_to)
                case TrainingStarted():
                    self._rewind("backbone", event.resumed_at)
                case TrainingHistory() if not self._stages:  # resumed by another process
                    for step in event.losses:
                        self._stages.setdefault(step.stage, _Stage()).add(step)

    def _rewind(self, stage: str, step: int) -> None:
        known = self._stages.get(stage)
        if known is not None:
            known.buckets = [bucket for bucket in known.buckets if bucket.step <= step]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that have begun, in order."""
        with self._lock:
            return tuple(self._stages)

    def ends(self, stage: str) -> tuple[int, int]:
        """Return the first step with a loss, and the number of steps of the stage; (0, 0) if there is none."""
        with self._lock:
            known = self._stages.get(stage)
            if known is None or not known.buckets:
                return 0, 0
            return known.first, known.steps

    def curves(self, stage: str) -> tuple[Points, ...]:
        """Return curves of (step, loss): of all noise levels, then of each band of them, from clean to noisy."""
        with self._lock:
            known = self._stages.get(stage)
            buckets = list(known.buckets) if known is not None else []
        if not buckets:
            return ()
        return tuple(_points(buckets, place) for place in range(len(buckets[0].sums)))


def _points(buckets: Iterable[_Bucket], place: int) -> Points:
    return tuple(
        (float(bucket.step), bucket.sums[place] / bucket.counts[place])
        for bucket in buckets
        if bucket.counts[place]
    )


def smoothed(points: Points) -> Points:
    """Return a smoothed curve: around each point a mean of the logarithms with exponentially decaying weights."""
    if len(points) < 3:
        return points
    keep = math.exp(-1 / max(len(points) * _WINDOW, 1.0))
    logs = [math.log(value) for _, value in points]
    before, after = _decayed(logs, keep), _decayed(logs[::-1], keep)[::-1]
    found = []
    for (step, _), here, left, right in zip(points, logs, before, after, strict=True):
        total, weight = left[0] + right[0] - here, left[1] + right[1] - 1  # both contain the point itself
        found.append((step, math.exp(total / weight)))
    return tuple(found)


def _decayed(values: Sequence[float], keep: float) -> list[tuple[float, float]]:
    """Return for each value the exponentially weighted sum of it and earlier ones, and the sum of the weights."""
    total = weight = 0.0
    found = []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        found.append((total, weight))
    return found
