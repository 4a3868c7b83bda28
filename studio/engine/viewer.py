"""What there is to see of a run: the previews of one job.

Nothing here touches what the sampler goes on from: everything is decoded from, or is itself, a copy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from studio.engine.pace import Pace

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.diffusion.samplers.stepper import StepResult
    from studio.engine.decoders import Decoders
    from studio.engine.previews import PreviewKind, Previews, Tier

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What one step shows: fields of `StepDone`, and the time that its preview took."""

    preview: NDArray[np.uint8] | None
    preview_of: PreviewKind
    tier: Tier | None
    x0_hat: NDArray[np.float32] | None
    state: NDArray[np.float32] | None
    history: tuple[NDArray[np.float32], ...]
    change: float | None
    guidance: float | None
    seconds: float


class Viewer:
    """Makes the previews of one job."""

    def __init__(self, decoders: Decoders, previews: Previews, shape: tuple[int, ...]) -> None:
        """Start the job's clock.

        Args:
            decoders: of the model, prepared where the budget is limited.
            previews: what was asked for.
            shape: of the latents, (C, h, w).
        """
        self._decoders, self._previews = decoders, previews
        tiers = decoders.tiers if previews.limited else decoders.tiers[:1]
        self._pace = Pace(tiers, decoders.costs(shape), previews.budget)

    def look(
        self,
        result: StepResult,
        steps: int,
        picture: NDArray[np.uint8] | None = None,
        *,
        before: NDArray[np.float32] | None = None,
        hurried: bool = False,
    ) -> View:
        """Return what a step shows.

        Args:
            result: the step; not changed.
            steps: of the whole run.
            picture: the finished picture, where this was the last step: it was decoded anyway.
            before: the x0_hat that the step before showed, if it did.
            hurried: make no preview: the job is about to stop.
        """
        started = time.perf_counter()
        what: PreviewKind = "x_t" if self._previews.shown.what == "x_t" else "x0"
        preview: NDArray[np.uint8] | None = None
        tier: Tier | None = None
        if not hurried and self._previews.wanted(result.state.index, steps):
            if picture is not None:
                preview, tier = own(picture), "full"
            elif (tier := self._pace.choose()) is not None:
                preview = self._decoders.show(tier, result.state.x if what == "x_t" else result.x0_hat)
                self._pace.note(tier, time.perf_counter() - started)
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
        return View(
            preview=preview,
            preview_of=what,
            tier=tier,
            x0_hat=x0_hat,
            state=state,
            history=history,
            change=change,
            guidance=guidance,
            seconds=seconds,
        )


def root_mean_square(array: NDArray[np.float32]) -> float:
    """Return the root of the mean square of an array's numbers."""
    numbers = array.ravel()
    return float(np.sqrt(np.dot(numbers, numbers) / numbers.size))


def to_array(latents: Tensor) -> NDArray[np.float32]:
    """Return latents (1, C, h, w) as a fresh read-only float32 array (C, h, w)."""
    return own(latents[0].detach().float().cpu().numpy())


def own(array: NDArray[_Number]) -> NDArray[_Number]:
    """Return a copy that owns its memory, contiguous and read-only."""
    copy = np.array(array, order="C", copy=True)
    copy.setflags(write=False)
    return copy
