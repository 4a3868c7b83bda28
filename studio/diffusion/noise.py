"""Keyed noise: each draw is a function of its key, never the next part of a running stream.

x_T of a picture is ``torch.randn`` with a CPU generator of the picture's seed, as in ComfyUI and diffusers, times the
scale that the first noise level asks for (`Schedule.start_scale`). torch seeds that generator with the low 32 bits, so
seeds that differ by a multiple of 2^32 start from the same noise; A1111's noise from the graphics card is another. Each
later draw uses a CPU generator whose seed is a hash of (seed, step, draw). So the position in a batch, a fork or a
resumed run cannot shift it, and every device gets the same noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.diffusion.seeds import check_seed, draw_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.diffusion.levels import Schedule
    from studio.diffusion.samplers.stepper import StepNoise


def initial(seed: int, shape: Sequence[int]) -> Tensor:
    """Return unit noise for the start of one picture.

    Args:
        seed: 0 to `MAX_SEED`.
        shape: (C, H, W).

    Returns:
        float32 (1, C, H, W), on the CPU.

    Raises:
        RequestError: the seed is out of range.
    """
    check_seed(seed)
    return _draw(seed, shape)


class Noise:
    """The noise of a batch of pictures, one seed per picture."""

    def __init__(
        self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        """Store the keys; nothing is drawn yet.

        Args:
            seeds: one per picture, 0 to `MAX_SEED`.
            shape: (C, H, W).
            device: where the draws are returned; they are always made on the CPU.
        """
        self.seeds, self.shape, self.device = tuple(seeds), tuple(shape), torch.device(device)

    def initial(self) -> Tensor:
        """Return unit noise for the start of every picture, float32 (B, C, H, W).

        Raises:
            RequestError: a seed is out of range.
        """
        return torch.cat([initial(seed, self.shape) for seed in self.seeds]).to(self.device)

    def start(self, schedule: Schedule, t: float, *, pure: bool = False) -> Tensor:
        """Return the state of every picture at the first time visited, float32 (B, C, H, W).

        Args:
            schedule: of the model.
            t: the time.
            pure: see `Schedule.start_scale`.

        Raises:
            RequestError: a seed is out of range.
        """
        z, scale = self.initial(), schedule.start_scale(t, pure=pure)
        return z if scale == 1.0 else scale * z

    def at(self, step: int) -> StepNoise:
        """Return the draws of the step with this index, from 0."""

        def draw(number: int) -> Tensor:
            keys = [draw_seed(seed, step, number) for seed in self.seeds]
            return torch.cat([_draw(key, self.shape) for key in keys]).to(self.device)

        return draw


def _draw(key: int, shape: Sequence[int]) -> Tensor:
    """Return unit noise, float32 (1, C, H, W)."""
    return torch.randn((1, *shape), generator=torch.Generator("cpu").manual_seed(key))
