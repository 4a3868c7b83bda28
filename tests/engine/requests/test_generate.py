"""Requests: everything wrong is refused by name, everything right survives the way to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.checkpoints.card import Component, Defaults, ModelCard
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.seeds import MAX_SEED
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, UnknownNameError

CARD = ModelCard(
    name="small",
    title="Small",
    backbone=Component(kind="unet"),
    text=Component(kind="words"),
    codec=Component(kind="identity"),
    schedule=Component(kind="cosine", config={"T": 100}),
    prediction="v",
    sizes=((64, 64), (64, 96)),
    downscale=1,
    latent_shape=(3, 64, 64),
    clip=True,
    defaults=Defaults(sampler="pc", steps=20, guidance=4.0, spacing="leading"),
    licence="CC0",
    training_data="none",
)

WRONG = [
    ("steps", 0),
    ("steps", -1),
    ("steps", 10**9),
    ("steps", 10**5000),
    ("steps", True),
    ("steps", 30.0),
    ("steps", "30"),
    ("guidance", float("nan")),
    ("guidance", float("inf")),
    ("guidance", float("-inf")),
    ("guidance", -0.5),
    ("guidance", 31),
    ("guidance", 10**400),
    ("guidance", False),
    ("guidance", "7"),
    ("seed", -1),
    ("seed", 2**64),
    ("seed", 1.5),
    ("seed", None),
    ("count", 0),
    ("count", 1001),
    ("prompt", "a" * 100_000),
    ("prompt", "a\0b"),
    ("prompt", "half \ud83d"),
    ("prompt", b"bytes"),
    ("prompt", None),
    ("negative", "b" * 2_001),
    ("model", ""),
    ("model", "   "),
    ("model", "a\nb"),
    ("model", "m" * 5000),
    ("model", 3),
    ("spacing", "trialing"),
    ("spacing", 7),
    ("sampler", "ddmi"),
    ("sampler", ["ddim"]),
    ("emphasis", "a111"),
    ("emphasis", ["none"]),
    ("clip_skip", 0),
    ("clip_skip", 13),
    ("clip_skip", 1.5),
    ("options", [("eta", 1)]),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=[f"{WRONG[i][0]}{i}" for i in range(len(WRONG))])
def test_a_wrong_value_is_refused_in_a_sentence_that_names_the_field(field: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        GenerateRequest(**{field: value}).validate()
    assert caught.value.field == field
    sentence = str(caught.value)
    assert sentence.startswith(field)
    assert sentence.endswith(".")
    assert len(sentence) < 250
    assert sentence.isprintable()


@pytest.mark.parametrize("side", [0, -64, 800_000, True, 64.0])
@pytest.mark.parametrize("field", ["width", "height"])
def test_a_wrong_side_is_refused_by_name(field: str, side: object) -> None:
    with pytest.raises(RequestError, match=rf"^{field} ") as caught:
        GenerateRequest(**{"width": 64, "height": 64, field: side}).validate()
    assert caught.value.field == field


def test_width_without_height_is_refused() -> None:
    with pytest.raises(RequestError, match=r"^height is missing"):
        GenerateRequest(width=64).validate()
    with pytest.raises(RequestError, match=r"^width is missing"):
        GenerateRequest(height=64).validate()


def test_a_long_prompt_is_refused_with_the_limit_and_the_longest_is_taken() -> None:
    with pytest.raises(RequestError, match="at most 2,000 characters, not 100,000"):
        GenerateRequest(prompt="x" * 100_000).validate()
    GenerateRequest(prompt="x" * 2_000).validate()


def test_an_unknown_sampler_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ddim'"):
        GenerateRequest(sampler="ddimm").validate()
    with pytest.raises(UnknownNameError, match="did you mean 'langevin'"):
        GenerateRequest(sampler="Langvin").validate()


@pytest.mark.parametrize(
    ("sampler", "options", "said"),
    [
        ("ddim", {"eta": 1.5}, "eta must be a number from 0 to 1"),
        ("ddim", {"eta": float("nan")}, "eta must be"),
        ("ddim", {"eta": True}, "eta must be"),
        ("ddim", {"etta": 0.5}, "did you mean 'eta'"),
        ("ddim", {"passes": 3}, "not known"),
        ("ddim", {7: 3}, "not known"),
        ("ddpm", {"variance": "betta"}, "did you mean 'beta'"),
        ("langevin", {"passes": 0}, "passes must be a whole number"),
        ("pc", {"snr": "high"}, "snr must be"),
    ],
)
def test_sampler_options_are_checked_against_their_sampler(sampler: str, options: dict, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        GenerateRequest(sampler=sampler, options=options).validate()


@pytest.mark.parametrize(
    "prompt", ["", " ", "كلب أحمر", "כלב", "🐕‍🦺 dog", "a\nb\tc", "x" * 2_000, "\u202edog", "강아지"]
)
def test_any_unicode_text_is_a_prompt(prompt: str) -> None:
    request = GenerateRequest(prompt=prompt, negative=prompt).validate()
    assert GenerateRequest.from_json(request.to_json()) == request


def test_the_last_picture_of_a_count_needs_a_seed_too() -> None:
    GenerateRequest(seed=MAX_SEED - 9, count=10).validate()
    with pytest.raises(RequestError, match=rf"^seed must be at most {MAX_SEED - 9} for a count of 10"):
        GenerateRequest(seed=MAX_SEED - 8, count=10).validate()


def test_resolving_fills_in_what_was_left_to_the_model() -> None:
    resolved = GenerateRequest(prompt="a dog").resolve(CARD)
    assert (resolved.sampler, resolved.steps, resolved.spacing, resolved.guidance) == (
        "pc",
        20,
        "leading",
        4.0,
    )
    assert (resolved.width, resolved.height) == (64, 64)
    options = SAMPLERS["pc"].Options()
    assert dict(resolved.options) == dataclasses.asdict(options)
    assert resolved.resolve(CARD) == resolved


def test_resolving_keeps_what_was_asked_for() -> None:
    asked = GenerateRequest(
        sampler="ddim", options={"eta": 1}, steps=7, spacing="linspace", guidance=1, width=64, height=96
    )
    resolved = asked.resolve(CARD)
    assert (resolved.sampler, resolved.steps, resolved.spacing, resolved.guidance) == (
        "ddim",
        7,
        "linspace",
        1.0,
    )
    assert (resolved.width, resolved.height) == (64, 96)
    assert dict(resolved.options) == {"eta": 1.0}
    assert type(resolved.guidance) is float
    assert type(resolved.options["eta"]) is float


def test_options_without_a_sampler_are_checked_against_the_models_default() -> None:
    asked = GenerateRequest(options={"eta": 0.5}).validate()
    with pytest.raises(UnknownNameError, match="eta"):
        asked.resolve(CARD)
    assert dict(replace(asked, sampler="ddim").resolve(CARD).options) == {"eta": 0.5}


def test_a_size_the_model_does_not_make_is_refused_with_those_it_does() -> None:
    with pytest.raises(RequestError, match=r"size 96x64 is not one .*allowed: 64x64, 64x96") as caught:
        GenerateRequest(width=96, height=64).resolve(CARD)
    assert caught.value.field == "size"


def test_more_steps_than_the_model_has_times_are_refused() -> None:
    GenerateRequest(steps=100).resolve(CARD)
    with pytest.raises(RequestError, match="steps must be a whole number from 1 to 100, not 101"):
        GenerateRequest(steps=101).resolve(CARD)


requests = st.builds(
    GenerateRequest,
    prompt=st.text(max_size=50).filter(lambda text: "\0" not in text),
    sampler=st.sampled_from([None, *SAMPLERS]),
    steps=st.none() | st.integers(1, 1000),
    spacing=st.sampled_from([None, "leading", "linspace"]),
    guidance=st.none() | st.floats(0, 30),
    seed=st.integers(0, MAX_SEED - 1000),
    count=st.integers(1, 1000),
)


@given(requests)
def test_a_request_survives_json(request: GenerateRequest) -> None:
    text = request.to_json()
    assert text.isascii()
    again = GenerateRequest.from_json(text)
    assert again == request
    assert hash(again) == hash(request)
    assert again.to_json() == text


def test_options_survive_json_and_cannot_change() -> None:
    values = {"snr": 0.2, "corrector_steps": 2}
    request = GenerateRequest(sampler="pc", options=values)
    values["snr"] = 99.0
    assert dict(request.options) == {"snr": 0.2, "corrector_steps": 2}
    assert GenerateRequest.from_json(request.to_json()) == request
    assert request == GenerateRequest(sampler="pc", options={"corrector_steps": 2, "snr": 0.2})
    assert hash(request) == hash(GenerateRequest(sampler="pc", options={"corrector_steps": 2, "snr": 0.2}))
    with pytest.raises(TypeError):
        request.options["snr"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"guidance": NaN}',
        '{"guidance": Infinity}',
        '{"guidance": 1e999}',
        '{"steps": 5, "steps": 6}',
        '{"stepz": 5}',
        '{"version": 3}',
        '{"version": true}',
        '{"steps": "5"}',
        '{"steps": 5.0}',
        '{"steps": null, "seed": null}',
        '{"options": 5}',
        '{"options": {"eta": [1]}, "sampler": "ddim"}',
        '{"options": {"eta": {"a": 1}}, "sampler": "ddim"}',
        '{"sampler": {}}',
        '{"prompt": "\\ud800"}',
        '{"prompt": "\\u0000"}',
        '{"seed": ' + "9" * 5000 + "}",
        "[" * 100_000,
        " " * 2_000_000,
    ],
    ids=lambda text: text[:30],
)
def test_text_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        GenerateRequest.from_json(text)


def test_the_json_names_every_field_of_a_request() -> None:
    values = json.loads(GenerateRequest(emphasis="none", clip_skip=2).to_json())
    assert set(values) == {field.name for field in dataclasses.fields(GenerateRequest)} | {"version"}
    assert GenerateRequest.from_dict(values) == GenerateRequest(emphasis="none", clip_skip=2)


def test_what_older_programs_can_make_is_written_as_they_read_it() -> None:
    values = GenerateRequest().to_dict()
    assert values["version"] == 1
    assert not {"emphasis", "clip_skip"} & values.keys()
    assert GenerateRequest(clip_skip=2).to_dict()["version"] == 2


def test_requests_and_events_import_without_torch_and_numpy() -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'numpy', 'PIL', 'PySide6'): sys.modules[name] = None\n"
        "import studio.engine.events, studio.engine.requests.generate as r\n"
        "assert r.GenerateRequest(sampler='pc').validate().sampler == 'pc'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
