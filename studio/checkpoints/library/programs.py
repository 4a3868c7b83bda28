"""Where other programs keep their model files: a table of layouts, and a search for them on this machine.

Nothing is read but the names of a few folders, and nothing is searched deeper than the places in the table.
"""

from __future__ import annotations

import os
import string
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that keeps models in a layout of its own.

    Attributes:
        title: its name, not translated.
        folders: the names under which people install it.
        sign: a folder in it that shows that it is this program.
        models: the folders in it that hold models.
        variables: environment variables that name its folder.
    """

    title: str
    folders: tuple[str, ...]
    sign: str
    models: tuple[str, ...]
    variables: tuple[str, ...] = ()


PROGRAMS = (
    Program(
        title="ComfyUI",
        folders=(
            "ComfyUI",
            "comfyui",
            "comfy/ComfyUI",
            "ComfyUI_windows_portable/ComfyUI",
            ".local/share/krita/ai_diffusion/server/ComfyUI",
            "AppData/Roaming/krita/ai_diffusion/server/ComfyUI",
            "pinokio/api/comfy.git/app",
        ),
        sign="models/checkpoints",
        models=("models",),
    ),
    Program(
        title="Forge",
        folders=(
            "stable-diffusion-webui-forge",
            "sd-webui-forge-neo",
            "sd-webui-forge-classic",
            "stable-diffusion-webui-reForge",
            "webui_forge_cu121_torch231/webui",
        ),
        sign="models/Stable-diffusion",
        models=("models", "embeddings"),
    ),
    Program(
        title="A1111",
        folders=("stable-diffusion-webui", "sd.webui/webui", "stable-diffusion-webui-master"),
        sign="models/Stable-diffusion",
        models=("models", "embeddings"),
    ),
    Program(
        title="SD.Next",
        folders=("sdnext", "SD.Next", "automatic"),
        sign="models/Stable-diffusion",
        models=("models",),
    ),
    Program(
        title="InvokeAI",
        folders=("invokeai", "InvokeAI", ".invokeai"),
        sign="models",
        models=("models", "autoimport"),
        variables=("INVOKEAI_ROOT",),
    ),
    Program(
        title="SwarmUI",
        folders=("SwarmUI", "swarmui", "StableSwarmUI"),
        sign="Models/Stable-Diffusion",
        models=("Models",),
    ),
    Program(
        title="Stability Matrix",
        folders=("StabilityMatrix", "StabilityMatrix/Data", "AppData/Roaming/StabilityMatrix"),
        sign="Models/StableDiffusion",
        models=("Models",),
    ),
    Program(
        title="Fooocus",
        folders=("Fooocus", "Fooocus_win64_2-5-0/Fooocus"),
        sign="models/prompt_expansion",
        models=("models",),
    ),
)
"""A folder with the sign of two programs counts for the first whose own names it has.

Layouts: ComfyUI `folder_paths.py`; A1111 `modules/paths.py`, `modules/sd_models.py`; Forge as A1111; InvokeAI
`app/services/config/config_default.py` (``models_dir``, ``autoimport``); SwarmUI `src/Core/Settings.cs`
(``ModelRoot``, ``SDModelFolder``); Stability Matrix `SharedFolderType.cs`.
"""

_PLACES = ("", "Documents", "Downloads", "Desktop", "AI", "ai", "apps", "git", "src", "Projects")
"""Folders of the user in which programs are looked for."""


@dataclass(frozen=True)
class FoundFolders:
    """Model folders of another program, or of the cache of Hugging Face.

    Attributes:
        title: the program's name.
        home: where it is.
        models: its folders with models, all of which exist.
    """

    title: str
    home: Path
    models: tuple[Path, ...]


def find_programs(
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
    drives: tuple[Path, ...] | None = None,
) -> tuple[FoundFolders, ...]:
    """Return the model folders of other programs on this machine, each once, in the order of `PROGRAMS`.

    Args:
        home: the user's folder; None for this user's.
        environment: environment variables; None for those of this process.
        drives: further places in which to look; None for the roots of all drives on Windows, and none elsewhere.
    """
    variables = os.environ if environment is None else environment
    user = Path.home() if home is None else home
    searched = [user / place if place else user for place in _PLACES]
    searched += _drives() if drives is None else drives
    found: dict[object, FoundFolders] = {}
    for program in PROGRAMS:
        for folder in _homes(program, searched, variables):
            models = _models(program, folder)
            if models and (place := _place(folder)) not in found:
                found[place] = FoundFolders(program.title, folder, models)
    for folder in _hugging_face(user, variables):
        if _has_repositories(folder) and (place := _place(folder)) not in found:
            found[place] = FoundFolders("Hugging Face", folder, (folder,))
    return tuple(found.values())


def _homes(program: Program, places: list[Path], variables: Mapping[str, str]) -> Iterator[Path]:
    for variable in program.variables:
        if value := variables.get(variable, "").strip():
            yield Path(value)
    for place in places:  # "Documents/ComfyUI" is where the Desktop edition keeps its files
        for name in program.folders:
            yield place / name


def _models(program: Program, folder: Path) -> tuple[Path, ...]:
    try:
        if not (folder / program.sign).is_dir():
            return ()
        return tuple(path for name in program.models if (path := folder / name).is_dir())
    except (OSError, ValueError):
        return ()


def _hugging_face(user: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """Where huggingface_hub keeps downloads: `constants.py`, ``HF_HUB_CACHE``."""
    if value := variables.get("HF_HUB_CACHE", "") or variables.get("HUGGINGFACE_HUB_CACHE", ""):
        yield Path(value)
    if value := variables.get("HF_HOME", ""):
        yield Path(value) / "hub"
    if value := variables.get("XDG_CACHE_HOME", ""):
        yield Path(value) / "huggingface" / "hub"
    yield user / ".cache" / "huggingface" / "hub"


def _has_repositories(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.startswith("models--") and entry.is_dir() for entry in entries)
    except (OSError, ValueError):
        return False


def _place(folder: Path) -> object:
    """What is the same for one folder, however its name is written and whichever links lead to it."""
    try:
        status = folder.stat()
    except OSError:
        return folder
    return status.st_dev, status.st_ino


def _drives() -> tuple[Path, ...]:
    if sys.platform != "win32":
        return ()
    return tuple(drive for letter in string.ascii_uppercase if (drive := Path(f"{letter}:/")).exists())
