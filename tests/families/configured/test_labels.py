from __future__ import annotations

from pathlib import Path

import pytest

from studio.errors import CheckpointError, RequestError
from studio.families.configured.labels import Labels, read_labels

LABELS = Labels(
    7,
    (
        (0, "tench, Tinca tinca"),
        (1, "great white shark, white shark, man-eater"),
        (2, "crane"),
        (3, "crane"),
        (4, "Cardigan, Cardigan Welsh corgi"),
        (5, "cardigan"),
    ),
)


@pytest.mark.parametrize(
    ("prompt", "number"),
    [
        ("tench", 0),
        ("  Tinca   TINCA ", 0),
        ("tench, Tinca tinca", 0),
        ("White Shark", 1),
        ("#1", 1),
        ("3", 3),
        ("#3 crane", 3),
        ("6", 6),
        ("", None),
        (" \n", None),
    ],
)
def test_a_prompt_names_a_label_by_any_of_its_names_or_its_number(prompt: str, number: int | None) -> None:
    assert LABELS.find(prompt) == number


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("white shrak", "white shark"),
        ("shark", "white shark"),
        ("crane", "#2 crane; #3 crane"),
        ("Cardigan", "#4 Cardigan, Cardigan Welsh corgi; #5 cardigan"),
        ("#7", "#0 to #6"),
        ("#2 tench", "another name"),
        ("qqqqqqqqqqqq", "#0 to #6"),
        ("#" + "9" * 30, "#0 to #6"),
    ],
)
def test_what_names_none_or_several_is_refused_with_those_that_are_near(prompt: str, said: str) -> None:
    with pytest.raises(RequestError) as refused:
        LABELS.find(prompt)
    assert said in str(refused.value)


def test_every_word_that_is_offered_names_its_label() -> None:
    assert [LABELS.find(word) for word in LABELS.words].count(None) == 0
    assert {LABELS.find(word) for word in LABELS.words} == set(range(6))
    assert "#2 crane" in LABELS.words
    assert "white shark" in LABELS.words


@pytest.mark.parametrize(
    "listed",
    [{"7": "too many"}, {"01": "x"}, {"-1": "x"}, {"a": "x"}, {"1": ""}, {"1": 3}, ["x"], {"1": "\u202ex"}],
)
def test_labels_that_make_no_sense_are_refused(listed: object) -> None:
    with pytest.raises(CheckpointError):
        read_labels(Path("model_index.json"), {"id2label": listed}, 7)


def test_without_names_labels_are_numbers() -> None:
    labels = read_labels(Path("model_index.json"), {}, 7)
    assert (labels.find("#6"), labels.words) == (6, ())
    with pytest.raises(RequestError):
        labels.find("tench")
