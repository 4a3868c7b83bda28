"""A text encoder reads every chunk; its features follow each other, and the first chunk stands for the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from studio.prompts.chunks import Token, Vector, split
from studio.prompts.clip_tokenizer import END
from studio.prompts.encode import encode_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CPU = torch.device("cpu")


class Features:
    """Features that say which token stood where."""

    def __init__(self, padding: int = END) -> None:
        self.padding = padding
        self.calls: list[tuple[torch.Tensor, Sequence[Mapping[int, Vector]]]] = []

    def __call__(
        self, ids: torch.Tensor, vectors: Sequence[Mapping[int, Vector]], clip_skip: int | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls.append((ids, vectors))
        return torch.stack([ids, ids + 0.5], -1).float(), ids[:, 1:2].float()


def words(count: int, weight: float = 1.0) -> list[Token]:
    return [Token(1000 + place, weight) for place in range(count)]


def test_chunks_follow_each_other_and_the_first_gives_the_pooled_features() -> None:
    tokens, pooled = encode_chunks(Features(), split([words(80), words(1)]), "none", CPU)
    assert tokens.shape == (1, 3 * 77, 2)
    assert tokens[0, [1, 75, 78, 155], 0].tolist() == [1000, 1074, 1075, 1000]
    assert pooled.tolist() == [[1000]]


@pytest.mark.parametrize("padding", [0, END])
def test_the_encoder_gets_its_own_padding(padding: int) -> None:
    encoder = Features(padding)
    encode_chunks(encoder, split([words(2)]), "none", CPU)
    assert encoder.calls[0][0][0, 3:6].tolist() == [END, padding, padding]


def test_the_empty_prompt_is_encoded_only_where_emphasis_needs_it() -> None:
    for kind, weight, calls in (("comfyui", 1.0, 1), ("a1111", 1.5, 1), ("comfyui", 1.5, 2)):
        encoder = Features()
        encode_chunks(encoder, split([words(2, weight)]), kind, CPU)
        assert len(encoder.calls) == calls


def test_emphasis_acts_on_the_tokens_that_have_it() -> None:
    chunks = split([[Token(1000, 2.0), Token(1001)]])
    tokens, _ = encode_chunks(Features(), chunks, "comfyui", CPU)
    assert tokens[0, 1:3, 0].tolist() == [END + 2 * (1000 - END), 1001]


def test_vectors_reach_the_encoder() -> None:
    encoder = Features()
    encode_chunks(encoder, split([[Token(Vector("style", 0))]]), "none", CPU)
    assert encoder.calls[0][1] == [{1: Vector("style", 0)}]
