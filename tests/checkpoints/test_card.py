"""The telling figures of a card are found where they are shares, and nothing else is taken for one."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from studio.checkpoints.card import Component, Defaults, ModelCard, headline_figures
from studio.diffusion.schedules import SCHEDULES
from studio.errors import CheckpointError
from tests.checkpoints.models import CARD

HERE = Path("somewhere") / "card.json"


def test_a_card_survives_the_file_unchanged() -> None:
    again = ModelCard.from_json(CARD.to_json())
    assert again == CARD
    assert hash(again) == hash(CARD)
    assert again.to_json() == CARD.to_json()
    assert json.loads(CARD.to_json()) == CARD.to_dict()


def test_a_card_that_differs_is_another_card() -> None:
    changed = [
        {"title": "Other"},
        {"evaluation": {}},
        {"defaults": Defaults(steps=31)},
        {"text": None},
        {"schedule": Component(kind="linear")},
    ]
    assert all(dataclasses.replace(CARD, **change) != CARD for change in changed)


def test_a_card_cannot_change() -> None:
    config = {"widths": [16, 32]}
    card = dataclasses.replace(CARD, backbone=Component(kind="unet", config=config))
    config["widths"].append(64)
    assert card.backbone.config == {"widths": (16, 32)}
    with pytest.raises(TypeError):
        card.evaluation["top1"] = 1.0  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.name = "other"  # type: ignore[misc]


def test_a_model_without_text_is_one() -> None:
    card = dataclasses.replace(CARD, text=None)
    assert ModelCard.from_json(card.to_json()).text is None


@pytest.mark.parametrize(
    ("config", "T"),
    [
        ({"T": 50}, 50),
        ({}, 1000),
        ({"T": "50"}, 1000),
        ({"T": True}, 1000),
        ({"T": 0}, 1000),
        ({"T": 2.5}, 1000),
    ],
    ids=str,
)
def test_the_number_of_times_is_that_of_the_schedule_or_its_default(config: dict[str, Any], T: int) -> None:
    card = dataclasses.replace(CARD, schedule=Component(kind="cosine", config=config))
    assert card.T == T


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_schedule_without_a_configuration_has_the_default_number_of_times(kind: str) -> None:
    card = dataclasses.replace(CARD, schedule=Component(kind=kind))
    assert card.T == SCHEDULES[kind]().T


def test_the_latent_shape_follows_from_the_size() -> None:
    assert CARD.latent_shape_for(16, 16) == (4, 4, 4)
    assert CARD.latent_shape_for(32, 16) == (4, 4, 8)  # (C, H, W): the width comes last


def test_a_card_made_in_the_program_is_checked_like_one_from_a_file() -> None:
    with pytest.raises(CheckpointError, match="prediction must be one of eps, v, x0"):
        dataclasses.replace(CARD, prediction="score")  # type: ignore[arg-type]


WRONG: list[tuple[str, Any, str]] = [
    (
        "format_version",
        2,
        "has version 2, written by a newer Stepwise Studio (this one reads up to version 1)",
    ),
    ("format_version", 10**24, "has version 1000000000000000000000000, written by a newer Stepwise Studio"),
    ("format_version", 0, "format_version must be 1, not 0"),
    ("format_version", True, "format_version must be 1, not true"),
    ("name", "", "name must be 1 to 64 characters of a-z, 0-9"),
    ("name", "../../etc/passwd", "name must be 1 to 64 characters of a-z, 0-9"),
    ("name", "Starter", "name must be 1 to 64 characters of a-z, 0-9"),
    ("name", "x" * 65, "name must be 1 to 64 characters of a-z, 0-9"),
    ("title", 5, "title must be text"),
    ("title", "a\u202etxt.exe", r"title must not contain '\u202e', which cannot be shown"),
    ("title", "half \ud800", r"title must not contain '\ud800', which cannot be shown"),
    ("title", "nul \0", r"title must not contain '\x00', which cannot be shown"),
    ("backbone", None, "backbone must be a JSON object"),
    ("backbone", {"kind": "unet"}, "lacks the field 'backbone.config'"),
    ("backbone", {"kind": "os.system", "config": {}}, "backbone.kind must be a short lower-case name"),
    ("backbone", {"kind": "unet", "config": [1]}, "backbone.config must be a JSON object"),
    ("backbone", {"kind": "unet", "config": {}, "code": "x"}, "has the field 'backbone.code'"),
    ("text", False, "text must be a JSON object, or null"),
    ("prediction", "epsilon", "prediction must be one of eps, v, x0, not 'epsilon'"),
    ("sizes", [], "sizes must be 1 to 32 pairs"),
    ("sizes", [[16, 16]] * 33, "sizes must be 1 to 32 pairs"),
    (
        "sizes",
        [[16, 16, 3]],
        "sizes must be 1 to 32 pairs of width and height, whole numbers from 1 to 2,048",
    ),
    (
        "sizes",
        [[800_000, 16]],
        "sizes must be 1 to 32 pairs of width and height, whole numbers from 1 to 2,048",
    ),
    ("sizes", [[16, 16], [30, 16]], "sizes must all be multiples of 4"),
    ("sizes", [[32, 32]], "latent_shape times 4 must be the default size 32x32"),
    ("sizes", "16x16", "sizes must be 1 to 32 pairs"),
    ("downscale", 0, "downscale must be a whole number from 1 to 64, not 0"),
    ("downscale", 4.0, "downscale must be a whole number"),
    ("latent_shape", [4, 4], "latent_shape must be 3 whole numbers"),
    ("latent_shape", [2048, 4, 4], "latent_shape must have at most 256 channels"),
    ("clip", 0, "clip must be true or false, not 0"),
    ("defaults", {"sampler": "ddim"}, "lacks the field 'defaults.steps'"),
    ("defaults", {"sampler": "quick"}, "lacks the field 'defaults.steps'"),
    (
        "defaults",
        {"sampler": "quick", "steps": 9, "guidance": 1, "spacing": "trailing"},
        "defaults.sampler must be one of ddpm, ddim, langevin, pc, euler, euler_ancestral, dpmpp_2m, lcm, "
        "euler_ancestral_rf, not 'quick'",
    ),
    ("evaluation", [], "evaluation must be a JSON object"),
    (
        "evaluation",
        {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}},
        "evaluation is nested too deeply",
    ),
    ("evaluation", {"\x1b[2J": 1}, r"evaluation must not contain '\x1b', which cannot be shown"),
    ("parameters", -1, "parameters must be a whole number from 0"),
    ("parameters", 10**24, "parameters must be a whole number from 0"),
    ("weights_sha256", "abc", "weights_sha256 must be 64 lower-case"),
    ("weights_sha256", "Z" * 64, "weights_sha256 must be 64 lower-case"),
    ("licence", "", "licence must be text of 1 to 2,000 characters"),
    ("training_data", "x" * 20_001, "training_data must be text of 1 to 20,000 characters"),
    ("trust_remote_code", True, "has the field 'trust_remote_code', which this program does not know"),
]


@pytest.mark.parametrize(("name", "value", "reason"), WRONG)
def test_a_wrong_field_is_named(name: str, value: Any, reason: str) -> None:  # noqa: ANN401
    with pytest.raises(CheckpointError) as refused:
        ModelCard.from_dict(CARD.to_dict() | {name: value}, HERE)
    assert reason in str(refused.value)
    assert str(HERE) in str(refused.value)


@pytest.mark.parametrize("guidance", [float("nan"), float("inf"), -1, 31, True, "3"])
def test_a_guidance_that_is_no_number_from_0_to_30_is_refused(guidance: Any) -> None:  # noqa: ANN401
    defaults = CARD.to_dict()["defaults"] | {"guidance": guidance}
    with pytest.raises(CheckpointError, match=r"defaults\.guidance must be a number from 0 to 30"):
        ModelCard.from_dict(CARD.to_dict() | {"defaults": defaults}, HERE)


@pytest.mark.parametrize("name", [name for name in CARD.to_dict() if name != "training"])
def test_a_missing_field_is_named(name: str) -> None:
    values = CARD.to_dict()
    del values[name]
    with pytest.raises(CheckpointError, match=f"lacks the field {name!r}"):
        ModelCard.from_dict(values, HERE)


HOSTILE_TEXT = {
    "empty": (b"", "is not valid JSON (Expecting value at line 1, column 1)"),
    "binary": (b"\x80\x02}q\x00", "is not UTF-8 text"),
    "a web page": (b"<!DOCTYPE html>", "is not valid JSON"),
    "a list": (b"[]", "must be a JSON object"),
    "a text": (b'"card"', "must be a JSON object"),
    "cut off": (CARD.to_json().encode()[:-20], "is not valid JSON"),
    "100,000 lists": (b"[" * 100_000, "contains JSON that is nested too deeply"),
    "100,000 objects": (b'{"a":' * 100_000, "contains JSON that is nested too deeply"),
    "5,000 digits": (b'{"format_version": ' + b"1" * 5000 + b"}", "contains a number with 5,000 digits"),
    "NaN": (b'{"format_version": NaN}', "contains NaN, which is not a JSON number"),
    "Infinity": (b'{"format_version": -Infinity}', "contains -Infinity, which is not a JSON number"),
    "1e999": (b'{"format_version": 1e999}', "contains 1e999, which is too large for a number"),
    "a field twice": (b'{"name": "a", "name": "b"}', "contains the field 'name' twice"),
    "2 MB": (b" " * 2_000_000, "is larger than a card can be"),
}


@pytest.mark.parametrize("case", HOSTILE_TEXT)
def test_a_hostile_text_is_refused_for_its_own_reason(case: str) -> None:
    data, reason = HOSTILE_TEXT[case]
    begun = time.process_time()
    with pytest.raises(CheckpointError) as refused:
        ModelCard.from_json(data, HERE)
    assert time.process_time() - begun < 2
    assert reason in str(refused.value)
    assert str(HERE) in str(refused.value)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Return where everything within a JSON value is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in items for deeper in paths(item, (*path, key)))]


STRANGE = [
    None,
    True,
    -1,
    0,
    2**31,
    10**30,
    0.5,
    float("nan"),
    "",
    "x" * 300,
    "\ud800",
    [],
    [[]],
    {},
    {"": 1},
    [None] * 40,
]


def mutated(draw: random.Random, values: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return a copy of JSON values with one of them replaced, dropped or joined by another."""
    values = copy.deepcopy(values)
    path = draw.choice(paths(values)[1:])
    parent: Any = values
    for key in path[:-1]:
        parent = parent[key]
    match draw.randrange(3):
        case 0:
            del parent[path[-1]]
        case 1 if isinstance(parent, dict):
            parent["x" + str(path[-1])] = draw.choice(STRANGE)
        case _:
            parent[path[-1]] = draw.choice(STRANGE)
    return values


