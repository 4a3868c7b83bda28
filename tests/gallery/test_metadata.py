from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio.errors import RequestError
from studio.gallery.images import encode
from studio.gallery.metadata import MAX_TEXT_BYTES, Origin, OriginKind, PictureMetadata, parameters_text
from tests.gallery.samples import PROMPTS, digest, metadata, pixels

ADDED = ("origin", "adapters", "precisions", "rungs")
FIELDS = [item.name for item in fields(PictureMetadata) if item.name not in ADDED]
ORIGIN = Origin(run="000042-0f3a9c1b", step=12, of=30, kind="step")


def changed(**changes: object) -> str:
    """Return the sample's JSON with some members replaced; `...` takes one out."""
    values = {**json.loads(metadata().to_json()), **changes}
    return json.dumps({name: value for name, value in values.items() if value is not ...})


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_every_field_comes_back(prompt: str) -> None:
    kept = metadata(prompt)
    assert PictureMetadata.from_json(kept.to_json()) == kept


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63) + 1, 2**63 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=5,
    )
)
def test_any_request_of_json_values_comes_back(request: dict[str, Any]) -> None:
    request.pop("model", None)  # of which only the name is kept
    kept = metadata(request=request)
    assert PictureMetadata.from_json(kept.to_json()).request == request


def test_the_text_is_one_line_of_ascii_with_its_version() -> None:
    text = metadata(PROMPTS["emoji"]).to_json()
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text)["version"] == 1
    assert set(json.loads(text)) == {"version", *FIELDS}


def test_later_changes_to_the_request_do_not_reach_it() -> None:
    request: dict[str, Any] = {"prompt": "x", "options": {"eta": 0.0}}
    kept = metadata(request=request)
    request["options"]["eta"] = 1.0
    assert kept.request == {"prompt": "x", "options": {"eta": 0.0}}


def test_of_a_model_given_as_a_path_only_the_name_is_kept() -> None:
    for path in ("/home/me/models/starter", "C:\\Users\\me\\models\\starter", "./starter/"):
        kept = metadata(model=path, request={"model": path, "prompt": "x"})
        assert kept.model == "starter"
        assert "me" not in kept.to_json().replace("metadata", "").split("prompt")[0]
        assert kept.request["model"] == "starter"


def test_times_are_kept_in_utc() -> None:
    noon = datetime(2026, 1, 31, 21, 0, tzinfo=timezone(timedelta(hours=9)))
    assert json.loads(metadata(created=noon).to_json())["created"] == "2026-01-31T12:00:00+00:00"
    untold = {name: getattr(metadata(), name) for name in FIELDS if name != "created"}
    made = PictureMetadata(**untold).created
    assert abs(datetime.now(UTC) - made) < timedelta(seconds=5)


@pytest.mark.parametrize("name", ["version", *FIELDS])
def test_a_field_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(RequestError, match=name):
        PictureMetadata.from_json(changed(**{name: ...}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 0),
        ("version", True),
        ("version", "1"),
        ("version", 1.0),
        ("request", []),
        ("request", "x"),
        ("request", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}),
        ("request", {"prompt": "half \ud800"}),
        ("request", {"prompt": "nul \0"}),
        ("request", {"": 1}),
        ("request", {"n": 2**64}),
        ("image", -1),
        ("seed", -1),
        ("seed", 2**64),
        ("seed", 1.0),
        ("seed", "1"),
        ("seed", True),
        ("seed", None),
        ("model", ""),
        ("model", 5),
        ("model", "x" * 1000),
        ("model", "line\nbreak"),
        ("model", "/"),
        ("model_sha256", "a" * 63),
        ("model_sha256", "A" * 64),
        ("x_T_sha256", None),
        ("final_sha256", "g" * 64),
        ("device", ["cpu"]),
        ("dtype", ""),
        ("versions", []),
        ("versions", {"torch": 2}),
        ("versions", {"\n": "2"}),
        ("model_calls", -1),
        ("model_calls", 1.5),
        ("seconds", -0.5),
        ("seconds", "1"),
        ("created", "yesterday"),
        ("created", "2026-01-31T12:00:00"),
        ("created", 0),
        ("created", "2" * 1000),
        ("extra", 1),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_the_field(name: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        PictureMetadata.from_json(changed(**{name: value}))
    assert name in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_newer_version_is_rejected_and_reported_as_newer() -> None:
    with pytest.raises(RequestError, match="newer Stepwise Studio"):
        PictureMetadata.from_json(changed(version=4, whatever=1))


@pytest.mark.parametrize("kind", ["step", "fork"])
def test_a_picture_remembers_the_step_of_another_run_it_comes_from(kind: OriginKind) -> None:
    kept = metadata(origin=replace(ORIGIN, kind=kind))
    assert PictureMetadata.from_json(kept.to_json()) == kept
    assert json.loads(kept.to_json())["version"] == 2
    assert str(kept.origin) == ("step 12 of 30" if kind == "step" else "forked from step 12 of 30")


def test_a_picture_without_an_origin_can_be_read_by_older_versions() -> None:
    assert "origin" not in json.loads(metadata().to_json())
    with pytest.raises(RequestError, match="origin is not a field"):
        PictureMetadata.from_json(changed(origin=None))


@pytest.mark.parametrize(
    "changes",
    [
        {"run": None},
        {"run": "a\nb"},
        {"run": "x" * 300},
        {"step": -1},
        {"step": 31},
        {"step": True},
        {"of": 0},
        {"of": 10**9},
        {"kind": "copy"},
        {"kind": []},
        {"more": 1},
        {"run": ...},
    ],
)
def test_a_wrong_origin_is_refused_in_one_sentence(changes: dict[str, Any]) -> None:
    origin = {"run": "000042-0f3a9c1b", "step": 12, "of": 30, "kind": "step", **changes}
    wrong = {name: value for name, value in origin.items() if value is not ...}
    with pytest.raises(RequestError, match="origin"):
        PictureMetadata.from_json(changed(version=2, origin=wrong))
    for other in (None, [], "x"):
        with pytest.raises(RequestError, match="origin must be a JSON object"):
            PictureMetadata.from_json(changed(version=2, origin=other))
    with pytest.raises(RequestError, match="origin must be a step"):
        metadata(origin="step 12")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"x"',
        "[" * 100_000,
        '{"a":' * 50_000,
        "1" * 10_000,
        metadata().to_json()[:-1],
        metadata().to_json()[:-1] + ', "seed": 8}',
        metadata().to_json().replace("1.25", "NaN"),
        metadata().to_json().replace("1.25", "Infinity"),
        metadata().to_json().replace("1.25", "1e999"),
        metadata().to_json().replace("1.25", "9" * 5000),
        metadata().to_json().replace("4.0", "1e999"),
        " " * (MAX_TEXT_BYTES + 1),
    ],
    ids=range(16),
)
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        PictureMetadata.from_json(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}, object(), {1: 2}, 1j])
def test_a_request_that_json_cannot_keep_is_refused(value: object) -> None:
    with pytest.raises(RequestError, match=r"request\.options"):
        metadata(request={"options": value})


