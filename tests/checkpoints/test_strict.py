"""JSON from a stranger: how deep it may nest is this program's rule, not that of the Python it runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.checkpoints.strict import MAX_NESTING, parse
from studio.errors import CheckpointError

FILE = Path("card.json")


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_json_nests_as_deep_as_is_allowed_and_no_deeper() -> None:
    value = parse(nested(MAX_NESTING), FILE)
    for _ in range(MAX_NESTING - 1):
        (value,) = value
    assert value == []
    with pytest.raises(CheckpointError, match="nests its JSON too deeply"):
        parse(nested(MAX_NESTING + 1), FILE)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "b": ' + nested(5_000) + b"}",
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b'["\\"", ' + nested(5_000) + b"]",
    ],
    ids=["beside other values", "unfinished", "objects", "after an escaped quote"],
)
def test_deep_nesting_is_refused_wherever_it_is(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="nests its JSON too deeply"):
        parse(data, FILE)


def test_many_lists_beside_each_other_are_not_deep_nor_are_brackets_in_texts() -> None:
    assert len(parse(b"[" + b"[]," * 5_000 + b"{}]", FILE)) == 5_001
    text = r"[{\"[" * 5_000
    assert parse(f'["{text}"]'.encode(), FILE) == ['[{"[' * 5_000]


def test_an_unfinished_text_is_refused_in_no_time() -> None:
    with pytest.raises(CheckpointError, match="is not valid JSON"):
        parse(b'["' + b"[\\" * 500_000, FILE)
