"""What a recipe trains, stage by stage.

First the codec. Then, if the recipe asks for it, the decoder alone for longer: the latents stay what they are, so this
may come before, beside or after the others. Then, again if asked for, the text encoder's drafts. Last the backbone, see
``studio.training.backbone_task``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.codec import Codec, Identity, picture_loss
from studio.backbones.text import TextEncoder
from studio.errors import RecipeError
from studio.training.data import pool
from studio.training.data.folder_source import FolderSource
from studio.training.objective import drop_captions
from studio.training.pictograms.pictogram_list import Pictograms, load_pictograms
from studio.training.pictograms.source import PictogramSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studio.training.data.sources import Source
    from studio.training.recipe import Recipe

DRAFTED = 24_576  # pictures that drafts are learned from, where the recipe does not say
MOST_POOLED = 4_000_000
Loss = Callable[[torch.Generator], Tensor]
Drawn = tuple[Tensor, list[str]]  # pictures or latents with their captions


def open_source(recipe: Recipe) -> Source:
    """Open the recipe's pictures; raises RecipeError where there are none."""
    data = recipe.data
    path = (recipe.path.parent / data.path).resolve()
    if data.kind == "folder":
        return FolderSource.open(path, data.size)
    if not 0 <= data.white <= 1 or not 0 <= data.shift < data.size:
        raise RecipeError(recipe.path, "needs white between 0 and 1 and a shift smaller than the picture")
    if not 0 <= data.korean <= 1 or not 0 <= data.pool <= MOST_POOLED:
        raise RecipeError(recipe.path, f"needs korean between 0 and 1 and a pool of 0 to {MOST_POOLED:,}")
    chosen = choose(load_pictograms(path), data.concepts, recipe.path)
    return PictogramSource(
        chosen, data.size, white=data.white, shift=data.shift, layouts=data.layouts, korean=data.korean
    )


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
    return Pictograms(
        entries=chosen,
        colors=pictograms.colors,
        held_out=frozenset(pair for pair in pictograms.held_out if pair[0] in codes),
        held_out_layouts=frozenset(pair for pair in pictograms.held_out_layouts if pair[0] in codes),
        held_out_pairs=frozenset(pair for pair in pictograms.held_out_pairs if codes.issuperset(pair)),
    )


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


class Latents:
    """What text and backbone learn from: captioned latents, from a pool or drawn and encoded as they are asked for."""

    def __init__(self, recipe: Recipe, source: Source, codec: Codec | Identity, device: torch.device) -> None:
        """Take where pictures come from and what encodes them.

        Args:
            recipe: says how large the pool is.
            source: of pictures.
            codec: as it is after its training; it does not change any more.
            device: where latents are wanted.
        """
        self._recipe, self._source, self._codec, self._device = recipe, source, codec, device
        self._pool: pool.Pool | None = None

    def pooling(self, path: Path | None = None) -> Generator[tuple[int, int], None, pool.Pool]:
        """Get the pool ready, read from a file or made now and kept there; yields how many are there, of how many."""
        if self._pool is None:
            recipe = self._recipe
            key = pool.key_of(self._codec, repr((recipe.data, recipe.loop.seed)))
            self._pool = pool.load_pool(path, key) if path else None
            if self._pool is None:
                count = max(1, recipe.data.pool or DRAFTED)
                self._pool = yield from pool.fill(self._pictures, self._codec.encode, count, recipe.loop.seed)
                if path:
                    pool.save_pool(path, key, self._pool)
        return self._pool

    def open_pool(self, path: Path | None = None) -> pool.Pool:
        """Return the pool, see `pooling`."""
        making = self.pooling(path)
        while True:
            try:
                next(making)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def draw(self, count: int, generator: torch.Generator, *, pooled: bool) -> Drawn:
        """Draw latents (count, C, h, w) with their captions."""
        if pooled:
            latents, captions = self.open_pool().draw(count, generator)
            return latents.to(self._device), captions
        pictures, captions = self._pictures(count, generator)
        with torch.no_grad():
            return self._codec.encode(pictures), captions

    def _pictures(self, count: int, generator: torch.Generator) -> Drawn:
        pictures, captions = draw(self._source, count, generator)
        return pictures.to(self._device), captions


def text_task(recipe: Recipe, latents: Latents, device: torch.device) -> tuple[TextEncoder, Loss]:
    """Return the text encoder and the loss that teaches it to draft what a text means; it learns from the pool."""
    assert recipe.text_loop is not None
    config = recipe.text_loop
    torch.manual_seed(config.seed)
    encoder = TextEncoder(recipe.text).to(device)

    def loss(generator: torch.Generator) -> Tensor:
        wanted, captions = latents.draw(config.batch, generator, pooled=True)
        told = drop_captions(captions, recipe.diffusion.dropout, generator)
        return F.mse_loss(encoder.encode(told, trim=True)[3].float(), wanted)

    return encoder, loss
