"""A recipe is checked at once and each fault is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.errors import RecipeError
from studio.folders import resources_dir
from studio.training.recipe import load_recipe

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[about]
name = "tiny"
title = "Tiny"
[data]
kind = "folder"
path = "pictures"
size = 16
[backbone]
kind = "dit"
features = 32
[train]
pictures = 64
batch = 4
"""


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "path", sorted((resources_dir() / "recipes").glob("*.toml")), ids=lambda path: path.name
)
def test_the_recipes_that_ship_are_good(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.backbone.text == recipe.text.features


def test_a_short_recipe_gets_the_defaults(tmp_path: Path) -> None:
    recipe = load_recipe(_write(tmp_path, GOOD))
    assert recipe.diffusion.prediction == "eps"
    assert recipe.codec is None
    assert recipe.backbone.features == 32


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[train]", "[trian]"), "unknown sections: trian"),
        (("features = 32", "feature = 32"), r"unknown entries in \[backbone\]: feature"),
        (("size = 16", 'size = "16"'), "invalid entry: size"),
        (("size = 16", "size = 12"), "a multiple of 8 from 8 to 1024"),
        (("size = 16", "size = true"), "invalid entry: size"),
        (("pictures = 64", "pictures = 0"), "at least one picture"),
        (("batch = 4", "batch = -1"), "batch of 1"),
        (('kind = "dit"', 'kind = "gan"'), "unknown backbone 'gan'"),
        (
            ('kind = "folder"', 'kind = "video"'),
            "kind in .data. must be one of folder, pictograms, not 'video'",
        ),
        (('title = "Tiny"', ""), r"lacks the entry title in \[about\]"),
        (("[about]", "[about"), "not valid TOML"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(_write(tmp_path, GOOD.replace(*change, 1)))


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml cannot be read"):
        load_recipe(tmp_path / "none.toml")
