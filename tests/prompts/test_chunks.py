"""Prompts of any length become chunks of 77 tokens, split where AUTOMATIC1111's web UI splits them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import UnknownNameError
from studio.prompts.chunks import CHUNK, Token, Vector, count_tokens, split, tokenize
from studio.prompts.clip_tokenizer import COMMA, END, START, clip_tokenizer
from studio.prompts.syntax import parse


def words(count: int, *, commas: tuple[int, ...] = ()) -> list[Token]:
    return [Token(COMMA if place in commas else 1000 + place) for place in range(count)]


def lengths(*sections: list[Token]) -> list[int]:
    return [chunk.length for chunk in split(sections)]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (words(0), [0]),
        (words(75), [75]),
        (words(76), [75, 1]),
        (words(80, commas=(60,)), [61, 19]),
        (words(80, commas=(55,)), [56, 24]),
        (words(80, commas=(54,)), [75, 5]),  # 21 tokens back: too far
        (words(76, commas=(60, 75)), [75, 1]),  # the comma itself is what does not fit
        (words(200, commas=(70, 140)), [71, 70, 59]),
    ],
)
def test_a_full_chunk_ends_at_a_comma_that_is_near(section: list[Token], expected: list[int]) -> None:
    assert lengths(section) == expected


def test_a_section_begins_a_chunk() -> None:
    assert lengths(words(3), words(0), words(76)) == [3, 0, 75, 1]


def test_the_vectors_of_a_textual_inversion_stay_together() -> None:
    inversion = [Token(Vector("style", index)) for index in range(8)]
    chunks = split([words(70) + inversion + words(2)])
    assert [chunk.length for chunk in chunks] == [70, 10]
    assert chunks[1].vectors == {1 + index: Vector("style", index) for index in range(8)}
    assert chunks[1].ids[1:11] == (END,) * 8 + (1000, 1001)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=4))
def test_no_token_is_lost_and_every_chunk_has_the_form_of_clip(sizes: list[int]) -> None:
    sections = [words(size, commas=tuple(range(0, size, 17))) for size in sizes]
    chunks = split(sections)
    for chunk in chunks:
        assert len(chunk.ids) == len(chunk.weights) == CHUNK
        assert chunk.ids[0] == START
        assert set(chunk.ids[1 + chunk.length :]) == {END}
    kept = [id for chunk in chunks for id in chunk.ids[1 : 1 + chunk.length]]
    assert kept == [token.id for section in sections for token in section]


def test_padding_follows_the_first_end() -> None:
    (chunk,) = split([words(2)])
    assert chunk.padded_with(0) == (START, 1000, 1001, END, *[0] * 73)
    assert chunk.padded_with(END) == chunk.ids


def test_weights_are_those_of_the_words() -> None:
    (chunk,) = split(tokenize(parse("a (red:1.5) fox").sections, clip_tokenizer()))
    assert chunk.weights[:5] == (1.0, 1.0, 1.5, 1.0, 1.0)


@pytest.mark.parametrize(
    "written",
    ["embedding:Bad-Hands", "bad-hands", "EMBEDDING:bad-HANDS", "(bad-hands:1.0)", "embedding:bad-hands.pt"],
)
def test_textual_inversions_are_found_by_name(written: str) -> None:
    tokens = tokenize(parse(f"ugly, {written}, fox").sections, clip_tokenizer(), {"bad": 1, "bad-hands": 2})
    ids = [token.id for token in tokens[0]]
    ugly, fox = clip_tokenizer().encode("ugly,"), clip_tokenizer().encode(", fox")
    assert ids == [*ugly, Vector("bad-hands", 0), Vector("bad-hands", 1), *fox]
    assert count_tokens(tokens) == len(ugly) + 2 + len(fox)


def test_part_of_a_word_is_no_textual_inversion() -> None:
    (tokens,) = tokenize(parse("badlands").sections, clip_tokenizer(), {"bad": 1})
    assert not any(isinstance(token.id, Vector) for token in tokens)


def test_a_textual_inversion_that_is_not_installed_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="embedding:bad-hand"):
        tokenize(parse("embedding:bad-hand").sections, clip_tokenizer(), {"bad-hands": 2})
