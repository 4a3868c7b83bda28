"""Every wording says what is shown; evaluation words it in one way."""

from __future__ import annotations

import numpy as np
import pytest

from studio.folders import resources_dir
from studio.training.pictograms.captions import (
    THINGS,
    ends_in_consonant,
    plural,
    prompt,
    random_caption,
    with_article,
)
from studio.training.pictograms.pictogram_list import LANGUAGES, LAYOUTS, load_pictograms
from studio.training.pictograms.scenes import Scene

LIST = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
PLACES = {entry.names[0]: place for place, entry in enumerate(LIST.entries)}
FOX, APPLE = PLACES["fox"], PLACES["apple"]


def _scene(layout: str, color: str = "white") -> Scene:
    return Scene((FOX, APPLE) if layout == "pair" else (FOX,), layout, color)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_caption_names_what_is_shown(language: str, layout: str) -> None:
    rng = np.random.default_rng(0)
    colors = {"en": "teal", "ko": "청록색"}
    for _ in range(50):
        caption = random_caption(_scene(layout, "teal"), LIST, language, rng)
        for thing in _scene(layout).things:
            assert any(
                name in caption or plural(name) in caption for name in LIST.entries[thing].named(language)
            )
        assert colors[language] in caption


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_layouts_share_a_wording(language: str) -> None:
    rng = np.random.default_rng(0)
    said = {
        layout: {random_caption(_scene(layout), LIST, language, rng) for _ in range(200)}
        for layout in LAYOUTS
    }
    everything = [caption for captions in said.values() for caption in captions]
    assert len(everything) == len(set(everything))


def test_the_left_thing_is_named_as_such_in_every_wording_of_a_pair() -> None:
    for form in THINGS["en"]["pair"]:
        before_right = form.index("x}") < form.index("y}")
        assert before_right or "to the right of {a_x}" in form


@pytest.mark.parametrize(
    ("layout", "color", "language", "said"),
    [
        ("plain", "white", "en", "fox"),
        ("plain", "orange", "en", "fox on an orange background"),
        ("two", "white", "en", "two foxes"),
        ("pair", "white", "en", "a fox and an apple"),
        ("left", "teal", "en", "a fox on the left on a teal background"),
        ("plain", "red", "ko", "빨간색 배경의 여우"),
        ("pair", "white", "ko", "여우와 사과"),
        ("two", "white", "ko", "여우 두 개"),
    ],
)
def test_prompts_are_plain_language(layout: str, color: str, language: str, said: str) -> None:
    assert prompt(_scene(layout, color), LIST, language) == said


@pytest.mark.parametrize(
    ("name", "several"),
    [("box", "boxes"), ("dish", "dishes"), ("fly", "flies"), ("key", "keys"), ("cat", "cats")],
)
def test_regular_plurals(name: str, several: str) -> None:
    assert plural(name) == several


def test_articles_and_particles_follow_the_sound() -> None:
    assert (with_article("apple"), with_article("fox")) == ("an apple", "a fox")
    assert (ends_in_consonant("집"), ends_in_consonant("여우"), ends_in_consonant("dna")) == (
        True,
        False,
        False,
    )
