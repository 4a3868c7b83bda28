"""Which steps of several runs belong together: at one noise level, at one step, or for the same model calls.

Step numbers are not comparable across samplers and numbers of steps: step 5 of 10 stands where step 25 of 50 does. So
runs are laid side by side at one noise level unless something else is asked for, and what does not meet exactly has a
gap, which is shown.

Knows no Qt and no numpy.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence

Alignment = Literal["level", "step", "calls"]
ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where one step of a run stands.

    Attributes:
        step: its number, from 1.
        level: the noise level it reached, 1 (all noise) to 0 (clean).
        calls: the model calls spent on the run so far.
    """

    step: int
    level: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class Match:
    """The step of a run that belongs to a position.

    Attributes:
        index: its place among the run's marks.
        mark: the step.
        gap: how far it is from the position: its level, step number or model calls less the position's.
    """

    index: int
    mark: Mark
    gap: float


def positions(runs: Sequence[Sequence[Mark]], alignment: Alignment) -> tuple[float, ...]:
    """Return every position at which some run has a step, in the order in which a run comes to them.

    Args:
        runs: the marks of each run, in the order of their steps.
        alignment: what belongs together.
    """
    values = {_value(mark, alignment) for run in runs for mark in run}
    return tuple(sorted(values, reverse=alignment == "level"))


def match(run: Sequence[Mark], position: float, alignment: Alignment) -> Match | None:
    """Return the step of a run that belongs to a position; None where the run has no steps.

    By noise level it is the nearest, the noisier of two that are equally near. By step and by model calls it is the
    last that comes no later: what so many steps, or so many calls, have bought; before a run's first step it is that.

    Args:
        run: the marks of one run, in the order of their steps.
        position: one of `positions`, or any value of its kind.
        alignment: what belongs together.
    """
    if not run:
        return None
    if alignment == "level":
        index = min(range(len(run)), key=lambda place: abs(run[place].level - position))
    else:
        reached = bisect_right(run, position, key=lambda mark: _value(mark, alignment))
        index = max(reached - 1, 0)
    return Match(index=index, mark=run[index], gap=_value(run[index], alignment) - position)


def nearest_position(places: Sequence[float], value: float) -> int:
    """Return the place of the position that is nearest to a value; -1 where there are none."""
    return min(range(len(places)), key=lambda place: abs(places[place] - value), default=-1)


def _value(mark: Mark, alignment: Alignment) -> float:
    if alignment == "level":
        return mark.level
    return mark.step if alignment == "step" else mark.calls
