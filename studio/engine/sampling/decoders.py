"""The decoders of a model's latents, best first, and what each costs on this machine.

A pixel model has one, which is free. A latent model has its codec's decoder ("full"), the small one that was distilled
from it ("small"), if its folder contains one, and a linear map ("linear").
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from studio.backbones.codec import Codec
from studio.backbones.linear_decoder import fit_linear_decoder
from studio.checkpoints.model import LoadCancelled
from studio.checkpoints.preview import load_preview
from studio.engine.sampling.preview import decode, to_pixels
from studio.engine.sampling.preview_budget import TierCosts
from studio.errors import CheckpointError

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from studio.checkpoints.model import Model
    from studio.engine.requests.previews import Tier

_TRIALS, _TRIAL_SECONDS = 4, 0.1


class Decoders:
    """The decoders of one loaded model.

    Attributes:
        device: where they run.
        fault: why the small decoder in the model's folder cannot be used; None if it can, or before `prepare`.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        """Read and fit nothing yet; ``folder`` is the one that the model was loaded from."""
        self._model, self._folder, self.device = model, folder, model.device
        self._cheaper: dict[Tier, nn.Module] | None = None
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
            self._cheaper = self._load_cheaper(cancelled)
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
        if tier == "full" or self._cheaper is None:
            return to_pixels(decode(self._model, latents))
        return to_pixels(self._cheaper[tier](latents.detach().clone()).float())

    def _load_cheaper(self, cancelled: threading.Event) -> dict[Tier, nn.Module]:
        codec = self._model.codec
        if not isinstance(codec, Codec):
            return {}
        cheaper: dict[Tier, nn.Module] = {}
        try:
            small = load_preview(self._folder, codec, self.device, cancelled)
        except CheckpointError as error:
            self.fault, small = error, None
        if small is not None:
            cheaper["small"] = small
        if cancelled.is_set():
            raise LoadCancelled
        cheaper["linear"] = fit_linear_decoder(codec)
        return cheaper
