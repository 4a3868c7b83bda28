"""What JSON from a stranger is refused, and by which sentence."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from studio.errors import CheckpointError, StorageError
from studio.messages import message
from studio.strict_json import (
    MAX_DEPTH,
    SHA256,
    InvalidJsonError,
    convert,
    convert_fields,
    frozen,
    must,
    one_of,
    parse,
    read_bytes,
    read_file,
    text_up_to,
    thawed,
    without_version,
)

if TYPE_CHECKING:
    from pathlib import Path

Name = Annotated[str, Meta(pattern=r"\A[a-z]+\Z", extra=must(message("must be a name in lower case")))]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    steps: Annotated[int, Meta(ge=1, le=1000)] = 30
    guidance: Annotated[float, Meta(ge=0, le=30)] = 1.0


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    part: Part = Part()
    parts: Annotated[tuple[Part, ...], Meta(max_length=2)] = ()
    shape: tuple[Annotated[int, Meta(ge=1, le=9)], Annotated[int, Meta(ge=1, le=9)]] | None = None
    kind: Literal["unet", "dit"] = "unet"
    text: Annotated[str, Meta(min_length=1, max_length=4)] | None = None
    flag: bool = False


@dataclasses.dataclass(frozen=True)
class Plain:
    width: Annotated[int, Meta(ge=1, le=64)] = 1


def refused(value: object, kind: type = Whole) -> str:
    with pytest.raises(InvalidJsonError) as error:
        convert(value, kind)
    return str(error.value.of_file())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "is not valid JSON (Expecting property name enclosed in double quotes at line 1, column 2)"),
        (b"\xff", "is not UTF-8 text"),
        (b'{"a": 1, "a": 2}', "contains the field 'a' twice"),
        (b"NaN", "contains NaN, which is not a JSON number"),
        (b"1e999", "contains 1e999, which is too large for a number"),
        (b"1" * 5000, "contains a number with 5,000 digits"),
        (b"[" * 101 + b"]" * 101, "contains JSON that is nested too deeply"),
        (b'{"a":' * 100_000, "contains JSON that is nested too deeply"),
        (b"[" * 1_000_000, "contains JSON that is nested too deeply"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(InvalidJsonError) as error:
        parse(text)
    assert str(error.value.of_file()) == reason


def test_nesting_is_not_seen_in_texts_and_wide_json_is_taken() -> None:
    assert parse(b'["' + b"[" * 1000 + b'\\"["]') == ["[" * 1000 + '"[']
    assert len(parse(b"[" + b"[]," * 1000 + b"[]]")) == 1001
    assert parse(b"[" * 100 + b"]" * 100)


STEPS = "has an invalid field: part.steps must be a whole number from 1 to 1,000, not "


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "must be a JSON object"),
        ({}, "lacks the field 'name'"),
        ({"name": "a", "nmae": 1}, "has the field 'nmae', which this program does not know"),
        ({"name": "A"}, "has an invalid field: name must be a name in lower case"),
        ({"name": "a", "part": {"steps": 0}}, f"{STEPS}0"),
        ({"name": "a", "part": {"steps": True}}, f"{STEPS}true"),
        ({"name": "a", "part": {"steps": 10**40}}, f"{STEPS}a number with more than 25 digits"),
        ({"name": "a", "parts": [{}, {"steps": "x"}]}, f"{STEPS}'x'".replace("part", "parts[1]")),
        (
            {"name": "a", "part": {"guidance": float("nan")}},
            "has an invalid field: part.guidance must be a number from 0 to 30, not NaN",
        ),
        ({"name": "a", "part": {"extra": 1}}, "has the field 'part.extra', which this program does not know"),
        ({"name": "a", "parts": [{}, {}, {}]}, "has an invalid field: parts must be a list of 0 to 2 items"),
        (
            {"name": "a", "shape": [1, 10]},
            "has an invalid field: shape must be 2 whole numbers from 1 to 9, or null",
        ),
        ({"name": "a", "kind": "\ud800"}, "contains half a character (a lone surrogate)"),
        ({"name": "a", "kind": "vae"}, "has an invalid field: kind must be one of dit, unet, not 'vae'"),
        ({"name": "a", "text": ""}, "has an invalid field: text must be text of 1 to 4 characters, or null"),
        ({"name": "a", "flag": 1}, "has an invalid field: flag must be true or false, not 1"),
    ],
)
def test_every_limit_has_its_sentence(value: Any, reason: str) -> None:  # noqa: ANN401
    assert refused(value) == reason


def test_of_dataclasses_unknown_fields_are_refused_too() -> None:
    assert convert({"width": 3}, Plain) == Plain(3)
    assert refused({"height": 3}, Plain) == "has the field 'height', which this program does not know"
    assert (
        refused({"width": 65}, Plain)
        == "has an invalid field: width must be a whole number from 1 to 64, not 65"
    )


def test_of_a_file_the_error_names_it(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    path.write_bytes(b'{"steps": 7}')
    assert read_file(path, Part, 100) == Part(steps=7)
    with pytest.raises(StorageError, match="is larger than 5 bytes"):
        read_file(path, Part, 5)
    with pytest.raises(CheckpointError, match=r"part\.json lacks the field 'name'"):
        read_bytes(b"{}", path, Whole, CheckpointError)
    with pytest.raises(CheckpointError, match="is missing"):
        read_file(tmp_path / "gone", Whole, 9, CheckpointError)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_json_nests_as_deep_as_is_allowed_and_no_deeper() -> None:
    value = parse(nested(MAX_DEPTH))
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == []
    with pytest.raises(InvalidJsonError, match="contains JSON that is nested too deeply"):
        parse(nested(MAX_DEPTH + 1))


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
    with pytest.raises(InvalidJsonError, match="contains JSON that is nested too deeply"):
        parse(data)


def test_many_lists_beside_each_other_are_not_deep_nor_are_brackets_in_texts() -> None:
    assert len(parse(b"[" + b"[]," * 5_000 + b"{}]")) == 5_001
    text = r"[{\"[" * 5_000
    assert parse(f'["{text}"]'.encode()) == ['[{"[' * 5_000]


def test_an_unfinished_text_is_refused_in_no_time() -> None:
    with pytest.raises(InvalidJsonError, match="is not valid JSON"):
        parse(b'["' + b"[\\" * 500_000)


@dataclasses.dataclass(frozen=True)
class Limited:
    title: Annotated[str, text_up_to(5)] = "fox"
    note: Annotated[str, text_up_to(5, empty=True)] = ""
    mode: Annotated[str, one_of(["slow", "fast.er"])] = "slow"
    digest: Annotated[str, SHA256] = "0" * 64


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"title": ""}, "title must be text of 1 to 5 characters"),
        ({"title": "   "}, "title must be text of 1 to 5 characters"),
        ({"title": "sixsix"}, "title must be text of 1 to 5 characters"),
        ({"title": "a\u202eb"}, r"title must not contain '\u202e', which cannot be shown"),
        ({"note": "a\nb\0"}, r"note must not contain '\x00', which cannot be shown"),
        ({"note": "\ud800"}, r"note must not contain '\ud800', which cannot be shown"),
        ({"note": "sixsix"}, "note must be at most 5 characters, not 6"),
        ({"mode": "faster"}, "mode must be one of slow, fast.er, not 'faster'"),
        ({"mode": "fastXer"}, "mode must be one of slow, fast.er, not 'fastXer'"),
        ({"mode": "slow\n"}, "mode must be one of slow, fast.er, not 'slow\\n'"),
        ({"digest": "0" * 63 + "G"}, "digest must be 64 lower-case hexadecimal digits"),
        ({"digest": "0" * 64 + "\n"}, "digest must be 64 lower-case hexadecimal digits"),
    ],
)
def test_ready_made_annotations_say_what_they_limit(value: dict[str, Any], reason: str) -> None:
    assert refused(value, Limited) == f"has an invalid field: {reason}"
    assert convert({"title": "a\nb", "note": "", "mode": "fast.er"}, Limited).mode == "fast.er"


def test_fields_with_a_default_can_be_required_wherever_they_are() -> None:
    assert convert({"name": "a", "part": {}}, Whole).part == Part()
    with pytest.raises(InvalidJsonError, match="is missing") as error:
        convert({"width": 1, "more": {}}, Nested, complete=True)
    assert error.value.of_file() == "lacks the field 'more.width'"
    assert convert({"width": 1, "more": {"width": 2}}, Nested, complete=True) == Nested(1, Plain(2))


@dataclasses.dataclass(frozen=True)
class Nested:
    width: int = 1
    more: Plain = dataclasses.field(default_factory=Plain)


def test_what_was_made_in_the_program_is_checked_field_by_field() -> None:
    assert convert_fields({"width": 3, "more": {"width": 4}}, Nested) == {"width": 3, "more": Plain(4)}
    with pytest.raises(InvalidJsonError) as error:
        convert_fields({"width": 3, "more": {"width": 65}}, Nested)
    assert error.value.field == "more.width"


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (3, "has version 3, written by a newer Stepwise Studio (this one reads up to version 2)"),
        (0, "has an invalid field: version must be a whole number from 1 to 2, not 0"),
        (True, "has an invalid field: version must be a whole number from 1 to 2, not true"),
        ("3", "has an invalid field: version must be a whole number from 1 to 2, not '3'"),
    ],
)
def test_a_newer_version_is_said_to_be_newer(version: object, reason: str) -> None:
    assert without_version({"version": 2, "a": 1}, 2, "version") == {"a": 1}
    assert without_version({"version": 1, "a": 1}, 2, "version") == {"a": 1}
    with pytest.raises(InvalidJsonError) as error:
        without_version({"version": version}, 2, "version")
    assert error.value.of_file() == reason
    assert (error.value.kind == "newer") == (version == 3)


def test_a_frozen_value_cannot_change_and_thaws_to_what_it_was() -> None:
    value = {"a": [1, {"b": None}], "c": 0.5}
    kept = frozen(value)
    assert thawed(kept) == value
    with pytest.raises(TypeError):
        kept["a"] = 1
    with pytest.raises(TypeError):
        kept["a"][1]["b"] = 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": [[[1]]]}, "is nested too deeply"),
        ({"a\x1b": 1}, r"must not contain '\x1b', which cannot be shown"),
        ([float("nan")], "must be JSON, but contains NaN"),
        ([b"a"], "must be JSON, but contains bytes"),
        ({1: 2}, "has a field whose name is not text"),
    ],
)
def test_what_no_card_can_hold_is_not_frozen(value: object, reason: str) -> None:
    with pytest.raises(InvalidJsonError) as error:
        frozen(value, "more", 3)
    assert error.value.of_file() == f"has an invalid field: more {reason}"
