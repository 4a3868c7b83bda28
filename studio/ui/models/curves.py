"""How the steps of a run went, as curves over its steps: noise level, change, guidance, time. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.events import StepDone
    from studio.runs.picture_record import PictureRecord


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        name: for people.
        points: (step, value), by step.
        shown: how a value is written, for `str.format`.
    """

    name: str
    points: tuple[tuple[int, float], ...]
    shown: str

    @property
    def most(self) -> float:
        """The largest value."""
        return max((value for _, value in self.points), default=0.0)

    def at(self, step: int) -> float | None:
        """Return the value at a step; None where there is none."""
        return next((value for place, value in reversed(self.points) if place == step), None)


def curves_of(picture: PictureRecord | None) -> tuple[Curve, ...]:
    """Return the curves of a picture's steps so far; those without a point are left out."""
    if picture is None:
        return ()
    steps = list(picture.steps)
    every = steps if picture.start is None else [picture.start, *steps]
    made = (
        Curve("noise level", tuple((done.step, done.sigma) for done in every), "{:.2f}"),
        Curve("change of x0", _points(steps, [done.change for done in steps]), "{:.3f}"),
        Curve("guidance", _points(steps, [done.guidance for done in steps]), "{:.3f}"),
        Curve("time a step", _times(every), "{:.0f} ms"),
    )
    return tuple(curve for curve in made if curve.points)


def words_at(curves: Sequence[Curve], step: int) -> str:
    """Return the values at a step in one line."""
    said = [(curve, curve.at(step)) for curve in curves]
    return ", ".join(
        f"{curve.name} {curve.shown.format(value)}" for curve, value in said if value is not None
    )


def _points(steps: Sequence[StepDone], values: Sequence[float | None]) -> tuple[tuple[int, float], ...]:
    return tuple((done.step, value) for done, value in zip(steps, values, strict=True) if value is not None)


def _times(steps: Sequence[StepDone]) -> tuple[tuple[int, float], ...]:
    """Return milliseconds a step; where steps are not kept, the mean of those between."""
    return tuple(
        (after.step, 1000 * (after.seconds - before.seconds) / (after.step - before.step))
        for before, after in pairwise(steps)
        if after.step > before.step and after.seconds >= before.seconds
    )
