"""What a recipe trains, stage by stage.

First the codec. Then, if the recipe asks for it, the decoder alone for longer: the latents stay what they are, so this
may come before, beside or after the others. Then, again if asked for, the text encoder's drafts. Last the backbone,
with the text encoder where that was not trained before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.codec import Codec, Identity, picture_loss
from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextEncoder
from studio.diffusion.schedules import SCHEDULES
from studio.errors import RecipeError
from studio.training.loop import keyed_generator
from studio.training.objective import denoising_loss, drop_captions
from studio.training.pictogram_list import Pictograms, load_pictograms
from studio.training.sources import FolderSource, PictogramSource, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studio.training.recipe import Recipe

POOL = -1  # the key of the drawing of the pictures that drafts are learned from
DRAFTED = 24_576  # their number
Loss = Callable[[torch.Generator], Tensor]


def open_source(recipe: Recipe) -> Source:
    """Open the recipe's pictures; raises RecipeError where there are none."""
    data = recipe.data
    path = (recipe.path.parent / data.path).resolve()
    if data.kind == "folder":
        return FolderSource(path, data.size)
    if not 0 <= data.white <= 1 or not 0 <= data.shift < data.size:
        raise RecipeError(recipe.path, "needs white between 0 and 1 and a shift smaller than the picture")
    chosen = choose(load_pictograms(path), data.concepts, recipe.path)
    return PictogramSource(chosen, data.size, white=data.white, shift=data.shift)


def choose(pictograms: Pictograms, concepts: Sequence[str], recipe: Path) -> Pictograms:
    """Return the list with the named pictograms alone, in the list's order; with all of them where none is named.

    Raises:
        RecipeError: a name is not the first name of a pictogram.
    """
    unknown = set(concepts) - {entry.names[0] for entry in pictograms.entries}
    if unknown:
        raise RecipeError(recipe, f"names concepts that are not in the list: {', '.join(sorted(unknown))}")
    if not concepts:
        return pictograms
    chosen = tuple(entry for entry in pictograms.entries if entry.names[0] in set(concepts))
    codes = {entry.code for entry in chosen}
    held_out = frozenset(pair for pair in pictograms.held_out if pair[0] in codes)
    return Pictograms(entries=chosen, colors=pictograms.colors, held_out=held_out)


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
        pictures = pictures.to(device)
        return picture_loss(codec.decode(codec.encode(pictures) + noise.to(device)), pictures)

    return codec, loss


def decoder_task(
    recipe: Recipe, source: Source, codec: Codec, device: torch.device
) -> tuple[nn.Module, Loss]:
    """Return the codec's decoder and the loss that teaches it more, with the encoder as it stands."""
    assert recipe.decoder_loop is not None
    batch = recipe.decoder_loop.batch

    def loss(generator: torch.Generator) -> Tensor:
        pictures, _ = draw(source, batch, generator)
        pictures = pictures.to(device)
        with torch.no_grad():
            latents = codec.encode(pictures)
        noise = recipe.codec_noise * torch.randn(latents.shape, generator=generator)
        return picture_loss(codec.decode(latents + noise.to(device)), pictures)

    return codec.decoder, loss


def text_task(
    recipe: Recipe, source: Source, codec: Codec | Identity, device: torch.device
) -> tuple[TextEncoder, Loss]:
    """Return the text encoder and the loss that teaches it to draft what a text means.

    Captioned pictures are drawn and encoded once; the encoder then learns from these.
    """
    assert recipe.text_loop is not None
    config = recipe.text_loop
    torch.manual_seed(config.seed)
    encoder = TextEncoder(recipe.text).to(device)

    @cache  # made at the first step, so that a stage which is done does not wait for it
    def pool() -> tuple[list[str], Tensor]:
        generator, told, latents = keyed_generator(config.seed, POOL), list[str](), list[Tensor]()
        with torch.no_grad():
            for _ in range(max(1, DRAFTED // config.batch)):
                pictures, captions = draw(source, config.batch, generator)
                told += captions
                latents.append(codec.encode(pictures.to(device)))
        return told, torch.cat(latents)

    def loss(generator: torch.Generator) -> Tensor:
        captions, latents = pool()
        which = torch.randint(len(captions), (config.batch,), generator=generator)
        told = drop_captions(
            [captions[index] for index in which.tolist()], recipe.diffusion.dropout, generator
        )
        return F.mse_loss(encoder.encode(told, trim=True)[3], latents[which.to(device)])

    return encoder, loss


def backbone_task(
    recipe: Recipe,
    source: Source,
    codec: Codec | Identity,
    device: torch.device,
    text: TextEncoder | None = None,
) -> tuple[nn.ModuleDict, Loss]:
    """Return backbone and text encoder under those names, and the loss that teaches them to denoise.

    A text encoder that was trained before is kept as it is.
    """
    torch.manual_seed(recipe.loop.seed)
    backbone = BACKBONES[recipe.backbone_kind][1](recipe.backbone)
    if text is None:
        text = TextEncoder(recipe.text)
    else:
        text.requires_grad_(False)
    modules = nn.ModuleDict({"backbone": backbone, "text": text}).to(device)
    schedule, batch = SCHEDULES[recipe.diffusion.schedule](), recipe.loop.batch

    def loss(generator: torch.Generator) -> Tensor:
        pictures, captions = draw(source, batch, generator)
        with torch.no_grad():
            latents = codec.encode(pictures.to(device))
        condition = text.encode(drop_captions(captions, recipe.diffusion.dropout, generator), trim=True)
        return denoising_loss(
            backbone,
            schedule,
            latents,
            condition,
            prediction=recipe.diffusion.prediction,
            noisy=recipe.diffusion.noisy,
            generator=generator,
        )

    return modules, loss
