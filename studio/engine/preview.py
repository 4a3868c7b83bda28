"""From what the sampler sees to bytes that a screen can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.checkpoints.model import Model


@torch.no_grad()
def decode(model: Model, latents: Tensor) -> Tensor:
    """Return the picture (1, 3, H, W), float32, nominally in [-1, 1], of latents (1, C, h, w)."""
    # A copy: whatever the codec does to its input, the run goes on from the same bits.
    picture: Tensor = model.codec.decode(latents.detach().clone())
    return picture.float()


def to_pixels(picture: Tensor) -> NDArray[np.uint8]:
    """Return a picture (1, 3, H, W) in [-1, 1] as a fresh read-only uint8 array (H, W, 3); NaN becomes grey."""
    levels = ((picture[0].nan_to_num(0.0).clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())
    if pixels.base is not None:  # the bytes must be the array's own, or a tensor could still write to them
        pixels = pixels.copy()
    pixels.setflags(write=False)
    return pixels
