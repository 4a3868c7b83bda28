"""What a backbone learns in the training studio: to denoise captioned latents, in the precision that is fastest."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextEncoder
from studio.diffusion.schedules import SCHEDULES
from studio.training.objective import Denoised, band_means, denoise_at_random, drop_captions

if TYPE_CHECKING:
    from studio.training.recipe import Recipe


class LatentDraw(Protocol):
    """Draws captioned latents."""

    def draw(self, count: int, generator: torch.Generator, *, pooled: bool) -> tuple[Tensor, list[str]]:
        """Draw latents (count, C, h, w) on the device of the training, and their captions.

        Args:
            count: how many.
            generator: CPU generator; the same one draws the same.
            pooled: whether those that are kept ready will do.
        """
        ...


@dataclass(frozen=True, eq=False)
class Precision:
    """How a backbone learns: the numbers of its heavy parts; weights, norms, sums and moments stay float32."""

    dtype: str = "float32"

    def __call__(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Return the context in which its output is computed."""
        if self.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))


class BackboneLesson:
    """Backbone and, for a conditional model, text encoder, and the loss that teaches them.

    Attributes:
        modules: "backbone" and "text".
        last: what the last loss was made of.
    """

    def __init__(
        self,
        recipe: Recipe,
        latents: LatentDraw,
        modules: nn.ModuleDict,
        precision: Precision,
        *,
        taught: bool,
    ) -> None:
        """Take what is learned from and what learns.

        Args:
            recipe: says how.
            latents: where they come from.
            modules: "backbone" and, for a conditional model, "text"; on their device.
            precision: what the backbone learns in.
            taught: whether the text encoder learns no more.
        """
        self.modules, self._recipe, self._latents, self._precision = modules, recipe, latents, precision
        self._schedule = SCHEDULES[recipe.diffusion.schedule]()
        self._taught = taught
        if taught and "text" in modules:
            modules["text"].requires_grad_(False)
        device = next(modules.parameters()).device
        self._layout = torch.channels_last if device.type in {"cpu", "cuda"} else torch.contiguous_format
        modules.to(memory_format=self._layout)  # type: ignore[call-overload]
        self.last: Denoised | None = None

    def loss(self, generator: torch.Generator) -> Tensor:
        """Draw a batch and return its loss, a scalar."""
        diffusion = self._recipe.diffusion
        pooled = self._recipe.data.pool > 0
        x0, captions = self._latents.draw(self._recipe.loop.batch, generator, pooled=pooled)
        condition: tuple[Tensor, ...] = ()
        if "text" in self.modules:
            told = drop_captions(captions, diffusion.dropout, generator)
            with torch.set_grad_enabled(not self._taught):
                condition = self.modules["text"].encode(told, trim=True)  # type: ignore[operator]
        self.last = denoise_at_random(
            self._predict,
            self._schedule,
            x0,
            condition,
            prediction=diffusion.prediction,
            noisy=diffusion.noisy,
            min_snr=diffusion.min_snr,
            generator=generator,
        )
        return self.last.loss

    def _predict(self, x: Tensor, t: Tensor, condition: tuple[Tensor, ...]) -> Tensor:
        with self._precision(x.device):
            predicted: Tensor = self.modules["backbone"](
                x.contiguous(memory_format=self._layout), t, condition
            )
        return predicted

    @property
    def bands(self) -> tuple[float | None, ...]:
        """The last step's mean squared error by quarter of the noise level, clean to noisy."""
        return () if self.last is None else band_means(self._schedule, self.last.errors, self.last.times)


def make_modules(recipe: Recipe, text: TextEncoder | None, *, conditional: bool = True) -> nn.ModuleDict:
    """Build a recipe's backbone, with a text encoder: the one that is given, or a new one that learns with it."""
    torch.manual_seed(recipe.loop.seed)
    backbone = BACKBONES[recipe.backbone_kind][1](recipe.backbone)
    if not conditional:
        return nn.ModuleDict({"backbone": backbone})
    return nn.ModuleDict(
        {"backbone": backbone, "text": text if text is not None else TextEncoder(recipe.text)}
    )
