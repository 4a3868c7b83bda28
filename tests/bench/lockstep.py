"""What a comparison costs: six runs of the starter in lockstep against the same six, one after the other."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.diffusion.denoiser import Denoiser
from studio.engine.engine import Engine
from studio.engine.events import PictureDone
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.folders import Folders
from tests.bench.measure import MILLISECONDS, ratio, say, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.denoiser import Prediction
    from studio.engine.requests.plan import Request

PANES = 6
STEPS = 20
ROUNDS = 5
BAR = 0.85
"""On the CPU, of the time that the runs take alone; a graphics card has far more to gain."""


def bench() -> Mapping[str, object]:
    """Time equal runs, and runs of different samplers, in lockstep and alone."""
    with tempfile.TemporaryDirectory() as home:
        engine = Engine(Folders.under(Path(home)))
        equal = [
            GenerateRequest(prompt="fox on a teal background", sampler="ddim", steps=STEPS, seed=seed)
            for seed in range(PANES)
        ]
        say(f"lockstep: warming up on {engine.device.label}")
        figures: dict[str, object] = {"device": engine.device.label, "model_calls": calls(engine, equal)}
        say(f"lockstep: {PANES} equal runs")
        bar = BAR if engine.device.kind == "cpu" else None
        figures["six_equal_runs"] = measured(engine, equal, batched=True, bar=bar)
        say(f"lockstep: {PANES} equal runs, each by itself")
        figures["six_equal_runs_unbatched"] = measured(engine, equal, batched=False)
        say("lockstep: different samplers")
        names = ("ddim", "ddpm", "pc")
        figures["three_samplers"] = measured(engine, [replace(equal[0], sampler=name) for name in names])
        return figures | likeness(engine, equal)


def make(engine: Engine, request: Request) -> list[PictureDone]:
    """Make all pictures of a request, in their order."""
    done = [event for event in engine.run(request) if isinstance(event, PictureDone)]
    return sorted(done, key=lambda one: one.image)


def measured(
    engine: Engine, requests: Sequence[GenerateRequest], *, batched: bool = True, bar: float | None = None
) -> dict[str, object]:
    """Time a comparison and its runs alone, taking turns."""
    together = CompareRequest(requests=tuple(requests), batched=batched)
    medians = take_turns(
        lambda: make(engine, together),
        lambda: [make(engine, request) for request in requests],
        rounds=ROUNDS,
        warm_ups=1,
    )
    return ratio(medians, of="in_lockstep", to="alone", unit=MILLISECONDS, bar=bar)


def calls(engine: Engine, requests: Sequence[GenerateRequest]) -> dict[str, object]:
    """Count the forwards of the backbone, and the evaluations in each, of one run alone and of all in lockstep."""
    counted: dict[str, object] = {}
    asked: dict[str, Request] = {
        "alone": requests[0],
        "in_lockstep": CompareRequest(requests=tuple(requests)),
    }
    evaluate = Denoiser.evaluate
    for name, request in asked.items():
        sizes: list[int] = []

        def watched(
            self: Denoiser,
            x: torch.Tensor,
            t: list[float] | float,
            condition: Conditioning,
            sizes: list[int] = sizes,
        ) -> Prediction:
            sizes.append(len(x))
            return evaluate(self, x, t, condition)

        Denoiser.evaluate = watched  # type: ignore[method-assign]
        try:
            make(engine, request)
        finally:
            Denoiser.evaluate = evaluate  # type: ignore[method-assign]
        counted[name] = {"forwards": len(sizes), "evaluations_in_each": sorted(set(sizes))}
    return counted


def likeness(engine: Engine, requests: Sequence[GenerateRequest]) -> dict[str, object]:
    """Compare the pictures of a comparison with those made alone."""
    alone = [make(engine, request)[0] for request in requests]
    found: dict[str, object] = {}
    for name, batched in (("batched", True), ("unbatched", False)):
        panes = make(engine, CompareRequest(requests=tuple(requests), batched=batched))
        pairs = list(zip(panes, alone, strict=True))
        found[name] = {
            "same_bits": sum(one.final_sha256 == other.final_sha256 for one, other in pairs),
            "largest_difference_of_bytes": max(
                int(np.abs(one.pixels.astype(int) - other.pixels.astype(int)).max()) for one, other in pairs
            ),
        }
    return {f"likeness_of_{PANES}": found}
