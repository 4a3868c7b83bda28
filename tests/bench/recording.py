"""What it costs to record a run of the starter: by wall time against runs without, and the recording by itself.

By wall time everything counts that recording needs: the engine's copies of arrays, the writes, and the one wait for the
disk at the end. By itself it is timed with events that were made before, which a busy machine blurs far less.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from studio.engine.engine import Engine
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import NO_PREVIEWS, Previews
from studio.folders import Folders
from studio.runs.store import RunStore
from studio.runs.writer import RunRecorded, record
from tests.bench.measure import say, take_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from studio.engine.events import Event

STEPS = 30
ROUNDS = 9
REPLAYS = 50
SHARE, MS_A_STEP = 0.02, 1.0
"""At most the larger of this share of a run and these milliseconds a step."""

ARRAYS = Previews(every=0, arrays=True)


def bench() -> Mapping[str, object]:
    """Measure the cost, and the room that a run takes."""
    with tempfile.TemporaryDirectory() as home:
        folders = Folders.under(Path(home))
        engine, store = Engine(folders), RunStore.of(folders)
        say(f"recording: warming up on {engine.device.label}")
        events = run(engine, ARRAYS)
        say(f"recording: {STEPS} steps, recorded and not, in turns")
        recorded, plain = take_turns(
            lambda: recorded_whole(store, engine.run(request(), previews=ARRAYS)),
            lambda: run(engine, NO_PREVIEWS),
            rounds=ROUNDS,
        )
        say("recording: by itself")
        alone = by_itself(store, events)
        return {
            "allowed_ms": round(allowed(plain) * 1e3, 1),
            "by_wall_time": cost(recorded - plain, plain) | {"run_without_ms": round(plain * 1e3, 1)},
            "by_itself": cost(alone, plain),
            "run_takes_kib": round(store.used_bytes() / len(store.runs()) / 1024, 1),
        }


def request() -> GenerateRequest:
    """Return what is made: the model's own settings, but for the number of steps."""
    return GenerateRequest(prompt="fox on a teal background", sampler="ddim", steps=STEPS)


def run(engine: Engine, previews: Previews) -> list[Event]:
    """Make one picture."""
    return list(engine.run(request(), previews=previews))


def recorded_whole(store: RunStore, events: Iterable[Event]) -> None:
    """Record a run, and see that all of it is there."""
    told = [event for event in record(iter(events), store) if isinstance(event, RunRecorded)]
    assert [event.complete for event in told] == [True]


def by_itself(store: RunStore, events: list[Event]) -> float:
    """Return the median seconds that recording a run takes which was made before."""
    taken = []
    for _ in itertools.repeat(None, REPLAYS):
        started = time.perf_counter()
        recorded_whole(store, events)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def allowed(plain: float) -> float:
    """Return how many seconds recording may add to a run that takes ``plain``."""
    return max(SHARE * plain, MS_A_STEP * STEPS / 1e3)


def cost(seconds: float, plain: float) -> dict[str, object]:
    """Return a cost as a figure."""
    return {
        "ms": round(seconds * 1e3, 2),
        "ms_a_step": round(seconds * 1e3 / STEPS, 3),
        "share_of_run": round(seconds / plain, 4),
        "holds": seconds <= allowed(plain),
    }
