"""Pictures that show how far a training is: reconstructions, drafts, and samples from fixed seeds."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from studio.checkpoints.model import Model
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.schedules import SCHEDULES
from studio.diffusion.spacings import visit_times

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from studio.backbones.codec import Codec, Identity
    from studio.backbones.text import TextEncoder
    from studio.checkpoints.card import ModelCard

STEPS, GUIDANCE = 12, 2.0
"""Of samples while a model learns: few steps, so that they cost no more than a step or two of the training."""


@torch.no_grad()
def reconstructed(codec: Codec, pictures: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    """Return pictures (N, 3, H, W) as they come back from a codec, (N, H, W, 3)."""
    x = torch.from_numpy(pictures.astype(np.float32) / np.float32(127.5) - 1).to(device)
    return pixels_of(codec.decode(codec.encode(x)))


@torch.no_grad()
def drafted(
    text: TextEncoder, codec: Codec | Identity, prompts: Sequence[str], size: int
) -> NDArray[np.uint8]:
    """Return what a text encoder alone makes of prompts, (N, size, size, 3)."""
    pictures = codec.decode(text.encode(prompts)[3])
    return pixels_of(F.interpolate(pictures, (size, size)) if pictures.shape[-1] != size else pictures)


@torch.no_grad()
def sampled(
    model: Model, prompts: Sequence[str], seeds: Sequence[int], cancelled: threading.Event
) -> NDArray[np.uint8] | None:
    """Draw one picture a prompt, (N, H, W, 3); None where ``cancelled`` was set meanwhile."""
    noise = Noise(seeds, model.card.latent_shape, model.device)
    guidance = ClassifierFreeGuidance(
        GUIDANCE if model.text_encoder is not None else 1.0,
        model.encode_prompts(prompts),
        model.encode_prompts([""] * len(prompts)),
    )
    times = visit_times(model.schedule.T, min(STEPS, model.schedule.T), "trailing")
    state = State(noise.initial(), 0, times)
    ddim = SAMPLERS["ddim"]
    sampler = ddim(model.schedule, ddim.Options())
    for step in drive(sampler, guidance, model.denoiser(), state, noise, cancelled=cancelled.is_set):
        state = step.state
    return pixels_of(model.codec.decode(state.x).float()) if state.finished else None


def pixels_of(pictures: Tensor) -> NDArray[np.uint8]:
    """Return pictures (N, 3, H, W) in [-1, 1] as fresh read-only bytes (N, H, W, 3); NaN becomes grey."""
    levels = ((pictures.nan_to_num(0.0).clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
    return frozen(levels.permute(0, 2, 3, 1).cpu().numpy())


def frozen(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a contiguous copy that cannot be written to."""
    copied: NDArray[np.uint8] = np.array(pixels, order="C", copy=True)
    copied.setflags(write=False)
    return copied


class Shadow:
    """A copy of a module that takes up averaged weights now and then, and learns nothing."""

    def __init__(self, module: nn.Module) -> None:
        """Copy the module."""
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    def take(self, weights: dict[str, Tensor]) -> nn.Module:
        """Take up weights and return the module."""
        self.module.load_state_dict(weights)
        return self.module


def model_of(card: ModelCard, modules: nn.ModuleDict, codec: Codec | Identity, device: torch.device) -> Model:
    """Return the model of modules "backbone" and, for a conditional one, "text"."""
    return Model(
        card=card,
        schedule=SCHEDULES[card.schedule.kind](),
        backbone=modules["backbone"],
        text_encoder=dict(modules).get("text"),  # type: ignore[arg-type]
        codec=codec,
        device=device,
    )
