"""What JSON from a stranger is refused, and by which sentence."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from studio.errors import CheckpointError, StorageError
from studio.messages import message
from studio.strict_json import InvalidJsonError, convert, must, parse, read_bytes, read_file

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
        (b'{"a": 1, "a": 2}', "names 'a' twice"),
        (b"NaN", "holds NaN, which is not a JSON number"),
        (b"1e999", "holds 1e999, which is too large for a number"),
        (b"1" * 5000, "holds a number of 5,000 digits"),
        (b"[" * 101 + b"]" * 101, "nests its JSON too deeply"),
        (b'{"a":' * 100_000, "nests its JSON too deeply"),
        (b"[" * 1_000_000, "nests its JSON too deeply"),
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


STEPS = "has a wrong field: part.steps must be a whole number from 1 to 1,000, not "


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "must be a JSON object"),
        ({}, "lacks the field 'name'"),
        ({"name": "a", "nmae": 1}, "has the field 'nmae', which this program does not know"),
        ({"name": "A"}, "has a wrong field: name must be a name in lower case"),
        ({"name": "a", "part": {"steps": 0}}, f"{STEPS}0"),
        ({"name": "a", "part": {"steps": True}}, f"{STEPS}true"),
        ({"name": "a", "part": {"steps": 10**40}}, f"{STEPS}a number of more than 25 digits"),
        ({"name": "a", "parts": [{}, {"steps": "x"}]}, f"{STEPS}'x'".replace("part", "parts[1]")),
        (
            {"name": "a", "part": {"guidance": float("nan")}},
            "has a wrong field: part.guidance must be a number from 0 to 30, not NaN",
        ),
        ({"name": "a", "part": {"extra": 1}}, "has the field 'part.extra', which this program does not know"),
        ({"name": "a", "parts": [{}, {}, {}]}, "has a wrong field: parts must be a list of 0 to 2 items"),
        (
            {"name": "a", "shape": [1, 10]},
            "has a wrong field: shape must be 2 whole numbers from 1 to 9, or null",
        ),
        ({"name": "a", "kind": "vae"}, "has a wrong field: kind must be one of dit, unet, not 'vae'"),
        ({"name": "a", "text": ""}, "has a wrong field: text must be text of 1 to 4 characters, or null"),
        ({"name": "a", "flag": 1}, "has a wrong field: flag must be true or false, not 1"),
    ],
)
def test_every_limit_has_its_sentence(value: Any, reason: str) -> None:  # noqa: ANN401
    assert refused(value) == reason


def test_of_dataclasses_unknown_fields_are_refused_too() -> None:
    assert convert({"width": 3}, Plain) == Plain(3)
    assert refused({"height": 3}, Plain) == "has the field 'height', which this program does not know"
    assert (
        refused({"width": 65}, Plain)
        == "has a wrong field: width must be a whole number from 1 to 64, not 65"
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
