"""What previews cost in a run of the starter, and how close the shown ones are to the codec's own decoder.

The share of a run is measured twice: by wall time, runs with previews alternating with runs without, and by what the
engine itself reports. What the window would show is measured frame by frame, on an idle machine and with every core
kept busy by another process. The x0_hat of real runs is new to every decoder: the small one learned from latents of
pictures and blends of them, the linear map from discs and boxes.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from studio.engine.engine import Engine
from studio.engine.events import JobFinished, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import NO_PREVIEWS, TIERS, Previews, PreviewTarget
from studio.folders import Folders
from studio.metrics import psnr
from tests.bench.measure import every_core_busy, say, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import Event
    from studio.engine.requests.previews import Quantity
    from studio.engine.sampling.decoders import Decoders

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
TRUE_DB, TRUE_SHARE = 26.0, 0.95
"""A frame is true if its PSNR against the full decoder is at least this; so many of the shown ones must be."""
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
        measured = share | cost(held.decoders, shape, share["step_ms"]) | likeness(engine, held.decoders)
        return measured | truth(Engine(Folders.under(Path(home)), spared_cores=1))  # as in the window


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
    kinds: tuple[Quantity, ...] = ("x0", "x_t")
    for what in kinds:
        say(f"previews: likeness of {what}")
        decibels: dict[tuple[str, str], list[float]] = {}
        for seed, prompt in enumerate(PROMPTS):
            asked = Previews(target=PreviewTarget(what), arrays=True)
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


def truth(engine: Engine) -> dict[str, object]:
    """Compare every frame that is shown at the default budget with the full decoder's."""
    say("previews: what is shown, on an idle machine")
    figures = {"idle": shown_frames(engine)}
    say("previews: what is shown, with every core kept busy")
    with every_core_busy():
        figures["busy"] = shown_frames(engine)
    return {"shown_frames": figures}


def shown_frames(engine: Engine) -> dict[str, object]:
    """Run each prompt as the window does, and decode its shown steps in full afterwards."""
    decibels: list[float] = []
    shares: list[float] = []
    steps, flips, to_full = 0, 0, []
    for seed, prompt in enumerate(PROMPTS):
        events = run(engine, Previews(budget=BUDGET, arrays=True), prompt, seed=2000 + seed)
        end = next(event for event in events if isinstance(event, JobFinished))
        shares.append(end.preview_seconds / end.seconds)
        done = [event for event in events if isinstance(event, StepDone)]
        tiers = [event.tier for event in done if event.tier is not None]
        flips += sum(TIERS.index(later) > TIERS.index(sooner) for sooner, later in pairwise(tiers))
        steps += len(done) - 1
        started = time.perf_counter()
        full = [decode(engine, event) for event in done]
        to_full.append(time.perf_counter() - started)
        decibels += [
            psnr(event.preview, frame)
            for event, frame in zip(done[:-1], full, strict=False)  # the last is the picture itself
            if event.preview is not None
        ]
    true = sum(value >= TRUE_DB for value in decibels) / len(decibels)
    return {
        "shown": len(decibels),
        "of_steps": round(len(decibels) / steps, 4),
        "true_share": round(true, 4),
        "worst_db": round(min(min(decibels), 99.0), 1),
        "true_share_holds": true >= TRUE_SHARE,
        "changes_to_a_worse_decoder": flips,
        "share_of_run_median": round(statistics.median(shares), 4),
        "share_of_run_worst": round(max(shares), 4),
        "budget_holds": statistics.median(shares) <= BUDGET,
        "seconds_to_decode_all_in_full": round(max(to_full), 3),
    }


def decode(engine: Engine, done: StepDone) -> NDArray[np.uint8]:
    """Return the full frame of a step, as the window asks for it after the run."""
    held = engine._models.newest
    assert held is not None
    assert done.x0_hat is not None
    return engine.decode(held.model.card.name, held.model.card.weights_sha256, done.x0_hat)
