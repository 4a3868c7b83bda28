"""Captioned pictures that were drawn and encoded once, for stages that learn from latents.

Encoding costs a fifth of a step of training; a pool is filled once and serves every stage that comes after the codec,
in every recipe that has the same codec and data. It is kept beside the states as a cache: a file that is missing,
torn or of another codec is made anew.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from studio.errors import StorageError
from studio.training.data.latents import fingerprint
from studio.training.loop import keyed_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from torch import nn

KEY = -1  # of the drawing of a pool: no step has it
BATCH = 64


class Pool:
    """Latents with their captions.

    Attributes:
        latents: (N, C, h, w), float16: their rounding is a hundredth of the noise that the codec was trained with.
        captions: N texts.
    """

    def __init__(self, latents: Tensor, captions: Sequence[str]) -> None:
        """Take latents and captions of the same number."""
        self.latents, self.captions = latents, captions

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
        """Draw with replacement: latents (count, C, h, w), float32, and captions."""
        which = torch.randint(len(self.captions), (count,), generator=generator)
        return self.latents[which].float(), [self.captions[index] for index in which.tolist()]


def fill(
    draw: Callable[[int, torch.Generator], tuple[Tensor, list[str]]],
    encode: Callable[[Tensor], Tensor],
    count: int,
    seed: int,
) -> Generator[tuple[int, int], None, Pool]:
    """Draw pictures and encode them, ``count`` rounded up to whole batches; yields how many there are, of how many."""
    captions, latents = list[str](), list[Tensor]()
    generator = keyed_generator(seed, KEY)
    while len(captions) < count:
        pictures, told = draw(BATCH, generator)
        captions += told
        with torch.no_grad():
            latents.append(encode(pictures).to("cpu", torch.float16))
        yield min(len(captions), count), count
    return Pool(torch.cat(latents), captions)


def key_of(codec: nn.Module, about: str) -> str:
    """Return what a pool depends on: the codec's weights, and what ``about`` says of the data."""
    return hashlib.sha256(f"{fingerprint(codec)} {about}".encode()).hexdigest()


def load_pool(path: Path, key: str) -> Pool | None:
    """Read a pool; None where the file is missing, broken or of another fingerprint."""
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            latents, texts = file.get_tensor("latents"), file.get_tensor("captions")
        captions = json.loads(bytes(texts.numpy()))
    except (OSError, SafetensorError, ValueError):
        return None
    if not isinstance(captions, list) or len(captions) != len(latents):
        return None
    return Pool(latents, captions)


def save_pool(path: Path, key: str, pool: Pool) -> None:
    """Write a pool; raises StorageError where that fails."""
    texts = np.frombuffer(json.dumps(pool.captions).encode(), dtype=np.uint8).copy()
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {"latents": pool.latents.contiguous(), "captions": torch.from_numpy(texts)},
            temporary,
            {"key": key},
        )
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise StorageError(path, f"cannot be written: {error}") from error
