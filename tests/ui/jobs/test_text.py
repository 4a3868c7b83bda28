from __future__ import annotations

import dataclasses

import pytest

from studio import format as quantity
from studio.checkpoints.card import Component
from studio.ui.jobs import text as words
from studio.ui.jobs.run_settings import Estimate, FormValues
from studio.ui.jobs.text import LONGEST, figures, model_facts
from tests.ui.cards import LARGE, STARTER, WORDLESS, broken, installed


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "under 1 s"),
        (1.4, "about 1 s"),
        (9.4, "about 9 s"),
        (9.6, "about 10 s"),
        (43, "about 45 s"),
        (89, "about 90 s"),
        (100, "about 2 min"),
        (3600, "about 60 min"),
        (10_000, "about 3 h"),
    ],
)
def test_a_time_is_told_as_an_estimate(seconds: float, said: str) -> None:
    assert quantity.estimate(seconds) == said


@pytest.mark.parametrize(
    ("pictures", "calls", "seconds", "said"),
    [
        (1, 1, None, "1 model call"),
        (1, 60, 2.1, "60 model calls, about 2 s on this machine"),
        (3, 6000, None, "3 × 2,000 model calls"),
    ],
)
def test_the_cost_is_told_in_half_a_sentence(
    pictures: int, calls: int, seconds: float | None, said: str
) -> None:
    estimate = Estimate(pictures=pictures, queries=1, calls_per_query=1, model_calls=calls, seconds=seconds)
    assert words.cost(estimate) == said


def test_models_are_offered_with_size_and_schedule() -> None:
    items = words.model_items([installed(STARTER), broken("torn"), installed(LARGE)], "starter")
    assert [item[:3] for item in items] == [
        ("starter", "Starter", "64 px"),
        ("large", "Large", "128 px"),
    ]
    missing = words.model_items([installed(LARGE)], "torn")
    assert [item[:3] for item in missing] == [
        ("torn", "torn", "not installed"),
        ("large", "Large", "128 px"),
    ]
    assert words.model_items([], "") == []


def test_what_stands_beneath_a_model_is_short_and_leaves_licences_out() -> None:
    card = dataclasses.replace(STARTER, training_data="Many\nlines (a licence)\n" + "x" * 1000)
    line = words.trained_on(card)
    assert "\n" not in line
    assert line.startswith("Trained on Many lines x")
    assert len(line) < 110
    assert words.trained_on(None) == ""


def test_every_row_has_a_key_of_its_own() -> None:
    for items in (words.sampler_items(FormValues()), words.spacing_items(), words.size_items(LARGE)):
        keys = [item[0] for item in items]
        assert len(set(keys)) == len(keys) > 1
    assert words.size_items(LARGE)[1][:2] == ("128x64", "128 × 64")


def test_a_models_facts() -> None:
    assert dict(model_facts(STARTER)) == {
        "Pictures": "64 × 64 px, from text",
        "Network": "U-Net, 22.7 million parameters",
        "Noise schedule": "cosine",
        "Prediction": "v",
        "Default settings": "DDIM, 30 steps, guidance 3",
        "Evaluation": "top-1 94.7%, top-5 98.5%",
        "Trained on": STARTER.training_data,
        "Licence": "MIT",
    }
    assert dict(model_facts(LARGE))["Noise schedule"] == "linear, T 500"
    assert dict(model_facts(WORDLESS))["Default settings"] == "DDIM, 30 steps"


def test_the_facts_of_a_strangers_card_stay_within_bounds() -> None:
    card = dataclasses.replace(
        STARTER,
        training_data="x" * 20_000,
        evaluation={f"<b>{number}</b>": number for number in range(1000)},
        schedule=Component(kind="cosine", config={f"k{number}": number for number in range(100)}),
    )
    shown = dict(model_facts(card))
    assert max(map(len, shown.values())) <= LONGEST
    assert shown["Evaluation"].startswith("<b>0</b> 0, <b>1</b> 1")


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({}, "not measured"),
        ({"top1": True, "deep": {"top1": 0.5}}, "not measured"),
        ({"top1": 95}, "top1 95"),
        ({"top1": 0.5, "background": 1}, "top-1 50.0%, background 100.0%"),
        ({"fid": 12.25, "notes": "x"}, "fid 12.25"),
    ],
)
def test_headline_figures(evaluation: dict[str, object], said: str) -> None:
    assert figures(evaluation) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0"), (999, "999"), (1500, "1,500"), (22_732_013, "22.7 million"), (2 * 10**9, "2.0 billion")],
)
def test_parameters_are_rounded(count: int, said: str) -> None:
    assert quantity.parameters(count) == f"{said} parameters"
