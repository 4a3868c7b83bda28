"""Runs a text encoder over the chunks of a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from studio.prompts.chunks import split
from studio.prompts.emphasis import emphasize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from studio.prompts.chunks import Chunk, Vector
    from studio.prompts.emphasis import Emphasis


class ChunkEncoder(Protocol):
    """A text encoder that reads chunks of 77 tokens."""

    @property
    def padding(self) -> int:
        """The id after the end of the text that the encoder was trained with."""

    def __call__(
        self, ids: Tensor, vectors: Sequence[Mapping[int, Vector]], clip_skip: int | None, /
    ) -> tuple[Tensor, Tensor | None]:
        """Encode N chunks.

        Args:
            ids: int64, (N, 77).
            vectors: of each chunk, the vectors that replace the embedding of a token, by position.
            clip_skip: which layer's output is used, as A1111 counts; None: the encoder's default.

        Returns:
            The features of each token, (N, 77, C), and of each chunk, (N, P); the latter None if it has none.
        """


def encode_chunks(
    encoder: ChunkEncoder,
    chunks: Sequence[Chunk],
    emphasis: Emphasis,
    device: torch.device,
    *,
    clip_skip: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Return the features of a prompt's tokens, (1, 77 N, C), and those of its first chunk as a whole, (1, P) or None.

    Args:
        encoder: the text encoder.
        chunks: of one prompt, N >= 1.
        emphasis: the rule for the weights.
        device: of the encoder.
        clip_skip: which layer's output is used, as A1111 counts; None: the encoder's default.
    """
    hidden, pooled = _encode(encoder, chunks, device, clip_skip)
    weights = torch.tensor([chunk.weights for chunk in chunks], device=device)
    needs_empty = emphasis == "comfyui" and any(weight != 1.0 for chunk in chunks for weight in chunk.weights)
    empty = (
        _encode(encoder, split([[]]), device, clip_skip)[0] if needs_empty else torch.zeros_like(hidden[:1])
    )
    hidden = emphasize(emphasis, hidden, weights, empty)
    return hidden.reshape(1, -1, hidden.shape[-1]), None if pooled is None else pooled[:1]


def _encode(
    encoder: ChunkEncoder, chunks: Sequence[Chunk], device: torch.device, clip_skip: int | None
) -> tuple[Tensor, Tensor | None]:
    ids = torch.tensor([chunk.padded_with(encoder.padding) for chunk in chunks], device=device)
    return encoder(ids, [chunk.vectors for chunk in chunks], clip_skip)
