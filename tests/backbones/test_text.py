"""The text encoder reads anything and depends on words and their order alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.backbones.text import TextConfig, TextEncoder, split_words, word_ids

CONFIG = TextConfig(features=32, words=8, buckets=1024, layers=1, heads=2)
torch.manual_seed(0)
ENCODER = TextEncoder(CONFIG).eval().requires_grad_(False)
# An untrained output layer is zero and would see no neighbours: give it something to say.
for _layer in ENCODER.layers:
    torch.nn.init.normal_(_layer.attention.out.weight, std=0.5)


def _pooled(text: str) -> torch.Tensor:
    return ENCODER.encode([text]).tensors["pooled"][0]


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_any_text_becomes_finite_numbers(text: str) -> None:
    tokens, mask, pooled = ENCODER.encode([text]).tensors.values()
    assert tokens.shape == (1, CONFIG.words + 1, CONFIG.features)
    assert mask.shape == (1, CONFIG.words + 1)
    assert torch.isfinite(tokens).all()
    assert torch.isfinite(pooled).all()


@pytest.mark.parametrize(
    "text", ["\ud800", "x" * 100_000, "שלום עולם", "강아지", "🐶🐶", "a\0b", "\u202eabc"]
)
def test_hard_texts_are_read(text: str) -> None:
    assert torch.isfinite(_pooled(text)).all()


def test_case_and_spacing_do_not_matter_but_words_and_order_do() -> None:
    assert torch.equal(_pooled("Red  Apple"), _pooled("red apple"))
    assert not torch.allclose(_pooled("red apple"), _pooled("green apple"))
    assert not torch.allclose(_pooled("dog on cat"), _pooled("cat on dog"))


def test_the_empty_text_is_one_condition_whatever_its_spaces() -> None:
    assert torch.equal(_pooled(""), _pooled("  \n"))
    assert ENCODER.encode([""]).tensors["mask"].sum() == 1


def test_trimming_changes_nothing_but_the_padding() -> None:
    texts = ["a red apple", "dog"]
    tokens, _mask, pooled = ENCODER.encode(texts).tensors.values()
    short, short_mask, short_pooled = ENCODER.encode(texts, trim=True).tensors.values()
    assert short_mask.shape == (2, 4)
    assert torch.allclose(tokens[:, :4][short_mask], short[short_mask], atol=1e-5)
    assert torch.allclose(pooled, short_pooled, atol=1e-5)


def test_an_unseen_word_shares_ngrams_with_one_spelled_like_it() -> None:
    known, near, far = (set(word_ids(word, CONFIG)[1]) for word in ("elephant", "elephants", "xylotomy"))
    assert len(known & near) > 3 * len(known & far)


def test_a_draft_has_the_shape_asked_for_and_follows_the_text() -> None:
    encoder = TextEncoder(TextConfig(features=32, words=8, buckets=1024, layers=1, heads=2, draft=(3, 4, 5)))
    draft = encoder.encode(["red apple", "dog", ""]).extras["draft"]
    assert draft.shape == (3, 3, 4, 5)
    assert not torch.allclose(draft[0], draft[1])


def test_words_are_split_in_any_script() -> None:
    assert split_words("A dog, on \uff22\uff2c\uff35\uff25!") == ["a", "dog", ",", "on", "blue", "!"]
    assert split_words("노란 강아지") == ["노란", "강아지"]


def test_tiles_are_painted_alike_and_laid_from_left_to_right() -> None:
    encoder = TextEncoder(replace(CONFIG, draft=(2, 4, 8), tiles=3)).eval()
    painted = torch.randn(1, 3, 2 * 4 * 4)
    for place, at in enumerate((0, 2, 4)):
        alone = torch.zeros_like(painted)
        alone[:, place] = painted[:, place]
        laid = encoder._place_tiles(alone)
        assert torch.equal(laid[..., at : at + 4], painted[:, place].view(1, 2, 4, 4))
        assert laid[..., :at].abs().sum() + laid[..., at + 4 :].abs().sum() == 0
    # Each tile looks for words of its own: with its weights alone changed, its own half alone may change.
    before = encoder.encode(["a fox and a dog"]).extras["draft"]
    with torch.no_grad():
        encoder.weight.weight[3].normal_()
    after = encoder.encode(["a fox and a dog"]).extras["draft"]
    assert torch.equal(before[..., :4], after[..., :4])
    assert not torch.allclose(before[..., 4:], after[..., 4:])
