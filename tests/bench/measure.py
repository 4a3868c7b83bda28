"""Compare the time two pieces of work take, taking turns, so that a busy or throttled machine slows both alike."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], object]
    Stopwatch = Callable[[Work], float]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What a figure is counted in: seconds of one turn times ``factor`` are ``name``."""

    name: str
    factor: float


SECONDS = Unit(name="seconds", factor=1.0)
MILLISECONDS = Unit(name="milliseconds", factor=1e3)


def microseconds_per(number: int, what: str) -> Unit:
    """The unit of work that does ``number`` of something in a turn."""
    return Unit(name=f"microseconds per {what}", factor=1e6 / number)


def stopwatch(work: Work) -> float:
    """Return the seconds one turn of ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def take_turns(
    first: Work, second: Work, *, rounds: int, watch: Stopwatch = stopwatch, warm_ups: int = 2
) -> tuple[float, float]:
    """Return both medians, in seconds.

    The order turns round each time (A B, B A, ...), so that neither always finds the other's caches.

    Args:
        first: a piece of work.
        second: what it is compared with.
        rounds: timed turns of each.
        watch: times one turn.
        warm_ups: turns of each that are not counted.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(-warm_ups, rounds):
        for place in (0, 1) if number % 2 == 0 else (1, 0):
            taken = watch((first, second)[place])
            if number >= 0:
                seconds[place].append(taken)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def ratio(
    medians: tuple[float, float], *, of: str, to: str, unit: Unit, bar: float | None = None
) -> dict[str, object]:
    """Return a figure: both medians and the first over the second.

    Args:
        medians: in seconds.
        of: what was timed.
        to: what it is compared with.
        unit: what to count in.
        bar: the most the ratio may be; None where there is no promise.
    """
    figure: dict[str, object] = {
        "ratio": round(medians[0] / medians[1], 3),
        "unit": unit.name,
        of: round(medians[0] * unit.factor, 4),
        to: round(medians[1] * unit.factor, 4),
    }
    return figure if bar is None else figure | {"bar": bar, "holds": medians[0] <= bar * medians[1]}


def say(line: str) -> None:
    """Tell how far it is, where JSON does not go."""
    print(line, file=sys.stderr, flush=True)
