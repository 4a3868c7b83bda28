"""diffusers and transformers are imported in one place, late and offline."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from studio.families import libraries

ROOT = Path(__file__).parents[2]
LIBRARIES = {"diffusers", "transformers", "huggingface_hub", "accelerate"}
FORBIDDEN = {"from_pretrained", "from_single_file", "snapshot_download"}


def imported(tree: ast.Module) -> set[str]:
    """Return the top-level names of all modules that code imports, also by name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(".") >= 2:
            found.add(node.value.split(".")[0])
    return found


def called(tree: ast.Module) -> set[str]:
    """Return the names of all attributes in code."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_only_one_module_imports_the_libraries_and_none_calls_what_goes_online() -> None:
    users: set[str] = set()
    for path in (ROOT / "studio").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        if not any(name in code for name in (*LIBRARIES, *FORBIDDEN)):
            continue
        tree = ast.parse(code)
        assert not called(tree) & FORBIDDEN, path
        if imported(tree) & LIBRARIES:
            users.add(path.relative_to(ROOT).as_posix())
    # The worker is a process of its own, started only for a download that the user asked for.
    assert users == {"studio/families/libraries.py", "studio/downloads/worker.py"}


@pytest.mark.parametrize(
    "code", ["import diffusers.models", "from transformers import x", "f('diffusers.a.b')"]
)
def test_an_import_is_seen(code: str) -> None:
    assert imported(ast.parse(code)) & LIBRARIES


def test_a_call_that_goes_online_is_seen() -> None:
    assert called(ast.parse("X.from_pretrained('a')")) & FORBIDDEN


def test_the_families_are_known_without_the_libraries() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'diffusers', 'transformers', 'huggingface_hub')));"
        "import studio.families.sd1, studio.families.sd2, studio.families.sdxl;"
        "import studio.families.matching, studio.families.libraries"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_environment_is_offline_whatever_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in libraries.OFFLINE:
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("DIFFUSERS_TRUST_REMOTE_KERNELS", "1")
    libraries.keep_offline()
    assert {name: os.environ[name] for name in libraries.OFFLINE} == libraries.OFFLINE
    assert "DIFFUSERS_TRUST_REMOTE_KERNELS" not in os.environ


def test_a_hub_client_that_is_online_already_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", SimpleNamespace(HF_HUB_OFFLINE=False))
    with pytest.raises(RuntimeError, match="huggingface_hub"):
        libraries.keep_offline()