def test_a_mutated_card_is_read_or_refused_and_never_anything_else() -> None:
    draw = random.Random(0)
    refused = 0
    for _ in range(3000):
        values = mutated(draw, CARD.to_dict())
        try:
            ModelCard.from_dict(values, HERE)
            ModelCard.from_json(json.dumps(values), HERE)
        except CheckpointError as error:
            refused += 1
            assert str(error).isprintable()  # noqa: PT017 - most of them raise, some do not
    assert 1500 < refused < 3000


def test_a_mutated_text_is_read_or_refused_and_never_anything_else() -> None:
    draw = random.Random(0)
    whole = CARD.to_json().encode()
    refused = 0
    for _ in range(2000):
        data = bytearray(whole)
        place = draw.randrange(len(data))
        if draw.random() < 0.5:
            data[place] ^= 1 << draw.randrange(8)
        else:
            data[place : place + draw.randrange(40)] = draw.choice(
                [b"", b"{", b"]", b'"', b"\\u0000", b"-9e99"]
            )
        try:
            ModelCard.from_json(bytes(data), HERE)
        except CheckpointError:
            refused += 1
    assert 1000 < refused < 2000


def test_a_card_may_tell_of_its_training_and_older_cards_do_not() -> None:
    card = dataclasses.replace(CARD, training={"step": 12, "recipe": {"size": 64}})
    assert ModelCard.from_json(card.to_json()).training["step"] == 12
    older = CARD.to_dict()
    del older["training"]
    assert ModelCard.from_dict(older) == CARD
    with pytest.raises(CheckpointError, match="training must be a JSON object"):
        ModelCard.from_dict({**older, "training": [12]})


def test_the_telling_figures_come_in_a_fixed_order_with_their_names() -> None:
    evaluation = {
        "compositions": {"count": 0.9, "position": 0.8, "size": 1, "truth": {"count": 1.0}},
        "languages": {"en": {"top1": 0.5}, "ko": {"top1": 0.7}},
        "background": 0.99,
        "top5": 0.6,
        "top1": 0.5,
        "concepts": 285,
    }
    assert headline_figures(evaluation) == [
        ("top-1", 0.5),
        ("top-5", 0.6),
        ("Korean top-1", 0.7),
        ("background", 0.99),
        ("count", 0.9),
        ("position", 0.8),
        ("size", 1.0),
    ]


@pytest.mark.parametrize("value", ["high", None, True, 3, -0.1, [0.5], {"top1": 0.5}])
def test_what_is_no_share_is_passed_over(value: object) -> None:
    assert headline_figures({"top1": value, "languages": value, "compositions": {"count": value}}) == []
    assert headline_figures({"languages": {"ko": value}}) == (
        [("Korean top-1", 0.5)] if value == {"top1": 0.5} else []
    )
