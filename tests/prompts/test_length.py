from __future__ import annotations

import pytest

from studio.errors import RequestError
from studio.prompts.length import PromptLength, measure


@pytest.mark.parametrize(
    ("prompt", "tokens", "room"),
    [
        ("", 0, 75),
        ("a photo of a fox", 5, 75),
        ("a (photo:1.3) of a [fox]", 5, 75),  # weights are no tokens
        ("a fox <lora:ink:0.8>", 2, 75),
        ("fox " * 75, 75, 75),
        ("fox " * 76, 76, 150),
        ("a fox BREAK a dog", 4, 150),
    ],
)
def test_the_tokens_of_the_text_are_counted_and_the_room_of_its_chunks(
    prompt: str, tokens: int, room: int
) -> None:
    assert measure(prompt) == PromptLength(tokens, room)


def test_a_textual_inversion_takes_as_many_tokens_as_it_has_vectors() -> None:
    assert measure("a fox, badhand", {"badhand": 6}).tokens == measure("a fox,").tokens + 6


def test_a_script_that_clip_did_not_learn_is_named() -> None:
    assert measure("빨간 여우").script == "Hangul"
    assert measure("빨간 여우, a photo of a red fox").script is None


@pytest.mark.parametrize("prompt", ["[a|b]", "[a:b:0.5]", "a AND b"])
def test_syntax_that_is_refused_is_not_counted(prompt: str) -> None:
    with pytest.raises(RequestError):
        measure(prompt)
