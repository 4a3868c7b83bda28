"""From a recipe to a model that loads, with stops on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image
from torch import Tensor

from studio.checkpoints import native
from studio.engine.train import TrainingDivergedError, train_recipe
from studio.errors import RecipeError
from studio.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
[about]
name = "tiny"
title = "Tiny"
licence = "MIT"
training_data = "Two squares"
[data]
kind = "folder"
path = "pictures"
size = 16
[codec]
channels = 4
widths = [16, 16]
[codec_train]
pictures = 24
batch = 4
[decoder_train]
pictures = 16
batch = 4
[text_train]
pictures = 16
batch = 4
[text]
features = 16
buckets = 64
layers = 1
heads = 2
[backbone]
kind = "unet"
widths = [16, 16]
blocks = 1
head_width = 16
embedding = 16
[diffusion]
prediction = "v"
[train]
pictures = 40
batch = 4
learning_rate = 1e-3
"""
CPU = torch.device("cpu")


def _recipe(tmp_path: Path, text: str = RECIPE) -> Recipe:
    pictures = tmp_path / "pictures"
    pictures.mkdir(exist_ok=True)
    for color in ("red", "blue"):
        Image.new("RGB", (16, 16), color).save(pictures / f"{color}.png")
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    return load_recipe(path)


def _train(recipe: Recipe, folder: Path, stops: tuple[int, ...] = ()) -> bytes:
    """Train in sittings that end after as many steps, saving at every step; return the weights file."""
    for stop in stops:
        progress = train_recipe(recipe, folder, CPU, save_seconds=0)
        for _ in range(stop):
            next(progress)
        progress.close()
    for _ in train_recipe(recipe, folder, CPU, save_seconds=0 if stops else 1e9):
        pass
    return (folder / "model.safetensors").read_bytes()


def test_a_recipe_becomes_a_model_that_loads_with_a_whole_card(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    _train(recipe, tmp_path / "out")
    model = native.load(tmp_path / "out")
    assert model.card.name == "tiny"
    assert model.card.recipe == "tiny.toml"
    assert model.card.sizes == ((16, 16),)
    assert model.card.latent_shape == (4, 4, 4)
    assert model.card.prediction == "v"
    assert not model.card.clip


def test_a_run_stopped_in_either_stage_gives_the_same_weights(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    assert _train(recipe, tmp_path / "whole") == _train(recipe, tmp_path / "broken", (2, 3, 2, 3, 2, 6))


def test_a_model_in_pixels_needs_no_codec(tmp_path: Path) -> None:
    text = RECIPE.replace("[codec]\nchannels = 4\nwidths = [16, 16]\n", "").replace(
        "[codec_train]\npictures = 24\nbatch = 4\n[decoder_train]\npictures = 16\nbatch = 4\n", ""
    )
    recipe = _recipe(tmp_path, text)
    _train(recipe, tmp_path / "out")
    card = native.load(tmp_path / "out").card
    assert card.codec.kind == "identity"
    assert card.clip


def test_a_loss_that_is_no_number_stops_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(decoded: Tensor, pictures: Tensor) -> Tensor:
        return (decoded - pictures).mean() * float("nan")

    monkeypatch.setattr("studio.training.tasks.picture_loss", poisoned)
    with pytest.raises(TrainingDivergedError, match="the codec went astray at step 1"):
        list(train_recipe(_recipe(tmp_path), tmp_path / "out", CPU))


@pytest.mark.parametrize(
    "change",
    [('name = "tiny"', 'name = "Ti/ny"'), ("widths = [16, 16]\nblocks", "widths = [16, 40]\nblocks")],
)
def test_a_recipe_that_can_make_no_model_is_refused_before_training(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    recipe = _recipe(tmp_path, RECIPE.replace(*change))
    with pytest.raises(RecipeError, match="cannot make a model"):
        next(train_recipe(recipe, tmp_path / "out", CPU))


def test_a_recipe_without_pictures_is_refused(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    for file in (tmp_path / "pictures").iterdir():
        file.unlink()
    with pytest.raises(RecipeError, match="holds no picture"):
        list(train_recipe(recipe, tmp_path / "out", CPU))
