"""Sources of batches: captioned pictures for the codec, captioned latents for everything after it.

A source draws a batch from a random generator and from nothing else. A batch therefore depends only on the generator's
key, and a resumed training sees the batches that an uninterrupted one would have seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class Source(Protocol):
    """Draws captioned pictures (or latents), as arrays."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Return pictures (count, 3, H, W) in [-1, 1], or latents (count, C, h, w), with their captions."""
        ...


class LatentSource(Protocol):
    """Draws captioned latents, on the device of the training."""

    def draw(self, count: int, generator: torch.Generator, *, from_pool: bool) -> tuple[Tensor, list[str]]:
        """Return latents (count, C, h, w) and their captions.

        Args:
            count: the batch size.
            generator: CPU generator; the same one draws the same batch.
            from_pool: whether latents that were encoded beforehand will do.
        """
        ...


def draw_batch(source: Source, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
    """Draw a batch with a torch generator; returns a CPU tensor (count, C, H, W) and the captions."""
    seed = int(torch.randint(2**62, (), generator=generator))
    values, captions = source.draw(count, np.random.default_rng(seed))
    return torch.from_numpy(values), captions
