"""Steps as an engine tells them, made by hand. No torch, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studio.engine.events import StepDone

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = 1000


def frame(value: int, side: int = 8) -> NDArray[np.uint8]:
    """Return fresh read-only pixels, all of one value."""
    pixels = np.full((side, side, 3), value % 256, dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


def latents(value: float) -> NDArray[np.float32]:
    """Return fresh read-only latents, all of one value."""
    array = np.full((4, 2, 2), value, dtype=np.float32)
    array.setflags(write=False)
    return array


def step_done(step: int, *, steps: int = 4, image: int = 0, job_id: str = "job", **fields: Any) -> StepDone:  # noqa: ANN401
    """Return a step with a preview of value ``step`` and latents: x0_hat of value ``step``, the state below zero."""
    level = 1 - step / steps
    usual = {
        "t": T - 1 - (step - 1) * T // steps,
        "s": -1 if step == steps else T - 1 - step * T // steps,
        "sigma": level,
        "level": level,
        "snr": 1 / level - 1 if level else float("inf"),
        "model_calls": 2 * step,
        "seconds": 0.1 * step,
        "preview": frame(step),
        "preview_of": "x0",
        "tier": "full",
        "x0_hat": latents(step),
        "state": latents(-step),
    }
    return StepDone(job_id=job_id, image=image, step=step, steps=steps, **{**usual, **fields})
