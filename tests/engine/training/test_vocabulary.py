from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.words import Words, read_words, save_words
from studio.engine.training.vocabulary import of_captions, of_pictograms
from studio.errors import RecipeError
from studio.folders import resources_dir
from studio.training.pictograms.pictogram_list import Pictogram, Pictograms, load_pictograms

if TYPE_CHECKING:
    from pathlib import Path

LIST = resources_dir() / "recipes" / "pictograms.json"


def save_all(folder: Path, path: Path) -> Words:
    """Write the vocabulary of a model that was trained on all pictograms of a list."""
    words = of_pictograms(load_pictograms(path), layouts=True, korean=True)
    return save_words(folder, words.names, words.examples)


def a_few(*entries: Pictogram) -> Pictograms:
    return Pictograms(entries=entries, colors={"white": (255, 255, 255)}, held_out=frozenset())


def test_all_names_in_both_languages_are_written_for_pictograms(tmp_path: Path) -> None:
    words = save_all(tmp_path, LIST)
    pictograms = load_pictograms(LIST)
    assert set(words.names) == {name for entry in pictograms.entries for name in (*entry.names, *entry.ko)}
    assert (words.names[0], words.names[-1].isascii()) == ("watch", False)
    assert read_words(tmp_path) == words


def test_every_example_is_of_names_that_the_list_has(tmp_path: Path) -> None:
    words = save_all(tmp_path, LIST)
    assert len(words.examples) == 23
    assert {
        "a fox on a teal background",
        "two dogs",
        "a cat and an apple",
        "a small pizza on the left",
    } < set(words.examples)
    assert "빨간색 배경의 여우" in words.examples


def test_only_what_was_learned_is_shown() -> None:
    pictograms = load_pictograms(LIST)
    plain = of_pictograms(pictograms, layouts=False, korean=False)
    assert not any("two" in example or " left" in example for example in plain.examples)
    assert all(text.isascii() for text in plain.examples)
    assert "여우" not in plain.names
    white = of_pictograms(pictograms, layouts=True, korean=True, colors=False)
    assert not any("background" in example or "배경" in example for example in white.examples)
    assert "two dogs" in white.examples


def test_a_few_chosen_pictograms_are_their_own_examples() -> None:
    words = of_pictograms(a_few(Pictogram(code="41", names=("yak", "ox"))), layouts=True, korean=False)
    assert words.names == words.examples == ("yak", "ox")


def test_a_folders_distinct_captions_are_its_names_and_its_examples_come_from_all_over_it() -> None:
    words = of_captions([*(f"thing {number}" for number in range(100)), "thing 1", ""])
    assert len(words.names) == 100
    assert len(words.examples) == 12
    assert words.examples[0] == "thing 0"
    assert words.examples[-1] == "thing 88"
    assert of_captions(["one", "one"]).examples == ("one",)


def test_a_list_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        save_all(tmp_path, tmp_path / "none.json")
