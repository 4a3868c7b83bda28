"""The decoders of a model's latents, best first, and what each costs on this machine.

The best is the model's own ("full"); a model of latents may have cheaper ones ("small", "linear").
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from studio.arrays import to_uint8
from studio.engine.sampling.preview_budget import TierCosts
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.engine.requests.previews import Tier
    from studio.errors import CheckpointError
    from studio.families.interface import Model, PreviewTier

_TRIALS, _TRIAL_SECONDS = 4, 0.1


class Decoders:
    """The decoders of one loaded model.

    Attributes:
        device: where they run.
        fault: why a decoder that the model should have cannot be used; None if all can, or before `prepare`.
    """

    def __init__(self, model: Model) -> None:
        """Load and fit nothing yet."""
        self._model, self.device = model, model.device
        self._cheaper: Mapping[PreviewTier, Callable[[Tensor], Tensor]] | None = None
        self._costs: dict[tuple[int, ...], TierCosts] = {}
        self.fault: CheckpointError | None = None

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The decoders there are, best first; before `prepare`, only the best."""
        return ("full", *(self._cheaper or {}))

    def costs(self, shape: tuple[int, ...]) -> TierCosts:
        """Return what the decoders cost for latents of a shape (C, h, w), as far as it is known."""
        return self._costs.setdefault(shape, TierCosts())

    @torch.no_grad()
    def prepare(self, shape: tuple[int, ...], cancelled: threading.Event) -> None:
        """Load the cheaper decoders, once, and measure what each costs for a shape, once.

        Args:
            shape: of the latents, (C, h, w).
            cancelled: aborts when set.

        Raises:
            LoadCancelled: ``cancelled`` was set.
        """
        if self._cheaper is None:
            loaded = self._model.preview_decoders(cancelled)
            self._cheaper, self.fault = loaded.decoders, loaded.fault
        if shape in self._costs:
            return
        costs, latents = TierCosts(), torch.zeros(1, *shape, device=self.device)
        for tier in self.tiers:
            seconds: list[float] = []  # the first one is a warm-up, unless it takes long
            while len(seconds) < _TRIALS and sum(seconds) < _TRIAL_SECONDS:
                if cancelled.is_set():
                    raise LoadCancelled
                started = time.perf_counter()
                self.decode(tier, latents)
                seconds.append(time.perf_counter() - started)
            costs.note(tier, min(seconds))
        self._costs[shape] = costs

    def decode(self, tier: Tier, latents: Tensor) -> NDArray[np.uint8]:
        """Decode latents (1, C, h, w), which are not changed, to pixels (H, W, 3)."""
        return to_pixels(self.picture(tier, latents))

    def picture(self, tier: Tier, latents: Tensor) -> Tensor:
        """Decode latents (1, C, h, w), which are not changed, to a picture (1, 3, H, W) on their device, float32."""
        if tier == "full" or self._cheaper is None:
            return decode(self._model, latents)
        return self._cheaper[tier](latents.detach().clone()).float()


@torch.no_grad()
def decode(model: Model, latents: Tensor) -> Tensor:
    """Decode latents (B, C, h, w) to pictures (B, 3, H, W), float32, nominally in [-1, 1]."""
    # A copy: the run continues from the same bits even if the model changes its input.
    return model.decode(latents.detach().clone()).float()


def to_pixels(picture: Tensor) -> NDArray[np.uint8]:
    """Convert one picture (1, 3, H, W) from [-1, 1] to bytes (H, W, 3), fresh and read-only."""
    return to_uint8(picture[0])
