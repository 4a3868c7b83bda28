"""From a recipe to a model in a folder, with stops on the way."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image
from torch import Tensor

from studio.backbones.codec import Codec
from studio.checkpoints import native
from studio.checkpoints.folder import read_card, write_card
from studio.checkpoints.preview import PREVIEW_CARD, PREVIEW_WEIGHTS, load_preview
from studio.checkpoints.words import read_words
from studio.engine.device.device import choose
from studio.engine.training.events import CheckpointSaved, TrainingStepped, TrainingStopped
from studio.engine.training.pipeline import train, train_preview_decoder
from studio.engine.training.request import TrainRequest
from studio.engine.training.stage import TrainingDivergedError
from studio.errors import CheckpointError, RecipeError
from studio.folders import Folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.engine.training.events import TrainEvent

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
PREVIEW_TRAIN = "[preview_train]\npictures = 12\nbatch = 4\n"


def _recipe(tmp_path: Path, text: str = RECIPE) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir(exist_ok=True)
    for color in ("red", "blue"):
        Image.new("RGB", (16, 16), color).save(pictures / f"{color}.png")
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    return path


def _request(recipe: Path, save_seconds: float) -> TrainRequest:
    return TrainRequest(source=str(recipe), name="tiny", save_seconds=save_seconds, sample_seconds=1e6)


def _events(
    recipe: Path, folder: Path, save_seconds: float = 1e6, cancelled: threading.Event | None = None
) -> Iterator[TrainEvent]:
    return train(
        _request(recipe, save_seconds),
        Folders.under(folder.parent / "home"),
        choose("cpu"),
        cancelled=cancelled or threading.Event(),
        job_id="one",
        recipe_folder=folder,
    )


def _preview_events(recipe: Path, folder: Path, save_seconds: float = 1e6) -> Iterator[TrainEvent]:
    return train_preview_decoder(
        _request(recipe, save_seconds), folder, choose("cpu"), cancelled=threading.Event(), job_id="one"
    )


def _train(recipe: Path, folder: Path, stops: tuple[int, ...] = ()) -> bytes:
    """Train in sittings that end after as many steps, saving at every step; return the weights file."""
    for stop in stops:
        events = _events(recipe, folder, save_seconds=0)
        steps = 0
        for event in events:
            steps += isinstance(event, TrainingStepped)
            if steps > stop:
                break
        events.close()  # type: ignore[attr-defined]
    for _ in _events(recipe, folder, save_seconds=0 if stops else 1e6):
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


def test_a_preview_decoder_does_not_change_the_model(tmp_path: Path) -> None:
    whole = _train(_recipe(tmp_path), tmp_path / "with")
    without = _recipe(tmp_path, RECIPE.replace(PREVIEW_TRAIN, ""))
    assert whole == _train(without, tmp_path / "without")
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
        events = _preview_events(recipe, folder, save_seconds=0)
        stepped = (event for event in events if isinstance(event, TrainingStepped))
        assert [event.stage for event in itertools.islice(stepped, stop)]
        events.close()  # type: ignore[attr-defined]
    assert (folder / "model.safetensors").read_bytes() == weights
    assert (folder / "card.json").read_bytes() == card
    assert load_preview(folder, native.load(folder).codec, CPU) is not None  # type: ignore[arg-type]
    unbroken = tmp_path / "unbroken"
    shutil.copytree(folder, unbroken, ignore=shutil.ignore_patterns("training", "preview*"))
    list(_preview_events(recipe, unbroken))
    assert preview_files(unbroken) == preview_files(folder)


def test_a_model_that_cannot_have_a_preview_decoder_is_rejected(tmp_path: Path) -> None:
    recipe, folder = _recipe(tmp_path), tmp_path / "out"
    _train(recipe, folder)
    with pytest.raises(CheckpointError, match="is missing"):
        next(_preview_events(recipe, tmp_path / "nothing"))
    _recipe(tmp_path, RECIPE.replace(PREVIEW_TRAIN, ""))
    with pytest.raises(RecipeError, match=r"no section \[preview_train\]"):
        next(_preview_events(recipe, folder))
    _recipe(tmp_path, RECIPE.replace("channels = 4", "channels = 5"))
    with pytest.raises(RecipeError, match="describes another codec"):
        next(_preview_events(recipe, folder))


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


def test_a_loss_that_is_not_a_number_ends_the_training_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(decoded: Tensor, pictures: Tensor) -> Tensor:
        return (decoded - pictures).mean() * float("nan")

    monkeypatch.setattr("studio.training.tasks.picture_loss", poisoned)
    with pytest.raises(TrainingDivergedError, match="the codec diverged at step 1"):
        list(_events(_recipe(tmp_path), tmp_path / "out"))


@pytest.mark.parametrize(
    "change",
    [('name = "tiny"', 'name = "Ti/ny"'), ("widths = [16, 16]\nblocks", "widths = [16, 40]\nblocks")],
)
def test_a_recipe_that_can_make_no_model_is_refused_before_training(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    recipe = _recipe(tmp_path, RECIPE.replace(*change))
    with pytest.raises(RecipeError, match="cannot make a model"):
        next(_events(recipe, tmp_path / "out"))


def test_a_recipe_without_pictures_is_refused(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    for file in (tmp_path / "pictures").iterdir():
        file.unlink()
    with pytest.raises(RecipeError, match="contains no picture"):
        list(_events(recipe, tmp_path / "out"))


def test_a_recipe_that_is_stopped_saves_its_state_first(tmp_path: Path) -> None:
    recipe, cancelled = _recipe(tmp_path), threading.Event()
    for event in _events(recipe, tmp_path / "out", cancelled=cancelled):
        if isinstance(event, TrainingStepped) and (event.stage, event.step) == ("backbone", 4):
            cancelled.set()
    assert isinstance(event, TrainingStopped)
    assert (event.stage, event.step, event.model) == ("backbone", 4, "tiny")
    assert native.load(tmp_path / "out").card.training["step"] == 4
    assert _train(recipe, tmp_path / "out") == _train(recipe, tmp_path / "unbroken")


def test_a_finished_recipe_is_not_trained_again_even_if_an_older_version_trained_it(tmp_path: Path) -> None:
    recipe, folder = _recipe(tmp_path), tmp_path / "out"
    _train(recipe, folder)
    assert not any(isinstance(event, TrainingStepped | CheckpointSaved) for event in _events(recipe, folder))
    card = read_card(folder)
    write_card(folder, dataclasses.replace(card, training={}))  # as an older version leaves it
    (folder / "training" / "training.json").unlink()
    (folder / "training" / "history.json").unlink()
    assert not any(isinstance(event, TrainingStepped | CheckpointSaved) for event in _events(recipe, folder))


def test_the_states_of_a_finished_recipe_stay_and_serve_another_backbone(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    _train(recipe, tmp_path / "one")
    shutil.copytree(tmp_path / "one" / "training", tmp_path / "other" / "training")
    (tmp_path / "other" / "training" / "backbone.safetensors").unlink()
    stages = {
        event.stage for event in _events(recipe, tmp_path / "other") if isinstance(event, TrainingStepped)
    }
    assert stages == {"backbone"}
