"""What all benches measure with.

Two pieces of work take turns, so that a busy or throttled machine slows both alike. Where other programs kept the cores
busy meanwhile, no bar is judged.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


FOREIGN_CORES = 0.2
"""Where other programs keep more than so many cores busy, figures say little."""
NOT_JUDGED = "not judged"


class OtherPrograms:
    """How much other programs work from here on. The machine counts it; where it does not, it is not known."""

    def __init__(self) -> None:
        self._started, self._busy, self._own = time.monotonic(), _seconds_of_all(), _seconds_of_own()

    def cores(self) -> float | None:
        """Return how many cores they have kept busy on average; processes of our own count once they have ended."""
        busy = _seconds_of_all()
        if busy is None or self._busy is None:
            return None
        foreign = busy - self._busy - (_seconds_of_own() - self._own)
        return max(foreign, 0.0) / max(time.monotonic() - self._started, 1e-9)


def _seconds_of_all() -> float | None:
    """Return the seconds that all cores have worked, for this machine or, stolen, for others on the same hardware."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(int, fields[:8])
    ticks = user + nice + system + interrupts + soft_interrupts + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def _seconds_of_own() -> float:
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def judged(figures: Mapping[str, object], foreign_cores: float | None) -> dict[str, object]:
    """Return the figures of a bench; where other programs worked, no bar of theirs holds or fails.

    Args:
        figures: those that say whether a bar holds have keys that end with "holds".
        foreign_cores: as `OtherPrograms.cores` says.
    """
    known = round(foreign_cores, 2) if foreign_cores is not None else None
    quiet = foreign_cores is None or foreign_cores <= FOREIGN_CORES
    return {"cores_of_other_programs": known, **(figures if quiet else _unjudged(figures))}


def _unjudged(figures: Mapping[str, object]) -> dict[str, object]:
    def without(value: object) -> object:
        if isinstance(value, list):
            return [without(one) for one in value]
        return _unjudged(value) if isinstance(value, Mapping) else value

    return {
        key: NOT_JUDGED if key.endswith("holds") and isinstance(value, bool) else without(value)
        for key, value in figures.items()
    }


@contextlib.contextmanager
def every_core_busy() -> Iterator[None]:
    """Keep every core busy with a process of its own."""
    code = "while True: sum(range(100_000))"
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(1)
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()


def offscreen(module: str) -> dict[str, Any]:
    """Return what a module of a bench prints, run in a process of its own whose windows are on no screen."""
    done = subprocess.run(
        [sys.executable, "-m", module],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def say(line: str) -> None:
    """Tell how far it is, where JSON does not go."""
    print(line, file=sys.stderr, flush=True)
