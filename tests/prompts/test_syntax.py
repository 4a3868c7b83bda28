"""Prompts mean what they mean in AUTOMATIC1111's web UI; its syntax that is not built is refused by name."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import RequestError
from studio.prompts.syntax import LoraTag, Span, parse


def spans(prompt: str) -> list[tuple[str, float]]:
    (section,) = parse(prompt).sections
    return [(span.text, round(span.weight, 6)) for span in section]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a fox", [("a fox", 1.0)]),
        ("a (red) fox", [("a ", 1.0), ("red", 1.1), (" fox", 1.0)]),
        ("((red)) fox", [("red", 1.21), (" fox", 1.0)]),
        ("(red:1.3) fox", [("red", 1.3), (" fox", 1.0)]),
        ("(red: .5 ) fox", [("red", 0.5), (" fox", 1.0)]),
        ("(a (red:1.5) fox:2)", [("a ", 2.0), ("red", 3.0), (" fox", 2.0)]),
        ("[red] fox", [("red", round(1 / 1.1, 6)), (" fox", 1.0)]),
        ("[(red)] fox", [("red fox", 1.0)]),
        (r"\(red\) fox", [("(red) fox", 1.0)]),
        (r"(\(red\):1.2)", [("(red)", 1.2)]),
        (r"c:\\temp", [("c:\\temp", 1.0)]),
        ("12:30 (at noon)", [("12:30 ", 1.0), ("at noon", 1.1)]),
        ("(red fox", [("red fox", 1.1)]),
        ("[red (fox", [("red ", round(1 / 1.1, 6)), ("fox", 1.0)]),
        ("red) fox]", [("red) fox]", 1.0)]),
        ("fox:1.3)", [("fox:1.3)", 1.0)]),
        ("[fox:1.3)", [("fox:1.3)", round(1 / 1.1, 6))]),
        ("<3 a fox", [("<3 a fox", 1.0)]),
        ("(a|b)", [("a|b", 1.1)]),
        (r"[a\|b]", None),
        ("", []),
    ],
)
def test_brackets_weigh_their_words(prompt: str, expected: list[tuple[str, float]] | None) -> None:
    if expected is None:
        with pytest.raises(RequestError):
            parse(prompt)
    else:
        assert spans(prompt) == expected


def test_break_begins_a_section_and_keeps_the_weight_around_it() -> None:
    assert parse("a BREAK (b BREAK c) BREAK").sections == (
        (Span("a"),),
        (Span("b", 1.1),),
        (Span("c", 1.1),),
        (),
    )
    assert parse("BREAKFAST").sections == ((Span("BREAKFAST"),),)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<lora:ink>", LoraTag("ink")),
        ("<lora:ink:0.8>", LoraTag("ink", 0.8, 0.8)),
        ("<lora:ink:0.5:0.8>", LoraTag("ink", 0.8, 0.5)),
        ("<lora:ink v2.1:te=0:unet=-1>", LoraTag("ink v2.1", -1.0, 0.0)),
    ],
)
def test_lora_tags_are_taken_out_of_the_text(tag: str, expected: LoraTag) -> None:
    parsed = parse(f"a fox{tag}")
    assert parsed.loras == (expected,)
    assert parsed.text == "a fox"


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("[a:b:0.5]", "[a:b:0.5]"),
        ("[fox:0.5]", "[a:b:0.5]"),
        ("a [(red:1.2) fox::10] b", "[a:b:0.5]"),
        ("[cat|dog]", "[a|b]"),
        ("a cat AND a dog", "AND"),
        ("<hypernet:ink:1>", "<hypernet:...>"),
        ("<lyco:ink:1>", "<lyco:...>"),
        ("<lora:>", "<lora:>"),
        ("<lora::1>", "<lora::1>"),
        ("<lora:ink:strong>", "<lora:ink:strong>"),
        ("<lora:ink:nan>", "<lora:ink:nan>"),
        ("<lora:ink:1:1:1>", "<lora:ink:1:1:1>"),
        ("<lora:ink:dyn=2>", "<lora:ink:dyn=2>"),
        ("(fox:1000)", "100"),
    ],
)
def test_other_syntax_is_refused_by_name(prompt: str, named: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse(prompt, "negative")
    assert refused.value.field == "negative"
    assert named in refused.value.reason


@given(st.text(alphabet=r"ab ,()[]\:1.<>", max_size=40))
def test_any_text_is_parsed_or_refused(prompt: str) -> None:
    try:
        parsed = parse(prompt)
    except RequestError:
        return
    assert all(math.isfinite(span.weight) and span.text for section in parsed.sections for span in section)


@given(st.text(alphabet="abé:()[]\\|. 안", max_size=30))
def test_escaped_text_is_kept_as_it_is(text: str) -> None:
    escaped = re.sub(r"([()\[\]\\])", r"\\\1", text)
    assert parse(escaped).text == text
