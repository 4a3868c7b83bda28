"""What commit 124763c wrote opens, goes on and verifies: pictures, runs, catalogue, models, trainings."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from studio.cli.main import run
from studio.folders import Folders
from studio.gallery.store import PictureStore
from tests.engine.training.tiny_trainings import add_tiny_scales
from tests.golden.commands import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Stepwise = Callable[..., Any]

ROUNDING = 2
"""The most by which pixels may differ on another processor than that of the recording, of 255."""
TINY = [
    "--backbone",
    "dit",
    "--scale",
    "tiny",
    "--size",
    "16",
    "--batch",
    "4",
    "--pixels",
    "--text-steps",
    "0",
]


def outputs(home: Path) -> list[Path]:
    return sorted((home / "outputs").glob("*.png"))


@pytest.mark.parametrize("number", [1, 2, 3], ids=["a picture", "of a long run", "a fork"])
def test_an_old_picture_verifies(old_home: Path, stepwise: Stepwise, number: int) -> None:
    picture = next((old_home / "outputs").glob(f"{number:06}-*.png"))
    ran = stepwise("verify", picture, "--device", "cpu", "--json")
    told = json.loads(ran.out)
    assert told["largest"] <= ROUNDING
    assert (ran.code == 0) is told["identical"]
    assert told["differs"].keys() <= {"stepwise-studio", "python", "torch", "device", "dtype"}


def test_an_altered_picture_does_not_verify(old_home: Path, stepwise: Stepwise) -> None:
    ran = stepwise("verify", old_home / "altered.png", "--device", "cpu", "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["largest"] > 10 * ROUNDING


def test_the_old_runs_are_listed_with_their_pin_and_their_parent(old_home: Path, stepwise: Stepwise) -> None:
    runs = {one["run"][:6]: one for one in json.loads(stepwise("runs", "--json", "--limit", "0").out)}
    assert {"000001", "000002", "000003"} <= runs.keys()
    assert runs["000002"]["pinned"]
    assert not runs["000001"]["pinned"]
    assert runs["000003"]["parent"] == runs["000001"]["run"]
    assert runs["000001"]["request"]["prompt"] == "a red dog"
    assert runs["000002"]["steps"] == {"first": 0, "last": 140, "recorded": 140}
    assert len(runs["000002"]["kept"]) in (128, 129)


def test_a_fork_of_an_old_run_that_changes_nothing_is_its_picture(old_home: Path, stepwise: Stepwise) -> None:
    ran = stepwise("fork", "1", "--at", "3", "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    made = json.loads(ran.out)["path"]
    verdict = stepwise("verify", made, "--device", "cpu", "--json")
    assert verdict.code == 0
    old = next((old_home / "outputs").glob("000001-*.png"))
    largest = abs(pixels(old) - pixels(made)).max()
    assert largest <= ROUNDING


def pixels(path: Path | str) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_step_that_the_old_run_did_not_keep_is_computed_and_forked(
    old_home: Path, stepwise: Stepwise
) -> None:
    kept = json.loads(stepwise("runs", "show", "2", "--json").out)[0]["kept"]
    missing = next(step for step in range(1, 140) if step not in kept)
    ran = stepwise("fork", "2", "--at", str(missing), "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    old = next((old_home / "outputs").glob("000002-*.png"))
    assert abs(pixels(old) - pixels(json.loads(ran.out)["path"])).max() <= ROUNDING


def test_the_old_catalogue_lists_its_pictures_with_their_ids(old_home: Path) -> None:
    catalogue = PictureStore.of(Folders.under(old_home)).catalogue
    ids = catalogue.ids()
    assert len(ids) == len(outputs(old_home)) == catalogue.count()
    assert not list((old_home / "catalogue").glob("*damaged*"))
    prompts = {entry.path.name[:6]: entry.metadata.request["prompt"] for entry in catalogue.entries()}
    assert prompts["000001"] == "a red dog"
    assert prompts["000003"] == "a blue dog"


def test_the_old_model_is_listed_and_makes_pictures(old_home: Path, stepwise: Stepwise) -> None:
    cards = {one["name"]: one for one in json.loads(stepwise("models", "--json").out)}
    assert {"tiny", "taught", "starter", "starter-dit"} <= cards.keys()
    ran = stepwise(
        "generate", "a red dog", "--model", "tiny", "--seed", "7", "--steps", "6", "--device", "cpu"
    )
    assert ran.code == 0, ran.err
    old = next((old_home / "outputs").glob("000001-*.png"))
    assert abs(pixels(old) - pixels(ran.out.strip())).max() <= ROUNDING


def model(home: Path, name: str) -> dict[str, np.ndarray[Any, Any]]:
    return load_file(home / "models" / name / "model.safetensors")


def distance(one: dict[str, np.ndarray[Any, Any]], other: dict[str, np.ndarray[Any, Any]]) -> float:
    """Return the largest difference of two weights."""
    assert one.keys() == other.keys()
    return max(float(abs(one[key].astype(float) - other[key].astype(float)).max()) for key in one)


def test_an_interrupted_training_goes_on_to_its_end(
    old_home: Path, stepwise: Stepwise, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiny_scales(monkeypatch)
    said = json.loads((RECORDED / "training.json").read_text())
    command = [
        "train",
        str(old_home / "squares"),
        *TINY,
        "--codec-steps",
        "3",
        "--steps",
        "12",
        "--device",
        "cpu",
        "--json",
    ]
    ran = stepwise(*command, "--name", "squares")
    assert ran.code == 0, ran.err
    events = [json.loads(line) for line in ran.out.splitlines()]
    steps = [(one["stage"], one["step"]) for one in events if one["event"] == "TrainingStepped"]
    assert steps[0] == (said["stage"], said["step"] + 1)
    assert steps[-1] == (said["stage"], said["steps"])
    resumed = model(old_home, "squares")
    for name, seed in (("unbroken", "0"), ("other", "1")):
        assert run([*command, "--name", name, "--seed", seed]) == 0
    near = distance(resumed, model(old_home, "unbroken"))
    assert near < 0.01
    assert distance(resumed, model(old_home, "other")) > 10 * near


def test_an_interrupted_recipe_goes_on_to_its_end(old_home: Path, stepwise: Stepwise) -> None:
    recipe = old_home / "recipes" / "taught.toml"
    command = ["train", str(recipe), "--device", "cpu"]
    begun = time.time()
    ran = stepwise(*command)
    assert ran.code == 0, ran.err
    assert "10/10" in ran.err
    resumed = model(old_home, "taught")
    assert (old_home / "models" / "taught" / "model.safetensors").stat().st_mtime >= begun - 2
    shutil.move(old_home / "models" / "taught", old_home / "resumed")
    assert stepwise(*command).code == 0
    near = distance(resumed, model(old_home, "taught"))
    assert near < 0.01
