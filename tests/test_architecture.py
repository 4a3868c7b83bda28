"""What the plan of the house promises and no linter can see."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LONGEST_FILE = 600
FULLEST_FOLDER = 15
LONGER_FILES: dict[str, int] = {}
"""Files that may be longer, and how long. When a file grows, two ideas live in it."""

TORCH_FREE = [
    "studio",
    "studio.errors",
    "studio.folders",
    "studio.logs",
    *(f"studio.runs.{found.name}" for found in pkgutil.iter_modules([str(ROOT / "studio" / "runs")])),
    "studio.diffusion.levels",
    "studio.diffusion.other_programs",
    "studio.diffusion.seeds",
    "studio.diffusion.spacings",
    "studio.diffusion.samplers",
    *(
        f"studio.engine.requests.{found.name}"
        for found in pkgutil.iter_modules([str(ROOT / "studio" / "engine" / "requests")])
    ),
    "studio.engine.events",
    "studio.engine.torch_setup",
    "studio.engine.sampling.preview_budget",
    "studio.engine.training.resumable",
    "studio.engine.training.scales",
    "studio.engine.training.estimate",
    "studio.engine.training.events",
    "studio.engine.training.request",
    "studio.training.data.inspect",
    *(
        f"studio.families.recognition.{found.name}"
        for found in pkgutil.iter_modules([str(ROOT / "studio" / "families" / "recognition")])
    ),
    *(
        f"studio.weights.{found.name}"
        for found in pkgutil.iter_modules([str(ROOT / "studio" / "weights")])
        if found.name not in ("compute", "reader")
    ),
    "studio.families.adapters.lora_layers",
    *(
        f"studio.checkpoints.library.{found.name}"
        for found in pkgutil.iter_modules([str(ROOT / "studio" / "checkpoints" / "library")])
    ),
    "studio.checkpoints.card",
    "studio.checkpoints.catalog",
    "studio.cli.models",
    "studio.downloads.download",
    "studio.downloads.suggested",
    *(f"studio.gallery.{found.name}" for found in pkgutil.iter_modules([str(ROOT / "studio" / "gallery")])),
]
QT_FREE = sorted(
    found.name
    for found in pkgutil.walk_packages([str(ROOT / "studio")], "studio.")
    if not f"{found.name}.".startswith("studio.ui.")
)

# Written in pieces, so that this file does not find itself.
LEFT_OVERS = {
    "an unfinished thought": re.compile("|".join([r"\bTO" + "DO", r"\bFIX" + "ME", r"\bXX" + r"X\b"])),
    "a path of somebody's machine": re.compile(
        "|".join(["/wo" + "rk/", "/op" + "t/wheels", "/ro" + r"ot/\S"])
    ),
    "a number of an issue": re.compile(r"(?i)\biss" + r"ue #?\d"),
    "a class that is named after nothing": re.compile(r"class \w*(Mana" + "ger|Hel" + "per|Uti" + r"ls?)\b"),
    "a load that runs code": re.compile(r"torch\.lo" + r"ad\("),
}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def blocking(*modules: str) -> str:
    """Python code after which ``modules`` cannot be imported."""
    return f"import sys; sys.modules.update(dict.fromkeys({modules!r})); "


def text_files() -> list[Path]:
    tops = ["studio", "tests", "packaging", "resources", ".ci"]
    kinds = {".py", ".md", ".toml", ".txt", ".json", ".sh", ""}
    inside = [
        path for top in tops for path in (ROOT / top).rglob("*") if path.suffix in kinds and path.is_file()
    ]
    return [
        path
        for path in [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *inside]
        if "__pycache__" not in path.parts
    ]


@pytest.mark.parametrize("module", TORCH_FREE)
def test_it_imports_without_torch(module: str) -> None:
    done = python(blocking("torch", "diffusers", "safetensors.torch", "PySide6") + f"import {module}")
    assert done.returncode == 0, done.stderr


def test_the_samplers_tell_their_options_without_torch() -> None:
    code = """
from dataclasses import fields
from studio.diffusion.samplers import SAMPLERS
assert {"ddpm", "ddim", "langevin", "pc"} <= SAMPLERS.keys()
for sampler in SAMPLERS.values():
    options = sampler.Options()
    assert all(field.metadata["label"] for field in fields(options)), sampler
"""
    done = python(blocking("torch") + code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("option", ["--help", "generate --help"])
def test_help_is_given_without_torch_numpy_and_pillow(option: str) -> None:
    words = ["stepwise", *option.split()]
    code = f"import runpy; sys.argv = {words!r}; runpy.run_module('studio', run_name='__main__')"
    done = python(blocking("torch", "numpy", "PIL", "PySide6") + code)
    assert done.returncode == 0, done.stderr
    assert "stepwise" in done.stdout


def test_the_engine_and_all_below_the_window_import_without_qt() -> None:
    names = [name for name in QT_FREE if name != "studio.__main__"]
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    done = python(blocking("PySide6", "shiboken6") + code)
    assert done.returncode == 0, done.stderr


def test_a_blocked_module_cannot_be_imported() -> None:
    assert python(blocking("torch") + "import studio.diffusion.noise").returncode == 1
    assert python(blocking("PIL") + "from PIL import Image").returncode == 1


@pytest.mark.parametrize("path", sorted((ROOT / "studio").rglob("*.py")), ids=lambda path: path.name)
def test_no_file_grows_too_long(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGER_FILES.get(name, LONGEST_FILE), f"{name} has {lines} lines: two ideas live in it"


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in (ROOT / "studio").rglob("*.py")}), ids=lambda path: path.name
)
def test_no_folder_grows_too_full(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "text.py")]
    assert len(modules) <= FULLEST_FOLDER, f"{folder.name} has {len(modules)} modules"


def test_the_list_of_longer_files_names_only_files_that_are() -> None:
    for name, allowed in LONGER_FILES.items():
        lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
        assert LONGEST_FILE < lines <= allowed


@pytest.mark.parametrize("what", LEFT_OVERS)
def test_no_leftovers_are_in_the_tree(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if LEFT_OVERS[what].search(line)
    ]
    assert not found, f"{what}:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("an unfinished thought", "# TO" + "DO later"),
        ("a path of somebody's machine", "open('/wo" + "rk/x')"),
        ("a number of an issue", "see iss" + "ue 2"),
        ("a class that is named after nothing", "class ModelMana" + "ger:"),
        ("a load that runs code", "torch.lo" + "ad(path)"),
    ],
)
def test_a_leftover_is_detected(what: str, line: str) -> None:
    assert LEFT_OVERS[what].search(line)


def test_every_package_below_studio_starts_empty_or_with_a_dict() -> None:
    for path in (ROOT / "studio").rglob("__init__.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path


def imports(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return the modules among `sources` that each imports, also those for type hints only."""
    return {
        name: {
            module
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            for module in (f"{node.module}.{alias.name}", node.module)
            if module in sources and module != name
        }
        for name, text in sources.items()
    }


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = (path for path in (ROOT / "studio").rglob("*.py") if path.name != "__init__.py")
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    TopologicalSorter(imports({name: path.read_text("utf-8") for name, path in names.items()})).prepare()


def test_a_circle_through_a_type_hint_is_detected() -> None:
    circle = {"a.b": "from a.c import C", "a.c": "if TYPE_CHECKING:\n    from a import b"}
    with pytest.raises(CycleError):
        TopologicalSorter(imports(circle)).prepare()
