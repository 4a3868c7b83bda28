"""Text encoders give the layer that was asked for, in both shapes that transformers gives their modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.families.clip import TextEncoder, text_transformer
from studio.families.configs import END_TOKEN
from studio.prompts.chunks import Vector
from tests.families.pipelines import token_ids
from tests.families.tiny import networks

TOKENS = torch.tensor([token_ids("a red apple", END_TOKEN), token_ids("x", END_TOKEN)])


class Wrapped(nn.Module):
    """`CLIPTextModel` as transformers had it up to 5.5."""

    def __init__(self, text_model: nn.Module) -> None:
        super().__init__()
        self.text_model = text_model

    def forward(self, **arguments: object) -> object:
        return self.text_model(**arguments)


class Flat(nn.Module):
    """`CLIPTextModelWithProjection` without the wrapper that it has today."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - a class of a library without types
        super().__init__()
        inner = model.text_model
        self.embeddings, self.encoder, self.final_layer_norm = (
            inner.embeddings,
            inner.encoder,
            inner.final_layer_norm,
        )
        object.__setattr__(self, "whole", model)

    def forward(self, **arguments: object) -> object:
        return self.whole(**arguments)


def after_layers(encoder: TextEncoder, tokens: Tensor, count: int) -> Tensor:
    """Apply the embeddings and the first layers by hand."""
    inner = text_transformer(encoder.model)
    positions = inner.embeddings.position_embedding.weight[: tokens.shape[1]]
    x = inner.embeddings.token_embedding.weight[tokens] + positions
    mask = torch.full((tokens.shape[1], tokens.shape[1]), -torch.inf).triu(1)[None, None]
    for layer in inner.encoder.layers[:count]:
        x = layer(x, mask)
        x = x[0] if isinstance(x, tuple) else x
    return x


@pytest.mark.parametrize(
    ("name", "index", "clip_skip", "layers", "normed"),
    [
        ("sd1", 0, None, 4, True),
        ("sd1", 0, 1, 4, True),
        ("sd1", 0, 2, 3, True),
        ("sd1", 0, 4, 1, True),
        ("sd2", 0, None, 4, True),  # all that are there are the penultimate of the file's five
        ("sd2", 0, 1, 4, True),
        ("sd2", 0, 3, 3, True),
        ("sdxl", 0, None, 3, False),
        ("sdxl", 1, None, 3, False),
        ("sdxl", 1, 1, 4, False),
    ],
)
def test_the_output_is_that_of_the_layer(
    name: str, index: int, clip_skip: int | None, layers: int, normed: bool
) -> None:
    encoder = networks(name).text_encoders[index]
    expected = after_layers(encoder, TOKENS, layers)
    if normed:
        expected = text_transformer(encoder.model).final_layer_norm(expected)
    torch.testing.assert_close(encoder(TOKENS, clip_skip=clip_skip).hidden, expected, rtol=1e-4, atol=1e-4)


def test_a_layer_more_is_another_output() -> None:
    (encoder,) = networks("sd1").text_encoders
    one, two = (encoder(TOKENS, clip_skip=skip) for skip in (1, 2))
    assert (one.hidden - two.hidden).abs().max() > 0.01


def test_the_pooled_vector_is_that_of_the_first_end_token_normalised_and_projected() -> None:
    encoder = networks("sdxl").text_encoders[1]
    inner = text_transformer(encoder.model)
    last = inner.final_layer_norm(after_layers(encoder, TOKENS, 4))
    ends = [token_ids(text, END_TOKEN).index(END_TOKEN) for text in ("a red apple", "x")]
    expected = last[torch.arange(2), ends] @ encoder.model.text_projection.weight.T
    torch.testing.assert_close(encoder(TOKENS).pooled, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "index"), [("sd1", 0), ("sdxl", 0), ("sdxl", 1)])
def test_both_shapes_of_transformers_modules_give_the_same(name: str, index: int) -> None:
    encoder = networks(name).text_encoders[index]
    model = encoder.model
    other = Flat(model) if hasattr(model, "text_model") else Wrapped(model)
    assert hasattr(other, "text_model") != hasattr(model, "text_model")
    again = TextEncoder(other, encoder.part)
    for clip_skip in (1, 2):
        one, two = (each(TOKENS, clip_skip=clip_skip) for each in (encoder, again))
        assert torch.equal(one.hidden, two.hidden)
        assert torch.equal(one.pooled, two.pooled)
    assert again.token_embedding is encoder.token_embedding


def test_vectors_take_the_place_of_tokens() -> None:
    encoder = networks("sd1").text_encoders[0]
    tokens = TOKENS[:1]
    table = encoder.token_embedding.weight
    encoder = TextEncoder(encoder.model, encoder.part)
    encoder.inversions = {"apple": table[tokens[0, 3:5]]}
    blank = tokens.clone()
    blank[0, 3:5] = 7
    vectors = [{3: Vector("apple", 0), 4: Vector("apple", 1)}]
    assert torch.equal(encoder(blank, vectors).hidden, encoder(tokens).hidden)
    assert not torch.equal(encoder(blank, [{3: Vector("apple", 1)}]).hidden, encoder(tokens).hidden)
    assert torch.equal(encoder(tokens, [{}]).hidden, encoder(tokens).hidden)  # nothing is left behind
