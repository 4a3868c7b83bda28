"""``stepwise train`` makes a model, resumes, and says what is wrong in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from studio.cli import main
from studio.cli.train import recipe_of
from studio.engine.train import card_of

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
[about]
name = "tiny"
title = "Tiny"
training_data = "one square"
[data]
kind = "folder"
path = "."
size = 8
[text]
features = 16
buckets = 64
layers = 1
heads = 2
[backbone]
kind = "dit"
features = 16
layers = 1
heads = 2
[train]
pictures = 12
batch = 4
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_becomes_a_listed_model(
    recipe: Path, stepwise_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["train", str(recipe), "--device", "cpu"]) == 0
    assert "backbone 3/3" in capsys.readouterr().err
    assert (stepwise_home / "models" / "tiny" / "card.json").is_file()
    assert main.run(["models"]) == 0
    assert "tiny" in capsys.readouterr().out


def test_a_finished_training_is_not_done_again(recipe: Path, tmp_path: Path) -> None:
    command = ["train", str(recipe), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main.run(command) == 0
    written = (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns
    assert main.run(command) == 0
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == written


@pytest.mark.parametrize("source", ["none.toml", "broken.toml", "empty"])
def test_what_cannot_be_trained_on_is_one_sentence(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.toml").write_text("[about")
    (tmp_path / "empty").mkdir()
    assert main.run(["train", str(tmp_path / source), "--device", "cpu"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert source in said
    assert "Traceback" not in said


def test_a_folder_gets_a_recipe_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "My Drawings!"
    folder.mkdir()
    recipe = recipe_of(folder)
    assert recipe.about.name == "my-drawings"
    assert recipe.data.path == str(folder)
    assert card_of(recipe).title == "My Drawings!"


def test_a_preview_decoder_can_be_made_alone(
    recipe: Path, stepwise_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(recipe), "--device", "cpu"]
    assert main.run(command) == 0
    assert main.run([*command, "--preview"]) == 2
    assert "has no section [preview_train]" in capsys.readouterr().err
    loops = "".join(f"[{name}_train]\npictures = 4\nbatch = 4\n" for name in ("codec", "preview"))
    recipe.write_text(RECIPE + "[codec]\nchannels = 4\nwidths = [16, 16]\n[preview]\nwidth = 8\n" + loops)
    assert main.run([*command, "--out", str(stepwise_home / "other")]) == 0
    folder = stepwise_home / "other"
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.*")}
    (folder / "training" / "preview.safetensors").unlink()
    assert main.run([*command, "--out", str(folder), "--preview"]) == 0
    said = capsys.readouterr().err
    assert "the preview decoder goes to" in said
    assert "preview 1/1" in said
    changed = {path.name for path in folder.glob("*.*") if path.stat().st_mtime_ns != before[path.name]}
    assert changed == {"preview.json", "preview.safetensors"}
