"""Latents to learn from: those of a folder, encoded once and cached beside its pictures, or of any other source."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from studio.arrays import from_uint8
from studio.errors import StorageError
from studio.storage import write_file
from studio.training.data.folder_source import Cancelled, run_to_end
from studio.training.data.picture_cache import map_rows
from studio.training.data.pool import fill_pool, load_pool, pool_key, save_pool, weights_hash
from studio.training.data.sources import draw_batch

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from threading import Event

    from numpy.typing import NDArray
    from torch import Tensor

    from studio.backbones.codec import Codec, Identity
    from studio.training.data.folder_source import FolderPictures
    from studio.training.data.pool import LatentPool
    from studio.training.data.sources import LatentSource, Source
    from studio.training.recipe import Recipe

ENCODE_BATCH = 32
MAX_CACHED = 3
"""Number of codecs whose latents are cached for one folder."""
DRAFT_POOL = 24_576
"""Number of pictures from which the text encoder's drafts are learned if the recipe has no pool."""


# ------------------------------------------------------------------------------------------------------- of a folder
class FolderLatents:
    """Draws latents of a folder's pictures uniformly: what `FolderSource` draws for the same generator, encoded."""

    def __init__(self, latents: NDArray[np.float32], captions: tuple[str, ...]) -> None:
        """Draw from latents (N, C, h, w) and their captions."""
        self.latents, self.captions = latents, captions

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw latents, (count, C, h, w), and captions."""
        rows = rng.integers(len(self.captions), size=count)
        return self.latents[rows], [self.captions[row] for row in rows.tolist()]


def encode_folder(
    pictures: FolderPictures, codec: Codec, device: torch.device, cancelled: Event | None = None
) -> Generator[tuple[int, int], None, FolderLatents]:
    """Encode all pictures of a folder, or load their latents from the cache.

    Args:
        pictures: the pictures.
        codec: a trained codec in evaluation mode.
        device: the codec's device.
        cancelled: set it to stop.

    Yields:
        (done, total), in pictures.

    Returns:
        The source of latents.

    Raises:
        Cancelled: ``cancelled`` was set.
    """
    count, size = len(pictures.captions), pictures.pixels.shape[-1]
    shape = (codec.channels, size // codec.downscale, size // codec.downscale)
    key = hashlib.sha256(f"{pictures.data_sha256} {size} {weights_hash(codec)}".encode()).hexdigest()[:24]
    if pictures.cache is not None:
        for path in pictures.cache.glob(f"latents-{key}-*.f32"):
            with contextlib.suppress(OSError, ValueError):
                cached, digest = map_rows(path, np.float32, shape)
                if path.name == f"latents-{key}-{digest[:24]}.f32" and len(cached) == count:
                    path.touch()
                    return FolderLatents(cached, pictures.captions)
    latents = np.empty((count, *shape), np.float32)
    for first in range(0, count, ENCODE_BATCH):
        if cancelled is not None and cancelled.is_set():
            raise Cancelled
        pixels = from_uint8(pictures.pixels[first : first + ENCODE_BATCH])
        latents[first : first + ENCODE_BATCH] = _encode(codec, torch.from_numpy(pixels).to(device))
        yield min(first + ENCODE_BATCH, count), count
    if pictures.cache is not None:
        data = latents.tobytes()
        path = pictures.cache / f"latents-{key}-{hashlib.sha256(data).hexdigest()[:24]}.f32"
        with contextlib.suppress(OSError, StorageError):  # without a cache they stay in memory
            write_file(path, data)
            _prune(pictures.cache)
            latents = map_rows(path, np.float32, shape, verify=False)[0]
    return FolderLatents(latents, pictures.captions)


@torch.no_grad()
def _encode(codec: Codec, pictures: Tensor) -> NDArray[np.float32]:
    encoded: NDArray[np.float32] = codec.encode(pictures).float().cpu().numpy()
    return encoded


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("latents-*"), key=lambda path: -path.stat().st_mtime)
    for old in files[MAX_CACHED:]:
        old.unlink()


# ------------------------------------------------------------------------------------------------------ other sources
class SourceLatents:
    """Latents of a source that holds them; of a model in pixels, the pictures."""

    def __init__(self, source: Source, device: torch.device) -> None:
        self._source, self._device = source, device

    def draw(self, count: int, generator: torch.Generator, *, from_pool: bool) -> tuple[Tensor, list[str]]:
        """Draw latents and captions; ``from_pool`` makes no difference."""
        latents, captions = draw_batch(self._source, count, generator)
        return latents.to(self._device), captions


class DownsampledPictures:
    """The pictures of a model in pixels, average-pooled to the size of the text encoder's drafts."""

    def __init__(self, pictures: LatentSource, side: int) -> None:
        self._pictures, self._side = pictures, side

    def draw(self, count: int, generator: torch.Generator, *, from_pool: bool) -> tuple[Tensor, list[str]]:
        """Draw pictures (count, 3, side, side) and captions."""
        pictures, captions = self._pictures.draw(count, generator, from_pool=from_pool)
        return F.adaptive_avg_pool2d(pictures, self._side), captions


class EncodedSource:
    """Latents that are encoded as they are drawn, or drawn from a pool that is filled at its first use."""

    def __init__(self, recipe: Recipe, source: Source, codec: Codec | Identity, device: torch.device) -> None:
        """Fill no pool yet; see `prepare_pool`.

        Args:
            recipe: gives the size and seed of the pool.
            source: of pictures.
            codec: a trained codec in evaluation mode.
            device: the codec's device, and that of the latents.
        """
        self._recipe, self._source, self._codec, self._device = recipe, source, codec, device
        self._pool: LatentPool | None = None

    def prepare_pool(self, path: Path | None = None) -> Generator[tuple[int, int], None, LatentPool]:
        """Read the pool from a file, or fill it and write the file; yields (done, total), in pictures."""
        if self._pool is None:
            recipe = self._recipe
            key = pool_key(self._codec, repr((recipe.data, recipe.loop.seed)))
            self._pool = load_pool(path, key) if path else None
            if self._pool is None:
                count = max(1, recipe.data.pool or DRAFT_POOL)
                self._pool = yield from fill_pool(self._pictures, self._codec.encode, count, recipe.loop.seed)
                if path:
                    save_pool(path, key, self._pool)
        return self._pool

    def draw(self, count: int, generator: torch.Generator, *, from_pool: bool) -> tuple[Tensor, list[str]]:
        """Draw latents (count, C, h, w) and captions."""
        if from_pool:
            latents, captions = run_to_end(self.prepare_pool()).draw(count, generator)
            return latents.to(self._device), captions
        pictures, captions = self._pictures(count, generator)
        with torch.no_grad():
            return self._codec.encode(pictures), captions

    def _pictures(self, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
        pictures, captions = draw_batch(self._source, count, generator)
        return pictures.to(self._device), captions
