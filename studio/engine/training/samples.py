"""Pictures that show the progress of a training: reconstructions, drafts, and samples from fixed seeds."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.arrays import from_uint8, to_uint8
from studio.checkpoints.model import NativeModel
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.schedules import SCHEDULES
from studio.diffusion.spacings import visit

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from studio.backbones.codec import Codec, Identity
    from studio.backbones.text import TextEncoder
    from studio.checkpoints.card import ModelCard

STEPS, GUIDANCE = 12, 2.0
"""Of samples during a training: few steps, so that they cost no more than a step or two of the training."""


@torch.no_grad()
def render_reconstructions(
    codec: Codec, pictures: NDArray[np.uint8], device: torch.device
) -> NDArray[np.uint8]:
    """Encode and decode pictures (N, 3, H, W); returns (N, H, W, 3)."""
    x = torch.from_numpy(from_uint8(pictures)).to(device)
    return to_uint8(codec.decode(codec.encode(x)))


@torch.no_grad()
def render_drafts(
    text: TextEncoder, codec: Codec | Identity, prompts: Sequence[str], size: int
) -> NDArray[np.uint8]:
    """Decode the text encoder's drafts of prompts; returns (N, size, size, 3)."""
    pictures = codec.decode(text.encode(prompts).extras["draft"])
    return to_uint8(F.interpolate(pictures, (size, size)) if pictures.shape[-1] != size else pictures)


@torch.no_grad()
def render_samples(
    model: NativeModel, prompts: Sequence[str], seeds: Sequence[int], cancelled: threading.Event
) -> NDArray[np.uint8] | None:
    """Sample one picture for each prompt, (N, H, W, 3); None if ``cancelled`` was set."""
    noise = Noise(seeds, model.card.latent_shape, model.device)
    guidance = ClassifierFreeGuidance(
        GUIDANCE if model.text_encoder is not None else 1.0,
        model.encode_prompts(prompts),
        model.encode_prompts([""] * len(prompts)),
    )
    times = visit(model.schedule, min(STEPS, model.schedule.T), model.card.defaults.spacing).times
    state = State(noise.start(model.schedule, times[0]), 0, times)
    ddim = SAMPLERS["ddim"]
    sampler = ddim(model.schedule, ddim.Options())
    for step in drive(sampler, guidance, model.denoiser(), state, noise, cancelled=cancelled.is_set):
        state = step.state
    return to_uint8(model.codec.decode(state.x).float()) if state.finished else None


class AveragedCopy:
    """A frozen copy of a module under training, into which its averaged weights are loaded for sampling."""

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    def load(self, weights: dict[str, Tensor]) -> nn.Module:
        """Load weights and return the copy."""
        self.module.load_state_dict(weights)
        return self.module


def make_model(
    card: ModelCard, modules: nn.ModuleDict, codec: Codec | Identity, device: torch.device
) -> NativeModel:
    """Return the model of modules "backbone" and, for a conditional one, "text"."""
    return NativeModel(
        card=card,
        schedule=SCHEDULES[card.schedule.kind](),
        backbone=modules["backbone"],
        text_encoder=dict(modules).get("text"),  # type: ignore[arg-type]
        codec=codec,
        device=device,
    )
