"""Keyed noise: every draw is found by its key, never taken from a running stream.

x_T of a picture is ``torch.randn`` from a CPU generator with the picture's seed, as ComfyUI and diffusers
start. Each later draw comes from a CPU generator whose seed is a hash of (seed, step, draw). So neither the
place in a batch nor a fork nor a resume can shift it, and every device sees the same noise.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.diffusion.samplers.stepper import StepNoise

MAX_SEED = 2**32 - 1
"""The largest seed: torch's CPU generator uses the low 32 bits only, so a larger one would repeat a smaller."""


def initial(seed: int, shape: Sequence[int]) -> Tensor:
    """Return x_T of one picture.

    Args:
        seed: 0 to ``MAX_SEED``.
        shape: (C, H, W).

    Returns:
        float32 (1, C, H, W), on the CPU.

    Raises:
        RequestError: the seed is out of range.
    """
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:  # a bool is no seed
        raise RequestError("seed", f"must be a whole number from 0 to {MAX_SEED}, not {seed}")
    return _draw(seed, shape)


class Noise:
    """The noise of a batch of pictures, one seed each."""

    def __init__(
        self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        """Remember the keys.

        Args:
            seeds: one a picture, 0 to ``MAX_SEED``.
            shape: (C, H, W).
            device: where the draws are wanted; they are made on the CPU all the same.
        """
        self.seeds, self.shape, self.device = tuple(seeds), tuple(shape), torch.device(device)

    def initial(self) -> Tensor:
        """Return x_T of every picture, float32 (B, C, H, W).

        Raises:
            RequestError: a seed is out of range.
        """
        return torch.cat([initial(seed, self.shape) for seed in self.seeds]).to(self.device)

    def at(self, step: int) -> StepNoise:
        """Return the draws of one step, counted from 0."""

        def draw(number: int) -> Tensor:
            keys = [_key(seed, step, number) for seed in self.seeds]
            return torch.cat([_draw(key, self.shape) for key in keys]).to(self.device)

        return draw


def _key(seed: int, step: int, draw: int) -> int:
    """Return the generator's seed for one draw, 0 to ``MAX_SEED``."""
    text = f"{seed}/{step}/{draw}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")


def _draw(key: int, shape: Sequence[int]) -> Tensor:
    """Return the unit noise found under ``key``, float32 (1, C, H, W)."""
    return torch.randn((1, *shape), generator=torch.Generator("cpu").manual_seed(key))
