"""The training task of a backbone: to denoise captioned latents, with autocast if reduced precision is faster."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextEncoder
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.schedules import SCHEDULES
from studio.training.objective import DenoisingLoss, band_means, denoising_loss, drop_captions

if TYPE_CHECKING:
    from studio.training.data.sources import LatentSource
    from studio.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Autocast:
    """The precision of a backbone's forward pass; parameters, norms, sums and moments stay float32."""

    dtype: str = "float32"

    def __call__(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Return the context of a forward pass on a device."""
        if self.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))


class DenoisingTask:
    """The loss of a backbone and, for a conditional model, of its text encoder.

    Attributes:
        modules: "backbone" and "text".
        last: the last batch's loss.
    """

    def __init__(
        self,
        recipe: Recipe,
        latents: LatentSource,
        modules: nn.ModuleDict,
        autocast: Autocast,
        *,
        text_frozen: bool,
    ) -> None:
        """Put the modules into the fastest memory format.

        Args:
            recipe: names schedule, prediction and loss weighting.
            latents: the training data.
            modules: "backbone" and, for a conditional model, "text"; on their device.
            autocast: precision of the backbone's forward pass.
            text_frozen: whether the text encoder is already trained and stays frozen.
        """
        self.modules, self._recipe, self._latents, self._autocast = modules, recipe, latents, autocast
        self._schedule = SCHEDULES[recipe.diffusion.schedule]()
        self._text_frozen = text_frozen
        if text_frozen and "text" in modules:
            modules["text"].requires_grad_(False)
        device = next(modules.parameters()).device
        self._layout = torch.channels_last if device.type in {"cpu", "cuda"} else torch.contiguous_format
        modules.to(memory_format=self._layout)  # type: ignore[call-overload]
        self.last: DenoisingLoss | None = None

    def loss(self, generator: torch.Generator) -> Tensor:
        """Draw a batch and return its loss, a scalar."""
        diffusion = self._recipe.diffusion
        from_pool = self._recipe.data.pool > 0
        x0, captions = self._latents.draw(self._recipe.loop.batch, generator, from_pool=from_pool)
        condition = Conditioning()
        if "text" in self.modules:
            captions = drop_captions(captions, diffusion.dropout, generator)
            with torch.set_grad_enabled(not self._text_frozen):
                condition = self.modules["text"].encode(captions, trim=True)  # type: ignore[operator]
        self.last = denoising_loss(
            self._predict,
            self._schedule,
            x0,
            condition,
            prediction=diffusion.prediction,
            high_noise_fraction=diffusion.high_noise_fraction,
            min_snr=diffusion.min_snr,
            generator=generator,
        )
        return self.last.loss

    def _predict(self, x: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        with self._autocast(x.device):
            predicted: Tensor = self.modules["backbone"](
                x.contiguous(memory_format=self._layout), t, condition
            )
        return predicted

    @property
    def bands(self) -> tuple[float | None, ...]:
        """The last batch's mean squared error by quarter of the noise level, clean to noisy."""
        return () if self.last is None else band_means(self._schedule, self.last.errors, self.last.times)


def make_modules(recipe: Recipe, text: TextEncoder | None, *, conditional: bool = True) -> nn.ModuleDict:
    """Build a recipe's backbone, with ``text`` or a new text encoder if the model is conditional."""
    torch.manual_seed(recipe.loop.seed)
    backbone = BACKBONES[recipe.backbone_kind][1](recipe.backbone)
    if not conditional:
        return nn.ModuleDict({"backbone": backbone})
    return nn.ModuleDict(
        {"backbone": backbone, "text": text if text is not None else TextEncoder(recipe.text)}
    )
