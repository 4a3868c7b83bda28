"""The ways to see a model's latents, best first, and what each costs on this machine.

A model in pixels has one, which is free. Any other has its codec's decoder ("full"), the small one that was distilled
from it ("small"), if its folder holds one, and a linear map ("linear").
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from studio.backbones.codec import Codec
from studio.backbones.linear_decoder import fit_linear_decoder
from studio.checkpoints.model import LoadCancelled
from studio.checkpoints.preview import load_preview
from studio.engine.pace import Costs
from studio.engine.preview import decode, to_pixels
from studio.errors import CheckpointError

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from studio.checkpoints.model import Model
    from studio.engine.previews import Tier

_TRIALS, _TRIAL_SECONDS = 4, 0.1


class Decoders:
    """The decoders of one loaded model.

    Attributes:
        device: where they are.
        fault: why the small decoder in the model's folder cannot be used, if so; known after `prepare`.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        """Take a model and the folder it came from; nothing is read or fitted yet."""
        self._model, self._folder, self.device = model, folder, model.device
        self._cheaper: dict[Tier, nn.Module] | None = None
        self._costs: dict[tuple[int, ...], Costs] = {}
        self.fault: CheckpointError | None = None

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """Those there are, best first; until `prepare`, only the best."""
        return ("full", *(self._cheaper or {}))

    def costs(self, shape: tuple[int, ...]) -> Costs:
        """Return what the tiers cost for latents of a shape (C, h, w), so far as that is known."""
        return self._costs.setdefault(shape, Costs())

    @torch.no_grad()
    def prepare(self, shape: tuple[int, ...], cancelled: threading.Event) -> None:
        """Get the cheaper decoders ready, once, and measure what each costs for a shape, once.

        Args:
            shape: of the latents, (C, h, w).
            cancelled: drops it when set.

        Raises:
            LoadCancelled: ``cancelled`` was set.
        """
        if self._cheaper is None:
            self._cheaper = self._make_cheaper(cancelled)
        if shape in self._costs:
            return
        costs, latents = Costs(), torch.zeros(1, *shape, device=self.device)
        for tier in self.tiers:
            seconds: list[float] = []  # the first only warms up, unless it is long
            while len(seconds) < _TRIALS and sum(seconds) < _TRIAL_SECONDS:
                if cancelled.is_set():
                    raise LoadCancelled
                started = time.perf_counter()
                self.show(tier, latents)
                seconds.append(time.perf_counter() - started)
            costs.note(tier, min(seconds))
        self._costs[shape] = costs

    def show(self, tier: Tier, latents: Tensor) -> NDArray[np.uint8]:
        """Return latents (1, C, h, w) as pixels; they are not changed."""
        if tier == "full" or self._cheaper is None:
            return to_pixels(decode(self._model, latents))
        return to_pixels(self._cheaper[tier](latents.detach().clone()).float())

    def _make_cheaper(self, cancelled: threading.Event) -> dict[Tier, nn.Module]:
        codec = self._model.codec
        if not isinstance(codec, Codec):
            return {}
        made: dict[Tier, nn.Module] = {}
        try:
            small = load_preview(self._folder, codec, self.device, cancelled)
        except CheckpointError as error:
            self.fault, small = error, None
        if small is not None:
            made["small"] = small
        if cancelled.is_set():
            raise LoadCancelled
        made["linear"] = fit_linear_decoder(codec)
        return made
