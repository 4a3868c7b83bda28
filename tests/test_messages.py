"""A message reads as its English sentence and can be made again in another language."""

from __future__ import annotations

import copy

import pytest

from studio.messages import Message, message


def test_it_is_the_finished_sentence_and_keeps_what_it_was_made_from() -> None:
    made = message("must be {low} to {high}, not {value}", low=1, high=1000, value=0)
    assert made == "must be 1 to 1000, not 0"
    assert made.template == "must be {low} to {high}, not {value}"
    assert made.values == {"low": 1, "high": 1000, "value": 0}


def test_without_values_braces_stand_for_themselves() -> None:
    assert message("{} is an empty object") == "{} is an empty object"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        message("{a} and {b}", a=1)


def test_its_values_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        message("{a}", a=1).values["a"] = 2  # type: ignore[index]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_a_copy_can_be_translated_too(again) -> None:  # noqa: ANN001
    made = message("{outer}!", outer=message("{n} files", n=3))
    other = again(made)
    assert isinstance(other, Message)
    assert (other, other.template, other.values) == (made, made.template, made.values)
