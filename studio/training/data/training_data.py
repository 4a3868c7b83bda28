"""What a training learns from, whatever its source: pictures for the codec, latents for the rest, examples to show."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch.nn import functional as F

from studio.backbones.codec import Codec
from studio.storage import ensure_folder
from studio.training.data.folder_source import Cancelled, FolderSource, read_folder
from studio.training.data.latents import LatentSource, encode_folder
from studio.training.loop import keyed_generator
from studio.training.pictograms.pictogram_list import load_pictograms
from studio.training.tasks import Latents, choose, draw, open_source

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from threading import Event

    from numpy.typing import NDArray
    from torch import Tensor

    from studio.backbones.codec import Identity
    from studio.training.backbone_task import LatentDraw
    from studio.training.data.inspect import Refused
    from studio.training.data.sources import Source
    from studio.training.recipe import Recipe

EXAMPLES = -2  # the key of the drawing of examples: no step has it


class Material(Protocol):
    """What a training learns from.

    Attributes:
        source: of pictures.
        pictures: how many there are.
        refused: files that could not be used.
        data_sha256: of all of it.
    """

    source: Source
    pictures: int
    refused: tuple[Refused, ...]
    data_sha256: str

    def examples(self, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return pictures (count, 3, H, W) and captions that show what there is; always the same ones."""
        ...

    def encode(
        self, codec: Codec | Identity, device: torch.device, cancelled: Event | None
    ) -> Generator[tuple[int, int], None, LatentDraw]:
        """Get the latents ready; yields how many are encoded, of how many, and returns where to draw them."""
        ...


class FolderMaterial:
    """Pictures of a folder."""

    def __init__(self, source: FolderSource) -> None:
        """Take the pictures."""
        self.source: Source = source
        self._read = source.read
        self.pictures, self.refused = len(source.read.captions), source.read.refused
        self.data_sha256 = source.read.data_sha256

    def examples(self, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return pictures with captions as different as there are, from all over the folder."""
        first = {caption: row for row, caption in reversed(list(enumerate(self._read.captions)))}
        rows = sorted(first.values())
        if len(rows) < count:
            rows += [row for row in range(self.pictures) if row not in set(rows)]
        places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
        chosen = [rows[place] for place in places]
        return self._read.pixels[chosen], [self._read.captions[row] for row in chosen]

    def encode(
        self, codec: Codec | Identity, device: torch.device, cancelled: Event | None
    ) -> Generator[tuple[int, int], None, LatentDraw]:
        """Encode each picture once; a model in pixels draws the pictures themselves."""
        if not isinstance(codec, Codec):
            return Drawn(self.source, device)
        return Drawn((yield from encode_folder(self._read, codec, device, cancelled)), device)


class PictogramMaterial:
    """Pictograms, composed anew for every batch."""

    def __init__(self, recipe: Recipe, cache: Path) -> None:
        """Draw them; raises RecipeError where the font or the list is not there."""
        self._cache = cache
        self.source = open_source(recipe)
        self._recipe = recipe
        self.refused: tuple[Refused, ...] = ()
        path = recipe.path.parent / recipe.data.path
        self.pictures = len(choose(load_pictograms(path), recipe.data.concepts, recipe.path).entries)
        self.data_sha256 = hashlib.sha256(path.read_bytes() + repr(recipe.data).encode()).hexdigest()

    def examples(self, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return a few of them."""
        pictures, captions = draw(self.source, count, keyed_generator(0, EXAMPLES))
        return ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy(), captions

    def encode(
        self, codec: Codec | Identity, device: torch.device, cancelled: Event | None
    ) -> Generator[tuple[int, int], None, LatentDraw]:
        """Encode each batch as it is drawn, or draw and encode once what the recipe wants to be kept ready."""
        latents = Latents(self._recipe, self.source, codec, device)
        if self._recipe.data.pool:
            path = ensure_folder(self._cache) / f"{self.data_sha256[:24]}.pool"
            for done in latents.pooling(path):
                yield done
                if cancelled is not None and cancelled.is_set():
                    raise Cancelled
        return latents


class Drawn:
    """Latents, or the pictures of a model in pixels, from a source that holds them."""

    def __init__(self, source: Source | LatentSource, device: torch.device) -> None:
        """Take where they are, and where they are wanted."""
        self._source, self._device = source, device

    def draw(self, count: int, generator: torch.Generator, *, pooled: bool) -> tuple[Tensor, list[str]]:
        """Draw latents; they are always ready, ``pooled`` or not."""
        latents, captions = draw(self._source, count, generator)
        return latents.to(self._device), captions


class Reduced:
    """Small versions of the pictures of a model in pixels, to learn drafts from."""

    def __init__(self, latents: LatentDraw, side: int) -> None:
        """Take the pictures and the side they are reduced to."""
        self._latents, self._side = latents, side

    def draw(self, count: int, generator: torch.Generator, *, pooled: bool) -> tuple[Tensor, list[str]]:
        """Draw reduced pictures."""
        pictures, captions = self._latents.draw(count, generator, pooled=pooled)
        return F.adaptive_avg_pool2d(pictures, self._side), captions


def open_material(
    recipe: Recipe, cache: Path, cancelled: Event | None
) -> Generator[tuple[int, int], None, Material]:
    """Open what a recipe learns from.

    Args:
        recipe: the recipe.
        cache: the folder of caches of pictures.
        cancelled: drops it when set.

    Yields:
        How many files are read, of how many.

    Raises:
        RecipeError: there is nothing to learn from.
        StorageError: it cannot be read, or the cache not written.
        Cancelled: ``cancelled`` was set.
    """
    if recipe.data.kind != "folder":
        return PictogramMaterial(recipe, cache)
    folder = (recipe.path.parent / recipe.data.path).resolve()
    return FolderMaterial(FolderSource((yield from read_folder(folder, recipe.data.size, cache, cancelled))))
