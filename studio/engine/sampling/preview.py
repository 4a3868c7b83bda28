"""Decodes latents, and renders what each step of a job shows.

Nothing here changes what the sampler continues from: everything is decoded from, or is itself, a copy.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from studio.arrays import read_only_copy, to_bytes
from studio.engine.sampling.interruption import CallCancelled
from studio.engine.sampling.preview_budget import PreviewScheduler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from studio.diffusion.samplers.stepper import StepResult
    from studio.engine.requests.previews import Previews, Quantity, Tier
    from studio.engine.sampling.decoders import Decoders


@dataclass(frozen=True, kw_only=True, eq=False)
class StepView:
    """What one picture shows of one step.

    Attributes:
        preview: its preview, uint8 (H, W, 3); None: none is shown.
        preview_of: what the preview shows.
        tier: the decoder that made it.
        x0_hat: float32 (C, h, w), if arrays were asked for; likewise ``state`` and ``history``.
        state: the state that the step arrived at.
        history: what a multistep sampler keeps.
        change: root mean square difference of x0_hat from the last step.
        guidance: root mean square difference of x0_hat with and without the conditioning.
        seconds: what the previews of the step took, divided by the number of its pictures.
        picture: after the last step, the finished picture, uint8 (H, W, 3).
        final_state: after the last step, the state, float32 (C, h, w).
    """

    preview: NDArray[np.uint8] | None
    preview_of: Quantity
    tier: Tier | None
    x0_hat: NDArray[np.float32] | None
    state: NDArray[np.float32] | None
    history: tuple[NDArray[np.float32], ...]
    change: float | None
    guidance: float | None
    seconds: float
    picture: NDArray[np.uint8] | None
    final_state: NDArray[np.float32] | None


class PreviewRenderer:
    """Renders the steps of one job."""

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
        finished: Tensor | None = None,
        *,
        before: Sequence[NDArray[np.float32] | None],
        starts: bool = False,
        stopping: bool = False,
    ) -> list[StepView]:
        """Return what a step shows of each of its B pictures, after a single copy from the device.

        Args:
            result: the step; not changed.
            steps: index of the last step.
            finished: the decoded pictures (B, 3, H, W) if this was the last step.
            before: of each picture, the x0_hat of the previous step, if there is one.
            starts: whether this is the first step of its pictures.
            stopping: make no previews, because the job is about to stop.
        """
        started = time.perf_counter()
        quantity: Quantity = "x_t" if self._previews.target.quantity == "x_t" else "x0"
        wanted = not stopping and self._previews.wanted(result.state.index, steps)
        tiers: list[Tier | None] = [None] * len(before)
        shown: dict[str, Tensor] = {}
        if wanted and finished is None:
            latents = result.state.x if quantity == "x_t" else result.x0_hat
            for place in range(len(before)):
                if (tier := self._scheduler.choose(starts=starts)) is not None:
                    # The step is complete, with or without a preview.
                    with contextlib.suppress(CallCancelled):
                        picture = self._decoders.picture(tier, latents[place : place + 1])
                        tiers[place], shown[f"preview {place}"] = tier, to_bytes(picture)[0]
        host = to_host(self._arrays(result, finished) | shown)
        seconds = 0.0
        if shown:  # on a device that works asynchronously, the copy waits for the previews
            seconds = time.perf_counter() - started
            for used in tiers:
                if used is not None:
                    self._scheduler.note(used, seconds / len(shown))
        views = []
        for place, x0_hat_before in enumerate(before):
            own = {name: array[place] for name, array in host.items() if not name.startswith("preview")}
            pixels = _pixels(own["finished"]) if finished is not None else None
            preview = _pixels(host[f"preview {place}"]) if tiers[place] is not None else None
            if wanted and pixels is not None:
                preview, tiers[place] = read_only_copy(pixels), "full"
            x0_hat = read_only_copy(own["x0_hat"]) if self._previews.arrays else None
            change = None
            if x0_hat is not None and x0_hat_before is not None:
                change = root_mean_square(x0_hat - x0_hat_before)
            views.append(
                StepView(
                    preview=preview,
                    preview_of=quantity,
                    tier=tiers[place],
                    x0_hat=x0_hat,
                    state=read_only_copy(own["state"]) if self._previews.arrays else None,
                    history=tuple(
                        read_only_copy(array) for name, array in own.items() if name.startswith("history")
                    ),
                    change=change,
                    guidance=root_mean_square(own["guidance"]) if "guidance" in own else None,
                    seconds=seconds / len(before),
                    picture=pixels,
                    final_state=own["state"] if finished is not None else None,
                )
            )
        return views

    def _arrays(self, result: StepResult, finished: Tensor | None) -> dict[str, Tensor]:
        """Return what is copied of a step besides previews, each (B, ...)."""
        tensors: dict[str, Tensor] = {}
        if self._previews.arrays or finished is not None:
            tensors["state"] = result.state.x
        if finished is not None:
            tensors["finished"] = to_bytes(finished)
        if self._previews.arrays:
            tensors["x0_hat"] = result.x0_hat
            tensors |= {f"history {place}": tensor for place, (_, tensor) in enumerate(result.state.history)}
            cond, uncond = result.prediction.cond, result.prediction.uncond
            if cond is not None and uncond is not None:
                tensors["guidance"] = cond.x0_hat - uncond.x0_hat
        return tensors


def to_host(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Return tensors of one device as arrays, bytes as uint8 and all others as float32, after a single copy."""
    if not tensors:
        return {}
    # Bytes last, so that every float32 array begins at a multiple of four bytes.
    exact = {name: tensor.detach() for name, tensor in tensors.items()}
    ordered = sorted(exact.items(), key=lambda item: item[1].dtype == torch.uint8)
    parts = [tensor if tensor.dtype == torch.uint8 else tensor.float() for _, tensor in ordered]
    flat = torch.cat([part.contiguous().flatten().view(torch.uint8) for part in parts]).cpu().numpy()
    arrays, start = {}, 0
    for (name, _), part in zip(ordered, parts, strict=True):
        stop = start + part.numel() * part.element_size()
        dtype = np.uint8 if part.dtype == torch.uint8 else np.float32
        arrays[name] = flat[start:stop].view(dtype).reshape(tuple(part.shape))
        start = stop
    return arrays


def _pixels(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return bytes (3, H, W) as (H, W, 3), fresh and read-only."""
    return read_only_copy(np.moveaxis(levels, -3, -1))


def to_array(latents: Tensor) -> NDArray[np.float32]:
    """Return latents (1, C, h, w) as a fresh read-only float32 array (C, h, w)."""
    return read_only_copy(latents[0].detach().float().cpu().numpy())


def root_mean_square(array: NDArray[np.float32]) -> float:
    """Return the square root of the mean of the squared values."""
    values = array.ravel()
    return float(np.sqrt(np.dot(values, values) / values.size))
