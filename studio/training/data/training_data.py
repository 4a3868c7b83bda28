"""The data of a training from any source: pictures for the codec, latents for the other stages, and examples."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np

from studio.arrays import to_uint8
from studio.backbones.codec import Codec
from studio.errors import RecipeError
from studio.messages import message
from studio.storage import ensure_folder
from studio.training.data.folder_source import Cancelled, FolderSource, read_folder
from studio.training.data.latents import EncodedSource, SourceLatents, encode_folder
from studio.training.data.sources import draw_batch
from studio.training.loop import keyed_generator
from studio.training.pictograms.pictogram_list import Pictograms, load_pictograms
from studio.training.pictograms.source import PictogramSource

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path
    from threading import Event

    import torch
    from numpy.typing import NDArray

    from studio.backbones.codec import Identity
    from studio.training.data.inspect import Refused
    from studio.training.data.sources import LatentSource, Source
    from studio.training.recipe import Recipe

EXAMPLES_KEY = -2  # of the generator that draws examples; no step has it


class TrainingData(Protocol):
    """The data of a training.

    Attributes:
        source: of pictures.
        pictures: how many there are.
        refused: files that could not be used.
        data_sha256: hash of all of it.
    """

    source: Source
    pictures: int
    refused: tuple[Refused, ...]
    data_sha256: str

    def examples(self, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return representative pictures (count, 3, H, W) and their captions; always the same ones."""
        ...

    def encode(
        self, codec: Codec | Identity, device: torch.device, cancelled: Event | None
    ) -> Generator[tuple[int, int], None, LatentSource]:
        """Encode the pictures with a trained codec; yields (done, total) and returns the latents."""
        ...


class FolderData:
    """The pictures of a folder."""

    def __init__(self, source: FolderSource) -> None:
        self.source: Source = source
        self._folder = source.folder
        self.pictures, self.refused = len(source.folder.captions), source.folder.refused
        self.data_sha256 = source.folder.data_sha256

    def examples(self, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return pictures from all over the folder, with different captions as far as there are."""
        first = {caption: row for row, caption in reversed(list(enumerate(self._folder.captions)))}
        rows = sorted(first.values())
        if len(rows) < count:
            rows += [row for row in range(self.pictures) if row not in set(rows)]
        places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
        chosen = [rows[place] for place in places]
        return self._folder.pixels[chosen], [self._folder.captions[row] for row in chosen]

    def encode(
        self, codec: Codec | Identity, device: torch.device, cancelled: Event | None
    ) -> Generator[tuple[int, int], None, LatentSource]:
        """Encode each picture once; a model in pixels draws the pictures themselves."""
        if not isinstance(codec, Codec):
            return SourceLatents(self.source, device)
        latents = yield from encode_folder(self._folder, codec, device, cancelled)
        return SourceLatents(latents, device)


class PictogramData:
    """Pictograms, rendered for every batch."""

    def __init__(self, recipe: Recipe, pool_path: Path) -> None:
        """Draw the pictograms; raises RecipeError if the font or the list is missing.

        Args:
            recipe: names the list and says how its pictograms are rendered.
            pool_path: the file of the pool of latents, if the recipe has one.
        """
        self._recipe, self._pool_path = recipe, pool_path
        self.source = open_source(recipe)
        self.refused: tuple[Refused, ...] = ()
        path = recipe.path.parent / recipe.data.path
        self.pictures = len(
            select_pictograms(load_pictograms(path), recipe.data.concepts, recipe.path).entries
        )
        self.data_sha256 = pictogram_data_sha256(recipe)

    def examples(self, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return rendered scenes, drawn from a fixed key."""
        pictures, captions = draw_batch(self.source, count, keyed_generator(0, EXAMPLES_KEY))
        return np.ascontiguousarray(to_uint8(pictures).transpose(0, 3, 1, 2)), captions

    def encode(
        self, codec: Codec | Identity, device: torch.device, cancelled: Event | None
    ) -> Generator[tuple[int, int], None, LatentSource]:
        """Encode each batch as it is drawn, or fill the pool that the recipe asks for."""
        latents = EncodedSource(self._recipe, self.source, codec, device)
        if self._recipe.data.pool:
            ensure_folder(self._pool_path.parent)
            for progress in latents.prepare_pool(self._pool_path):
                yield progress
                if cancelled is not None and cancelled.is_set():
                    raise Cancelled
        return latents


def pictogram_data_sha256(recipe: Recipe) -> str:
    """Return the hash of a recipe's list of pictograms and of how they are rendered."""
    path = recipe.path.parent / recipe.data.path
    return hashlib.sha256(path.read_bytes() + repr(recipe.data).encode()).hexdigest()


def open_training_data(
    recipe: Recipe, cache: Path, cancelled: Event | None, pool_path: Path | None = None
) -> Generator[tuple[int, int], None, TrainingData]:
    """Open what a recipe learns from.

    Args:
        recipe: the recipe.
        cache: the folder of picture caches.
        cancelled: set it to stop.
        pool_path: the file of a pool of latents; None for one in the cache, named by the hash of the data.

    Yields:
        (done, total), in files read.

    Raises:
        RecipeError: there is nothing to learn from.
        StorageError: it cannot be read, or the cache cannot be written.
        Cancelled: ``cancelled`` was set.
    """
    if recipe.data.kind != "folder":
        if pool_path is None and recipe.data.pool:
            pool_path = cache / f"{pictogram_data_sha256(recipe)[:24]}.pool"
        return PictogramData(recipe, pool_path or cache)
    folder = (recipe.path.parent / recipe.data.path).resolve()
    return FolderData(FolderSource((yield from read_folder(folder, recipe.data.size, cache, cancelled))))


def open_source(recipe: Recipe) -> Source:
    """Return the source of a recipe's pictures; raises RecipeError if there are none."""
    data = recipe.data
    path = (recipe.path.parent / data.path).resolve()
    if data.kind == "folder":
        return FolderSource.open(path, data.size)
    chosen = select_pictograms(load_pictograms(path), data.concepts, recipe.path)
    return PictogramSource(
        chosen, data.size, white=data.white, shift=data.shift, layouts=data.layouts, korean=data.korean
    )


def select_pictograms(pictograms: Pictograms, concepts: Sequence[str], recipe: Path) -> Pictograms:
    """Return the list with only the named pictograms, in the list's order; all of them if none is named.

    Raises:
        RecipeError: a name is not the first name of a pictogram.
    """
    unknown = set(concepts) - {entry.names[0] for entry in pictograms.entries}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise RecipeError(recipe, message("names concepts that are not in the list: {names}", names=names))
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
