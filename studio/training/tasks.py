"""What a recipe trains, stage by stage: first the codec, then the backbone with its text encoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from studio.backbones.codec import Codec, Identity, reconstruction_loss
from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextEncoder
from studio.diffusion.schedules import SCHEDULES
from studio.errors import RecipeError
from studio.training.objective import denoising_loss, drop_captions
from studio.training.pictogram_list import load_pictograms
from studio.training.recipe import Recipe
from studio.training.sources import FolderSource, PictogramSource, Source

Loss = Callable[[torch.Generator], Tensor]


def open_source(recipe: Recipe) -> Source:
    """Open the recipe's pictures; raises RecipeError where there are none."""
    data = recipe.data
    path = (recipe.path.parent / data.path).resolve()
    if data.kind == "folder":
        return FolderSource(path, data.size)
    if not 0 <= data.white <= 1 or not 0 <= data.shift < data.size:
        raise RecipeError(recipe.path, "needs white between 0 and 1 and a shift smaller than the picture")
    return PictogramSource(load_pictograms(path), data.size, white=data.white, shift=data.shift)


def draw(source: Source, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
    """Draw a batch with a torch generator: pictures (count, 3, H, W) in [-1, 1] and captions."""
    seed = int(torch.randint(2**62, (), generator=generator))
    pictures, captions = source.draw(count, np.random.default_rng(seed))
    return torch.from_numpy(pictures), captions


def codec_task(recipe: Recipe, source: Source, device: torch.device) -> tuple[Codec, Loss]:
    """Return the codec and the loss that teaches it to give back what it was given."""
    assert recipe.codec is not None and recipe.codec_loop is not None  # noqa: PT018 - the caller asked for a codec
    torch.manual_seed(recipe.codec_loop.seed)
    codec, batch = Codec(recipe.codec).to(device), recipe.codec_loop.batch

    def loss(generator: torch.Generator) -> Tensor:
        pictures, _ = draw(source, batch, generator)
        side = recipe.data.size // codec.downscale
        noise = recipe.codec_noise * torch.randn(batch, codec.channels, side, side, generator=generator)
        return reconstruction_loss(codec, pictures.to(device), noise.to(device))

    return codec, loss


def backbone_task(
    recipe: Recipe, source: Source, codec: Codec | Identity, device: torch.device
) -> tuple[nn.ModuleDict, Loss]:
    """Return backbone and text encoder under those names, and the loss that teaches them to denoise."""
    torch.manual_seed(recipe.loop.seed)
    backbone = BACKBONES[recipe.backbone_kind][1](recipe.backbone)
    modules = nn.ModuleDict({"backbone": backbone, "text": TextEncoder(recipe.text)}).to(device)
    schedule, batch = SCHEDULES[recipe.diffusion.schedule](), recipe.loop.batch

    def loss(generator: torch.Generator) -> Tensor:
        pictures, captions = draw(source, batch, generator)
        with torch.no_grad():
            latents = codec.encode(pictures.to(device))
        condition = modules["text"].encode(drop_captions(captions, recipe.diffusion.dropout, generator), trim=True)
        return denoising_loss(
            backbone, schedule, latents, condition, prediction=recipe.diffusion.prediction, generator=generator
        )

    return modules, loss
