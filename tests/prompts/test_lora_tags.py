from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompts.lora_tags import (
    find_tags,
    with_lora_weight,
    with_tag,
    with_weight,
    with_words,
    without,
    write_tag,
)
from studio.prompts.syntax import LoraTag, parse

NAMES = st.text("abc_- 1/", min_size=1).map(str.strip).filter(bool)
WEIGHTS = st.integers(-400, 400).map(lambda value: value / 100)


def test_tags_are_found_where_the_prompt_has_them() -> None:
    prompt = "a fox <lora:ink:0.8>, red <lora:snow>, <lora:bad:x>, <b>"
    tags = find_tags(prompt)
    assert [tag.lora for tag in tags] == [LoraTag("ink", 0.8, 0.8), LoraTag("snow", 1.0, 1.0)]
    assert [prompt[tag.start : tag.end] for tag in tags] == ["<lora:ink:0.8>", "<lora:snow>"]


@given(st.lists(st.tuples(NAMES, WEIGHTS, WEIGHTS), max_size=4), st.text("ab ,()", max_size=9))
def test_what_is_written_is_what_the_prompt_means(loras: list[tuple[str, float, float]], text: str) -> None:
    tags = [LoraTag(*one) for one in loras]
    prompt = text + "".join(write_tag(tag) for tag in tags)
    assert parse(prompt).loras == tuple(tags) == tuple(tag.lora for tag in find_tags(prompt))


@pytest.mark.parametrize(
    ("prompt", "after"),
    [
        ("a fox <lora:ink:0.8>, red", "a fox <lora:ink:0.35>, red"),
        ("<lora:ink>", "<lora:ink:0.35>"),
        ("<lora:ink:0.5:0.8>", "<lora:ink:0.5:0.35>"),  # the first number is that of the text encoders
        ("<lora:ink:te=0.5:unet=0.8>", "<lora:ink:0.5:0.35>"),
    ],
)
def test_a_weight_is_changed_in_its_tag_alone(prompt: str, after: str) -> None:
    assert with_weight(prompt, find_tags(prompt)[0], 0.35) == after


def test_a_lora_is_given_a_weight_wherever_it_is_named() -> None:
    prompt = "<lora:ink:0.8> a <lora:snow:1> b <lora:ink:1>"
    assert with_lora_weight(prompt, "ink", 0.5) == "<lora:ink:0.5> a <lora:snow:1> b <lora:ink:0.5>"


@pytest.mark.parametrize(
    ("prompt", "after"),
    [
        ("a fox <lora:ink:0.8>", "a fox"),
        ("a fox, <lora:ink:0.8>", "a fox"),
        ("a fox, <lora:ink:0.8>, red", "a fox, red"),
        ("a fox <lora:ink:0.8> red", "a fox red"),
        ("<lora:ink:0.8>, a fox", "a fox"),
        ("<lora:ink:0.8>", ""),
    ],
)
def test_a_removed_tag_leaves_no_gap(prompt: str, after: str) -> None:
    assert without(prompt, find_tags(prompt)[0]) == after


def test_a_tag_is_added_at_the_end_and_words_before_the_tags_there() -> None:
    assert with_tag("", "ink") == "<lora:ink:1>"
    assert with_tag("a fox ", "ink", 0.7) == "a fox <lora:ink:0.7>"
    assert with_words("a fox <lora:ink:0.7> <lora:b:1>", "ink style") == (
        "a fox, ink style <lora:ink:0.7> <lora:b:1>"
    )
    assert with_words("a <lora:ink:0.7> fox,", "ink style") == "a <lora:ink:0.7> fox, ink style"
    assert with_words("<lora:ink:0.7>", "ink style") == "ink style <lora:ink:0.7>"
