"""The latents of a folder's pictures: encoded once, as soon as the codec has learned, and kept beside the pictures."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.errors import StorageError
from studio.training.data.folder_source import Cancelled
from studio.training.data.picture_cache import map_rows, write_whole

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from threading import Event

    from numpy.typing import NDArray

    from studio.backbones.codec import Codec
    from studio.training.data.folder_source import FolderPictures

ENCODED_AT_ONCE = 32
KEPT_FILES = 3
"""Latents of so many codecs are kept for a folder."""


class LatentSource:
    """Draws latents of a folder's pictures, each as likely as any other: what `FolderSource` draws, encoded."""

    def __init__(self, latents: NDArray[np.float32], captions: tuple[str, ...]) -> None:
        """Take latents (N, C, h, w) and their captions."""
        self.latents, self.captions = latents, captions

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw latents, (count, C, h, w), and captions; the same ones for the same generator, as a `FolderSource`."""
        which = rng.integers(len(self.captions), size=count)
        return self.latents[which], [self.captions[index] for index in which.tolist()]


def encode_folder(
    read: FolderPictures, codec: Codec, device: torch.device, cancelled: Event | None = None
) -> Generator[tuple[int, int], None, LatentSource]:
    """Encode all pictures of a folder with a codec that learns no more, or find that this was done before.

    Args:
        read: the pictures.
        codec: in evaluation mode.
        device: where the codec is.
        cancelled: drops it when set.

    Yields:
        How many pictures are encoded, of how many.

    Returns:
        The source of latents.

    Raises:
        Cancelled: ``cancelled`` was set.
    """
    count, size = len(read.captions), read.pixels.shape[-1]
    shape = (codec.channels, size // codec.downscale, size // codec.downscale)
    key = hashlib.sha256(f"{read.data_sha256} {size} {fingerprint(codec)}".encode()).hexdigest()[:24]
    if read.cache is not None:
        for path in read.cache.glob(f"latents-{key}-*.f32"):
            with contextlib.suppress(OSError, ValueError):
                kept, digest = map_rows(path, np.float32, shape)
                if path.name == f"latents-{key}-{digest[:24]}.f32" and len(kept) == count:
                    path.touch()
                    return LatentSource(kept, read.captions)
    latents = np.empty((count, *shape), np.float32)
    for first in range(0, count, ENCODED_AT_ONCE):
        if cancelled is not None and cancelled.is_set():
            raise Cancelled
        pixels = read.pixels[first : first + ENCODED_AT_ONCE].astype(np.float32) / np.float32(127.5) - 1
        latents[first : first + ENCODED_AT_ONCE] = _encode(codec, torch.from_numpy(pixels).to(device))
        yield min(first + ENCODED_AT_ONCE, count), count
    if read.cache is not None:
        data = latents.tobytes()
        path = read.cache / f"latents-{key}-{hashlib.sha256(data).hexdigest()[:24]}.f32"
        with contextlib.suppress(OSError, StorageError):  # then they stay in memory, for this once
            write_whole(path, data)
            _prune(read.cache)
            latents = map_rows(path, np.float32, shape, checked=False)[0]
    return LatentSource(latents, read.captions)


@torch.no_grad()
def _encode(codec: Codec, pictures: torch.Tensor) -> NDArray[np.float32]:
    encoded: NDArray[np.float32] = codec.encode(pictures).float().cpu().numpy()
    return encoded


def fingerprint(module: torch.nn.Module) -> str:
    """Return a hash of a module's weights."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("latents-*"), key=lambda path: -path.stat().st_mtime)
    for old in files[KEPT_FILES:]:
        old.unlink()