def test_metadata_too_large_for_readers_is_never_written() -> None:
    with pytest.raises(RequestError, match="bytes"):
        metadata(request={"prompt": "x" * MAX_TEXT_BYTES})


def test_a_wrong_hash_is_detected_by_comparison() -> None:
    assert metadata() == metadata()
    for name, other in {"x_T_sha256": digest("other"), "seconds": 1.5, "created": datetime.now(UTC)}.items():
        assert replace(metadata(), **{name: other}) != metadata()


def parse(text: str) -> dict[str, str]:
    """Read the text as its other readers do: last line pairs, then prompt and negative prompt."""
    *lines, last = text.split("\n")
    pairs = dict(re.findall(r'\s*([\w][\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last))
    assert len(pairs) >= 3, "readers take a last line of fewer pairs for prompt"
    found = {name: json.loads(value) if value.startswith('"') else value for name, value in pairs.items()}
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:")
        into.append(line.strip())
    return {**found, "Prompt": "\n".join(prompt), "Negative prompt": "\n".join(negative)}


def test_another_program_reads_how_a_picture_was_made() -> None:
    assert parse(parameters_text(metadata(), 64, 96)) == {
        "Prompt": "a red apple",
        "Negative prompt": "blur, noise",
        "Steps": "30",
        "Sampler": "DDIM",
        "CFG scale": "4",
        "Seed": "7",
        "Size": "64x96",
        "Model hash": digest("weights")[:10],
        "Model": "starter",
        "Eta": "0.25",
        "Version": "Stepwise Studio 0.1.0",
    }


def test_a_step_that_was_kept_says_so_to_other_programs_too() -> None:
    origin = Origin(run="000042-0f3a9c1b", step=12, of=30, kind="step")
    assert parse(parameters_text(metadata(origin=origin), 64, 96))["Origin"] == "step 12 of 30"


@pytest.mark.parametrize("name", [name for name in PROMPTS if name not in ("lines", "looks like parameters")])
def test_prompts_of_one_line_come_back_whole(name: str) -> None:
    assert parse(parameters_text(metadata(PROMPTS[name]), 1, 1))["Prompt"] == PROMPTS[name].strip()


def test_a_prompt_that_looks_like_parameters_changes_none_of_them() -> None:
    read = parse(parameters_text(metadata(PROMPTS["looks like parameters"]), 1, 1))
    assert (read["Steps"], read["Sampler"], read["Seed"]) == ("30", "DDIM", "7")


@pytest.mark.parametrize("name", ["a, b: c", 'say "x"', "two\tparts, y"])
def test_names_with_commas_are_quoted_so_that_they_come_back(name: str) -> None:
    request = {**metadata().request, "sampler": name}
    assert parse(parameters_text(metadata(request=request), 1, 1))["Sampler"] == name


def test_the_parser_here_sees_what_is_not_quoted() -> None:
    assert parse("x\nSteps: 1, Seed: 2, Size: 1x1, Sampler: a, b: c")["Sampler"] != "a, b: c"


def test_unset_fields_of_the_request_are_omitted() -> None:
    text = parameters_text(metadata(request={"prompt": "x", "steps": True, "guidance": None}), 8, 8)
    assert text.startswith("x\nSeed: 7, Size: 8x8, Model hash: ")


@pytest.mark.parametrize(("guidance", "text"), [(7, "7"), (7.0, "7"), (7.5, "7.5"), (0.1, "0.1"), (0, "0")])
def test_numbers_are_written_without_needless_digits(guidance: float, text: str) -> None:
    request = {**metadata().request, "guidance": guidance}
    assert parse(parameters_text(metadata(request=request), 1, 1))["CFG scale"] == text


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_it_is_found_in_the_file_by_a_foreign_reader(prompt: str, tmp_path: object) -> None:
    path = f"{tmp_path}/x.png"
    kept = metadata(prompt)
    with open(path, "wb") as file:
        file.write(encode(pixels(), kept))
    with Image.open(path, formats=("PNG",)) as image:
        assert str(image.info["parameters"]) == parameters_text(kept, image.width, image.height)
        assert json.loads(image.info["stepwise"])["request"]["prompt"] == prompt
