"""``stepwise train`` makes a model, resumes, and says what is wrong in a sentence."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from studio.cli import main, train
from tests.engine.training.tiny_trainings import add_tiny_scales, draw_folder

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
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


def test_a_finished_training_is_not_repeated(recipe: Path, tmp_path: Path) -> None:
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


@pytest.fixture
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    add_tiny_scales(monkeypatch)
    return draw_folder(tmp_path / "My Squares!")


TINY = [
    "--scale",
    "tiny",
    "--size",
    "16",
    "--steps",
    "6",
    "--batch",
    "4",
    "--codec-steps",
    "3",
    "--device",
    "cpu",
]


def test_a_folder_becomes_a_listed_model_and_is_not_trained_twice(
    squares: Path, stepwise_home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (squares / "broken.jpg").write_bytes(b"x")
    samples = tmp_path / "samples"
    command = ["train", str(squares), *TINY, "--text-steps", "3", "--samples", str(samples)]
    assert main.run(command) == 0
    said = capsys.readouterr().err
    for words in (
        "Reading the pictures ...",
        "'my-squares' on 4 pictures (1 files not used)",
        "Note: Not used: broken.jpg is not a picture, or damaged.",
        "codec 3/3",
        "text 3/3",
        "backbone 6/6",
        "Saved the model my-squares",
        "Done in",
    ):
        assert words in said
    assert (stepwise_home / "models" / "my-squares" / "card.json").is_file()
    assert sorted(path.name for path in samples.iterdir()) == [
        "backbone-000006.png",
        "codec-000003.png",
        "text-000003.png",
    ]
    assert main.run(command) == 0
    assert "backbone" not in capsys.readouterr().err


def test_events_are_printed_as_json(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--backbone", "dit", "--schedule", "linear", "--prediction", "eps", "--pixels", "--min-snr", "5"]
    flags += ["--text-steps", "0", "--prompt", "a fox", "--prompt", "여우", "--name", "mine", "--json"]
    assert main.run(["train", str(squares), *TINY, *flags]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "TrainingFinished"
    assert kinds.count("TrainingStepped") == 6
    started = events[kinds.index("TrainingStarted")]
    assert started["stages"] == ["backbone"]
    asked = started["request"]
    assert (asked["backbone"], asked["schedule"], asked["prediction"]) == ("dit", "linear", "eps")
    assert (asked["latents"], asked["min_snr"], asked["name"]) == (False, 5, "mine")
    assert events[kinds.index("TrainingSampled")]["prompts"] == ["a fox", "여우"]
    assert events[kinds.index("TrainingStepped")]["bands"]


def test_an_estimate_is_printed_and_nothing_is_trained(
    squares: Path, stepwise_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (squares / "cut off.jpg").write_bytes(b"\xff\xd8\xff")
    assert main.run(["train", str(squares), *TINY, "--estimate"]) == 0
    said = capsys.readouterr()
    assert re.match(r"\d+ pictures, .* million parameters, about", said.out)
    assert "Not used: cut off.jpg is" in said.err
    assert main.run(["train", str(squares), *TINY, "--estimate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] > 0
    assert told["pictures"] > 1
    assert len(told["refused"]) == 1
    assert not (stepwise_home / "models").exists()


def test_nothing_is_estimated_without_training_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main.run(["train", str(tmp_path / "empty"), "--estimate"]) == 2
    assert "contains no picture" in capsys.readouterr().err
    assert main.run(["train", str(tmp_path / "nowhere"), "--estimate"]) == 2
    assert "cannot be found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--size", "100"], "size must be a multiple of 16"),
        (["--steps", "many"], "steps must be a whole number"),
        (["--scale", "huge"], "'huge' is not known"),
        (["--base", "nobody"], "'nobody' is not known"),
        (["--name", "starter"], "is the name of a model already"),
        (["--out", "there"], "out is for recipes"),
        (["--preview"], "preview is for recipes"),
    ],
)
def test_a_flag_that_cannot_be_used_is_one_sentence(
    squares: Path, flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["train", str(squares), *TINY, *flags]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_after_an_interrupt_it_says_that_the_same_command_resumes(
    squares: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = train.cancelled_by_interrupt

    @contextlib.contextmanager
    def interrupted() -> Iterator[threading.Event]:
        with real() as cancelled:
            cancelled.set()
            yield cancelled

    monkeypatch.setattr(train, "cancelled_by_interrupt", interrupted)
    assert main.run(["train", str(squares), *TINY]) == 130
    assert "the same command resumes" in capsys.readouterr().err


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
