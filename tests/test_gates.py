"""Style, types and layers hold over the whole tree, and the layers' contracts reject what they should.

Type stubs, and the words of the tools, change from version to version: these tests run with the versions that
``packaging/requirements*.txt`` pin, which are those the launcher installs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def other_versions() -> list[str]:
    """Return the packages that are installed in another version than the pinned one, but for its build ("+cpu")."""
    found = []
    for file in sorted((ROOT / "packaging").glob("requirements*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, pinned, rest = line.partition("==")
            if pinned and ";" not in rest:
                try:
                    installed = version(name).split("+")[0]
                except PackageNotFoundError:
                    installed = "not installed"
                if installed != rest.strip():
                    found.append(f"{name} {installed}")
    return found


OTHERS = other_versions()
pytestmark = pytest.mark.skipif(bool(OTHERS), reason=f"not as pinned: {', '.join(OTHERS[:5])}")


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return run(sys.executable, "-c", script, folder=folder)


def test_ruff_finds_nothing() -> None:
    done = run(sys.executable, "-m", "ruff", "check", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_would_format_nothing() -> None:
    done = run(sys.executable, "-m", "ruff", "format", "--check", ".")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(900)
def test_mypy_finds_nothing() -> None:
    done = run(sys.executable, "-m", "mypy")
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_point_down_only() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def lint_type_hints(folder: Path, settings: Path) -> subprocess.CompletedProcess[str]:
    """Check the layers of the window in ``folder``, also for imports that only type hints need."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    excluded = "exclude_type_checking_imports = true"
    assert excluded in text
    settings.write_text(text.replace(excluded, excluded.replace("true", "false")), encoding="utf-8")
    script = (
        "import sys; from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports({str(settings)!r}, limit_to_contracts=('window',), no_cache=True))"
    )
    return run(sys.executable, "-c", script, folder=folder)


def test_type_hints_of_the_window_point_down_only(tmp_path: Path) -> None:
    done = lint_type_hints(ROOT, tmp_path / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_type_hint_of_another_feature_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "studio", tmp_path / "studio", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "studio/ui/train/text.py").open("a", encoding="utf-8") as source:
        source.write("\nif TYPE_CHECKING:\n    import studio.ui.create.form_model\n")
    done = lint_type_hints(tmp_path, tmp_path / "pyproject.toml")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "studio.ui.train.text -> studio.ui.create.form_model" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("studio/diffusion/forward.py", "import studio.engine.requests.generate", "Imports point down only"),
        ("studio/runs/format.py", "import studio.gallery.metadata", "Imports point down only"),
        ("studio/attic.py", "", "Imports point down only"),
        ("studio/engine/events.py", "import PySide6.QtCore", "Only studio.ui knows Qt"),
        ("studio/engine/requests/generate.py", "import torch", "A window can be built before torch is there"),
        (
            "studio/diffusion/samplers/ddim.py",
            "import studio.diffusion.noise",
            "A window can be built before torch is there",
        ),
    ],
    ids=["upwards", "sideways", "a room nobody planned", "Qt below", "torch above", "torch through a third"],
)
def test_a_wrong_import_breaks_its_contract(tmp_path: Path, file: str, line: str, contract: str) -> None:
    shutil.copytree(ROOT / "studio", tmp_path / "studio", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
