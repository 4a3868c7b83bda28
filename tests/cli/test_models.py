"""``stepwise models`` and ``stepwise doctor``: what is there, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.folder import read_card, write_card
from studio.cli.doctor import free_bytes
from studio.cli.models import headline
from studio.cli.output import table
from studio.engine.device import device as device_module
from studio.folders import Folders
from tests.downloads.hub import Repository, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]


def test_models_are_listed_with_what_their_cards_say(stepwise: Stepwise, home: Path) -> None:
    folder = home / "models" / "tiny"
    card = dataclasses.replace(
        read_card(folder), evaluation={"top1": 0.861, "background": 0.97, "seeds": [0]}
    )
    write_card(folder, card)
    ran = stepwise("models")
    assert ran.code == 0
    (line,) = (line for line in ran.out.splitlines() if line.startswith("tiny "))
    for part in ("unet", "16x16, 32x16", "cosine", "0.3 M", "CC0-1.0", "top-1 86.1%, background 97.0%"):
        assert part in line


def test_a_broken_model_is_listed_with_its_sentence(stepwise: Stepwise, home: Path) -> None:
    (home / "models" / "tiny" / "model.safetensors").unlink()
    ran = stepwise("models")
    assert ran.code == 0
    assert "Cannot be used: The model file" in ran.out
    assert "is missing" in ran.out


def test_models_as_json_contain_the_whole_card(stepwise: Stepwise, home: Path) -> None:
    (model,) = (model for model in json.loads(stepwise("models", "--json").out) if model["name"] == "tiny")
    assert model["folder"] == str(home / "models" / "tiny")
    assert model["card"]["prediction"] == "v"
    assert (model["error"], model["shipped"]) == (None, False)


def test_a_download_prints_its_sizes_first_and_is_listed_when_it_is_there(
    stepwise: Stepwise, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = home / "models" / "tiny"
    files = {name: (source / name).read_bytes() for name in ("card.json", "model.safetensors")}
    renamed = files["card.json"].replace(b'"tiny"', b'"forest"')
    with serving() as hub:
        hub.repositories["artist/forest"] = Repository({**files, "card.json": renamed, "run.py": b"x"})
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        asked = stepwise("models", "--download", "artist/forest")
        assert asked.code == 0
        assert "in all, of artist/forest; licence: openrail++" in asked.out
        assert "Add --yes to download it." in asked.out
        assert not (home / "models" / "forest").exists()
        done = stepwise("models", "--download", "https://huggingface.co/artist/forest", "--yes")
        assert done.code == 0, done.err
        assert done.out.splitlines()[-1] == str(home / "models" / "forest")
        missing = stepwise("models", "--download", "artist/forests", "--yes")
    assert {path.name for path in (home / "models" / "forest").iterdir()} == {
        "card.json",
        "model.safetensors",
    }
    assert "forest" in stepwise("models").out
    assert missing.code == 2
    assert "artist/forests does not exist on the Hub" in missing.err


def test_suggested_models_are_listed_with_size_licence_and_how_to_get_them(stepwise: Stepwise) -> None:
    listed = stepwise("models", "--suggested").out
    assert "DreamShaper 8: 2.0 GiB" in listed
    assert "CreativeML OpenRAIL-M" in listed
    assert "stepwise models --download Lykon/dreamshaper-8" in listed


def test_the_headline_of_an_evaluation_takes_what_is_there() -> None:
    assert headline({}) == ""
    assert headline({"top1": 0.5}) == "top-1 50.0%"
    assert headline({"top1": "high", "background": None}) == ""


def test_a_table_is_aligned_and_long_cells_are_cut() -> None:
    assert table([("a", "b"), ("long", "x")]) == ["a     b", "long  x"]
    assert table([("x" * 100, "y")]) == ["x" * 39 + "…  y"]


def test_doctor_lists_devices_versions_folders_and_free_space(stepwise: Stepwise, home: Path) -> None:
    ran = stepwise("doctor")
    assert ran.code == 0
    for part in ("device cpu: ", "<- used, ", "torch ", "models: ", str(home / "outputs"), "GiB free"):
        assert part in ran.out
    found = json.loads(stepwise("doctor", "--json").out)
    assert found["devices"][-1]["name"] == "cpu"
    assert {place["name"] for place in found["folders"]} == {
        field.name for field in dataclasses.fields(Folders)
    }
    assert all(place["free_bytes"] > 0 for place in found["folders"])
    assert "tiny" in found["models"]
    assert not (home / "outputs").exists(), "the doctor changes nothing"


def test_doctor_names_a_gpu_that_torch_cannot_use(
    stepwise: Stepwise, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = device_module.choose("cpu")
    monkeypatch.setattr(device_module, "find_devices", lambda: (cpu,))
    monkeypatch.setattr(device_module, "installed_gpus", lambda: ("an NVIDIA GPU",))
    assert "Problem: This machine has an NVIDIA GPU, but the installed torch" in stepwise("doctor").out
    monkeypatch.setattr(device_module, "installed_gpus", lambda: ())
    assert "No problems were found." in stepwise("doctor").out


def test_doctor_names_broken_models_and_full_disks(
    stepwise: Stepwise, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "models" / "tiny" / "card.json").write_text("{")
    monkeypatch.setattr("studio.cli.doctor.free_bytes", lambda _: 1000)
    out = stepwise("doctor").out
    assert "Problem: The model file" in out
    assert f"Problem: Little space is left in {home / 'outputs'}: 0.00 GiB." in out


def test_free_space_is_that_of_the_nearest_existing_folder(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet" / "there") == pytest.approx(free_bytes(tmp_path), rel=0.1)
    assert free_bytes(Path("relative")) is not None
