"""The model folders of other programs are found by their layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.library.programs import find_programs

if TYPE_CHECKING:
    from pathlib import Path

LAYOUTS = {
    "ComfyUI": ("ComfyUI", ["models/checkpoints", "models/loras"], ["models"]),
    "A1111": ("stable-diffusion-webui", ["models/Stable-diffusion", "embeddings"], ["models", "embeddings"]),
    "Forge": (
        "stable-diffusion-webui-forge",
        ["models/Stable-diffusion", "embeddings"],
        ["models", "embeddings"],
    ),
    "SD.Next": ("sdnext", ["models/Stable-diffusion"], ["models"]),
    "InvokeAI": ("invokeai", ["models/sd-1/main"], ["models"]),
    "SwarmUI": ("SwarmUI", ["Models/Stable-Diffusion"], ["Models"]),
    "Stability Matrix": ("StabilityMatrix", ["Models/StableDiffusion"], ["Models"]),
    "Fooocus": ("Fooocus", ["models/prompt_expansion"], ["models"]),
    "Hugging Face": (".cache/huggingface/hub", ["models--stabilityai--sdxl-turbo"], [""]),
}


def make(home: Path, folders: list[str]) -> Path:
    for folder in folders:
        (home / folder).mkdir(parents=True)
    return home


TOP = ("", "Documents", "AI")
PLACES = [(title, top) for title in LAYOUTS for top in TOP if title != "Hugging Face" or not top]


@pytest.mark.parametrize(("title", "place"), PLACES)
def test_a_program_is_found_where_people_install_it(tmp_path: Path, title: str, place: str) -> None:
    name, inside, models = LAYOUTS[title]
    home = make(tmp_path / place / name, inside)
    (found,) = find_programs(tmp_path, {}, ())
    assert (found.title, found.home) == (title, home)
    assert found.models == tuple(home / model for model in models)


def test_all_are_found_at_once_and_each_once(tmp_path: Path) -> None:
    for name, inside, _ in LAYOUTS.values():
        make(tmp_path / name, inside)
    (tmp_path / "AI").symlink_to(tmp_path)
    assert sorted(found.title for found in find_programs(tmp_path, {}, ())) == sorted(LAYOUTS)


def test_a_folder_of_the_right_name_without_models_is_none(tmp_path: Path) -> None:
    make(tmp_path, ["ComfyUI/web", "stable-diffusion-webui/scripts", ".cache/huggingface/hub/version"])
    assert find_programs(tmp_path, {}, ()) == ()


def test_environment_variables_name_the_folder(tmp_path: Path) -> None:
    invoke = make(tmp_path / "disk/invoke", ["models"])
    hub = make(tmp_path / "disk/hf", ["hub/models--a--b"]) / "hub"
    found = find_programs(tmp_path / "home", {"INVOKEAI_ROOT": str(invoke), "HF_HOME": str(hub.parent)}, ())
    assert [(one.title, one.home) for one in found] == [("InvokeAI", invoke), ("Hugging Face", hub)]


def test_other_drives_are_searched(tmp_path: Path) -> None:
    home = make(tmp_path / "drive/ComfyUI_windows_portable/ComfyUI", ["models/checkpoints"])
    (found,) = find_programs(tmp_path / "home", {}, (tmp_path / "drive",))
    assert found.home == home
