"""Decodes latents, and renders what each step of a job shows.

Nothing here changes what the sampler continues from: everything is decoded from, or is itself, a copy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.arrays import read_only_copy, to_uint8
from studio.engine.sampling.preview_budget import PreviewScheduler

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.diffusion.samplers.stepper import StepResult
    from studio.engine.requests.previews import Previews, Quantity, Tier
    from studio.engine.sampling.decoders import Decoders
    from studio.families.interface import Model


@torch.no_grad()
def decode(model: Model, latents: Tensor) -> Tensor:
    """Decode latents (B, C, h, w) to pictures (B, 3, H, W), float32, nominally in [-1, 1]."""
    # A copy: the run continues from the same bits even if the model changes its input.
    return model.decode(latents.detach().clone()).float()


@dataclass(frozen=True, kw_only=True, eq=False)
class StepView:
    """The preview of one step: fields of `StepDone`, and the time that it took, in seconds."""

    preview: NDArray[np.uint8] | None
    preview_of: Quantity
    tier: Tier | None
    x0_hat: NDArray[np.float32] | None
    state: NDArray[np.float32] | None
    history: tuple[NDArray[np.float32], ...]
    change: float | None
    guidance: float | None
    seconds: float


class PreviewRenderer:
    """Renders the previews of one job."""

    def __init__(self, decoders: Decoders, previews: Previews, shape: tuple[int, ...], steps: int) -> None:
        """Start the job's clock.

        Args:
            decoders: of the model, prepared if the budget is limited.
            previews: what was asked for.
            shape: of the latents, (C, h, w).
            steps: how many steps the job takes, of all its pictures together.
        """
        self._decoders, self._previews = decoders, previews
        tiers = decoders.tiers if previews.limited else decoders.tiers[:1]
        self._scheduler = PreviewScheduler(tiers, decoders.costs(shape), previews.budget, steps)

    def render(
        self,
        result: StepResult,
        steps: int,
        picture: NDArray[np.uint8] | None = None,
        *,
        before: NDArray[np.float32] | None = None,
        starts: bool = False,
        stopping: bool = False,
    ) -> StepView:
        """Return what a step shows.

        Args:
            result: the step; not changed.
            steps: index of the last step.
            picture: the finished picture if this was the last step, for which it was decoded anyway.
            before: the x0_hat of the previous step, if there is one.
            starts: whether this is the first step of its picture.
            stopping: make no preview, because the job is about to stop.
        """
        started = time.perf_counter()
        quantity: Quantity = "x_t" if self._previews.target.quantity == "x_t" else "x0"
        preview: NDArray[np.uint8] | None = None
        tier: Tier | None = None
        if not stopping and self._previews.wanted(result.state.index, steps):
            if picture is not None:
                preview, tier = read_only_copy(picture), "full"
            elif (tier := self._scheduler.choose(starts=starts)) is not None:
                latents = result.state.x if quantity == "x_t" else result.x0_hat
                preview = self._decoders.decode(tier, latents)
                self._scheduler.note(tier, time.perf_counter() - started)
        seconds = time.perf_counter() - started
        x0_hat, state, change, guidance = None, None, None, None
        history: tuple[NDArray[np.float32], ...] = ()
        if self._previews.arrays:
            x0_hat, state = to_array(result.x0_hat), to_array(result.state.x)
            history = tuple(map(to_array, result.state.history))
            change = None if before is None else root_mean_square(x0_hat - before)
            cond, uncond = result.prediction.cond, result.prediction.uncond
            if cond is not None and uncond is not None:
                guidance = root_mean_square(to_array(cond.x0_hat - uncond.x0_hat))
        return StepView(
            preview=preview,
            preview_of=quantity,
            tier=tier,
            x0_hat=x0_hat,
            state=state,
            history=history,
            change=change,
            guidance=guidance,
            seconds=seconds,
        )


def to_pixels(picture: Tensor) -> NDArray[np.uint8]:
    """Convert one picture (1, 3, H, W) from [-1, 1] to bytes (H, W, 3), fresh and read-only."""
    return to_uint8(picture[0])


def to_array(latents: Tensor) -> NDArray[np.float32]:
    """Return latents (1, C, h, w) as a fresh read-only float32 array (C, h, w)."""
    return read_only_copy(latents[0].detach().float().cpu().numpy())


def root_mean_square(array: NDArray[np.float32]) -> float:
    """Return the square root of the mean of the squared values."""
    values = array.ravel()
    return float(np.sqrt(np.dot(values, values) / values.size))
