"""Captioned latents that are drawn and encoded once, for the stages that learn from latents.

Encoding costs a fifth of a training step. A pool is filled once and serves every stage after the codec, in every recipe
with the same codec and data. It is a cache beside the states: a file that is missing, damaged or of another codec is
replaced.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from studio.storage import write_file
from studio.training.loop import keyed_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from torch import nn

KEY = -1  # of the generator that fills a pool; no step has it
BATCH = 64


class LatentPool:
    """Latents with their captions.

    Attributes:
        latents: (N, C, h, w), float16; its rounding is a hundredth of the noise that the codec was trained with.
        captions: N texts.
    """

    def __init__(self, latents: Tensor, captions: Sequence[str]) -> None:
        self.latents, self.captions = latents, captions

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
        """Draw with replacement: latents (count, C, h, w), float32, and captions."""
        rows = torch.randint(len(self.captions), (count,), generator=generator)
        return self.latents[rows].float(), [self.captions[row] for row in rows.tolist()]


def fill_pool(
    draw: Callable[[int, torch.Generator], tuple[Tensor, list[str]]],
    encode: Callable[[Tensor], Tensor],
    count: int,
    seed: int,
) -> Generator[tuple[int, int], None, LatentPool]:
    """Draw and encode ``count`` pictures, rounded up to whole batches; yields (done, total) after each batch."""
    captions, latents = list[str](), list[Tensor]()
    generator = keyed_generator(seed, KEY)
    while len(captions) < count:
        pictures, batch_captions = draw(BATCH, generator)
        captions += batch_captions
        with torch.no_grad():
            latents.append(encode(pictures).to("cpu", torch.float16))
        yield min(len(captions), count), count
    return LatentPool(torch.cat(latents), captions)


def weights_hash(module: nn.Module) -> str:
    """Return a SHA-256 of a module's state."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def pool_key(codec: nn.Module, data: str) -> str:
    """Return a hash of what a pool depends on: the codec's weights, and ``data``, a description of the data."""
    return hashlib.sha256(f"{weights_hash(codec)} {data}".encode()).hexdigest()


def load_pool(path: Path, key: str) -> LatentPool | None:
    """Read a pool; return None if the file is missing, damaged or has another key."""
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            latents, texts = file.get_tensor("latents"), file.get_tensor("captions")
        captions = msgspec.json.decode(texts.numpy().tobytes(), type=list[str])
    except (OSError, SafetensorError, msgspec.DecodeError):
        return None
    return LatentPool(latents, captions) if len(captions) == len(latents) else None


def save_pool(path: Path, key: str, pool: LatentPool) -> None:
    """Write a pool; raises StorageError."""
    texts = np.frombuffer(json.dumps(pool.captions).encode(), dtype=np.uint8).copy()
    tensors = {"latents": pool.latents.contiguous(), "captions": torch.from_numpy(texts)}
    write_file(path, save(tensors, {"key": key}))
