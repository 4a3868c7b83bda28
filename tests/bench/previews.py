"""What previews cost a run of the starter, and how near the cheap ones come to the codec's decoder.

The share of a run is measured twice: by wall time, runs with previews taking turns with runs without, and by what the
engine itself says that it spent. x0_hat of real runs is new to every tier: the small decoder learned from latents of
pictures and blends of them, the linear map from discs and boxes.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.engine.engine import Engine
from studio.engine.events import JobFinished, StepDone
from studio.engine.previews import NO_PREVIEWS, Previews, Shown
from studio.engine.requests import GenerateRequest
from studio.folders import Folders
from tests.bench.measure import say, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from studio.engine.decoders import Decoders
    from studio.engine.events import Event
    from studio.engine.previews import PreviewKind

BUDGET = 0.10
ROUNDS = 9
FRAMES = 200
PROMPTS = (
    "fox",
    "pick",
    "heart with ribbon on a teal background",
    "pineapple on a green background",
    "guitar",
    "sunrise over mountains",
    "owl on a red background",
    "bento box",
)
WHEN = {"early": 3, "middle": 15, "late": 27}
"""Steps of thirty."""


def bench() -> Mapping[str, object]:
    """Measure share, cost and likeness."""
    with tempfile.TemporaryDirectory() as home:
        engine = Engine(Folders.under(Path(home)))
        say(f"previews: warming up on {engine.device.label}")
        run(engine, Previews(budget=BUDGET))
        share = share_of_run(engine)
        held = engine._models.newest
        assert held is not None
        shape = held.model.card.latent_shape
        return share | cost(held.decoders, shape, share["step_ms"]) | likeness(engine, held.decoders)


def run(engine: Engine, previews: Previews, prompt: str = "fox", seed: int = 0) -> list[Event]:
    """Make one picture with the model's own settings."""
    return list(engine.run(GenerateRequest(prompt=prompt, seed=seed), previews=previews))


def share_of_run(engine: Engine) -> dict[str, object]:
    """Time runs with previews against runs without."""
    watched: list[list[Event]] = []
    say(f"previews: runs at a budget of {BUDGET:g} against runs without")
    seen, unseen = take_turns(
        lambda: watched.append(run(engine, Previews(budget=BUDGET))),
        lambda: run(engine, NO_PREVIEWS),
        rounds=ROUNDS,
    )
    ends = [event for events in watched for event in events if isinstance(event, JobFinished)]
    told = statistics.median(end.preview_seconds / end.seconds for end in ends)
    steps = [event for events in watched for event in events if isinstance(event, StepDone)]
    tiers = Counter(event.tier for event in steps if event.step < event.steps)  # the last is no one's choice
    shown = sum(event.preview is not None for event in steps)
    return {
        "share_of_run": {
            "budget": BUDGET,
            "by_wall_time": round(1 - unseen / seen, 4),
            "by_the_engine": round(told, 4),
            "holds": told <= BUDGET,
            "run_with_previews_ms": round(seen * 1e3, 1),
            "run_without_ms": round(unseen * 1e3, 1),
        },
        "steps_shown": {
            "share": round(shown / len(steps), 4),
            "tiers": {str(tier): count for tier, count in sorted(tiers.items(), key=str)},
        },
        "step_ms": round(unseen * 1e3 / steps[-1].steps, 3),
    }


@torch.no_grad()
def cost(decoders: Decoders, shape: tuple[int, ...], step_ms: object) -> dict[str, object]:
    """Time single previews of each tier, one after the other."""
    say("previews: single frames")
    decoders.prepare(shape, threading.Event())
    latents = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    latents = latents.to(decoders.device)
    milliseconds: dict[str, float] = {}
    for tier in decoders.tiers:
        taken = []
        for _ in range(FRAMES):
            started = time.perf_counter()
            decoders.decode(tier, latents)
            taken.append(time.perf_counter() - started)
        milliseconds[tier] = round(statistics.median(taken) * 1e3, 3)
    return {"frame_ms": milliseconds | {"beside_a_step_of": step_ms}}


@torch.no_grad()
def likeness(engine: Engine, decoders: Decoders) -> dict[str, object]:
    """Compare the cheaper tiers with the full one at steps of real runs, in dB of the bytes shown (PSNR)."""
    found: dict[str, object] = {}
    kinds: tuple[PreviewKind, ...] = ("x0", "x_t")
    for what in kinds:
        say(f"previews: likeness of {what}")
        decibels: dict[tuple[str, str], list[float]] = {}
        for seed, prompt in enumerate(PROMPTS):
            asked = Previews(shown=Shown(what), arrays=True)
            events = run(engine, asked, prompt, seed=1000 + seed)
            steps = {event.step: event for event in events if isinstance(event, StepDone)}
            for when, step in WHEN.items():
                array = steps[step].state if what == "x_t" else steps[step].x0_hat
                full = steps[step].preview
                assert array is not None
                assert full is not None
                latents = torch.from_numpy(array.copy())[None].to(decoders.device)
                for tier in decoders.tiers[1:]:
                    decibels.setdefault((tier, when), []).append(psnr(decoders.decode(tier, latents), full))
        found[f"psnr_db_{what}"] = {
            f"{tier} {when}": round(statistics.mean(values), 1) for (tier, when), values in decibels.items()
        }
    return found


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of two pictures of bytes."""
    error = float(np.square(one.astype(np.float64) - other.astype(np.float64)).mean())
    return 20 * math.log10(255) - 10 * math.log10(max(error, 1e-9))
