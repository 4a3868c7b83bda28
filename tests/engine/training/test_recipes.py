"""From a recipe to a model that loads, with stops on the way."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image
from torch import Tensor

from studio.backbones.codec import Codec
from studio.checkpoints import native
from studio.checkpoints.preview import PREVIEW_CARD, PREVIEW_WEIGHTS, load_preview
from studio.checkpoints.words import read_words
from studio.engine.training.recipe_trainer import train_preview, train_recipe
from studio.engine.training.stage import TrainingDivergedError
from studio.errors import CheckpointError, RecipeError
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
[preview]
width = 8
layers = 1
[preview_train]
pictures = 12
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
    assert read_words(tmp_path / "out").names


def preview_files(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in (PREVIEW_CARD, PREVIEW_WEIGHTS)]


def test_a_preview_decoder_lies_beside_the_model_and_fits_it(tmp_path: Path) -> None:
    _train(_recipe(tmp_path), tmp_path / "out")
    codec = native.load(tmp_path / "out").codec
    assert isinstance(codec, Codec)
    decoder = load_preview(tmp_path / "out", codec, CPU)
    assert decoder is not None
    assert decoder(torch.zeros(1, 4, 4, 4)).shape == (1, 3, 16, 16)


def test_the_model_does_not_know_of_its_preview_decoder(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    without = dataclasses.replace(recipe, preview_loop=None)
    assert _train(recipe, tmp_path / "with") == _train(without, tmp_path / "without")
    assert not (tmp_path / "without" / PREVIEW_CARD).exists()


def test_a_preview_decoder_is_made_for_a_model_that_is_there_and_nothing_else_is_touched(
    tmp_path: Path,
) -> None:
    recipe, folder = _recipe(tmp_path), tmp_path / "out"
    weights = _train(recipe, folder)
    card = (folder / "card.json").read_bytes()
    shutil.rmtree(folder / "training")
    for name in (PREVIEW_CARD, PREVIEW_WEIGHTS):
        (folder / name).unlink()
    for stop in (1, 1, None):  # stopped twice on the way
        steps = train_preview(recipe, folder, CPU, save_seconds=0)
        assert [progress.stage for progress in itertools.islice(steps, stop)]
        steps.close()  # type: ignore[attr-defined]
    assert (folder / "model.safetensors").read_bytes() == weights
    assert (folder / "card.json").read_bytes() == card
    assert load_preview(folder, native.load(folder).codec, CPU) is not None  # type: ignore[arg-type]
    unbroken = tmp_path / "unbroken"
    shutil.copytree(folder, unbroken, ignore=shutil.ignore_patterns("training", "preview*"))
    list(train_preview(recipe, unbroken, CPU))
    assert preview_files(unbroken) == preview_files(folder)


def test_a_model_that_cannot_have_a_preview_decoder_is_told(tmp_path: Path) -> None:
    recipe, folder = _recipe(tmp_path), tmp_path / "out"
    _train(recipe, folder)
    with pytest.raises(RecipeError, match=r"no section \[preview_train\]"):
        next(train_preview(dataclasses.replace(recipe, preview_loop=None), folder, CPU))
    wide = dataclasses.replace(recipe, preview=dataclasses.replace(recipe.preview, channels=5))  # type: ignore[type-var]
    with pytest.raises(RecipeError, match="describes another codec"):
        next(train_preview(wide, folder, CPU))
    with pytest.raises(CheckpointError, match="is missing"):
        next(train_preview(recipe, tmp_path / "nothing", CPU))


def test_a_run_stopped_in_either_stage_gives_the_same_weights(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    whole = _train(recipe, tmp_path / "whole")
    assert whole == _train(recipe, tmp_path / "broken", (2, 3, 2, 3, 2, 3, 2, 6))
    assert preview_files(tmp_path / "whole") == preview_files(tmp_path / "broken")


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
