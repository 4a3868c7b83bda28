"""A loaded model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.backbones.codec import Codec, Identity
    from studio.backbones.text import TextEncoder
    from studio.checkpoints.card import ModelCard
    from studio.diffusion.denoiser import Backbone
    from studio.diffusion.schedules import Schedule


class LoadCancelled(Exception):
    """Loading a model was cancelled."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A model's parts, in evaluation mode, float32, on one device, without gradients.

    Attributes:
        card: what the model is.
        schedule: the schedule it was trained with.
        backbone: what denoises, an `nn.Module`.
        text_encoder: what reads prompts; None: the model is unconditional.
        codec: pictures to latents and back.
        device: where the weights are.
    """

    card: ModelCard
    schedule: Schedule
    backbone: torch.nn.Module
    text_encoder: TextEncoder | None
    codec: Codec | Identity
    device: torch.device

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the conditioning of B prompts; an empty one for an unconditional model."""
        return Conditioning() if self.text_encoder is None else self.text_encoder.encode(prompts)

    def denoiser(self, backbone: Backbone | None = None) -> Denoiser:
        """Return the denoiser, around ``backbone`` if given (the same network in another precision, say)."""
        return Denoiser(
            self.backbone if backbone is None else backbone,
            self.schedule,
            self.card.prediction,
            clip=self.card.clip,
        )
