"""Opening a model runs no code of its: nothing in the tree unpickles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
TORCH_LOADS = {"load", "hub", "serialization", "package", "jit"}
SWITCHES = {"allow_pickle", "weights_only", "trust_remote_code"}


def unpickles(source: str) -> list[str]:
    """Return what in a source could unpickle a file, as "line: what"."""
    found: list[str] = []
    aliases = {"torch"}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [
                f"{node.lineno}: {name.name}" for name in node.names if name.name.split(".")[0] in PICKLES
            ]
            aliases |= {name.asname for name in node.names if name.name == "torch" and name.asname}
            loads = [name.name for name in node.names if name.name.split(".")[:1] == ["torch"]]
            found += [f"{node.lineno}: {name}" for name in loads if set(name.split(".")[1:]) & TORCH_LOADS]
        elif isinstance(node, ast.ImportFrom) and node.module:
            top, *inner = node.module.split(".")
            names = {name.name for name in node.names}
            if top in PICKLES or (
                top == "torch"
                and ((inner and inner[0] in TORCH_LOADS) or (not inner and names & TORCH_LOADS))
            ):
                found.append(f"{node.lineno}: from {node.module}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in aliases and node.attr in TORCH_LOADS:
                found.append(f"{node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            words = [item.value for item in node.args if isinstance(item, ast.Constant)]
            if called in {"getattr", "import_module", "__import__"} and {"load", *PICKLES} & set(
                map(str, words)
            ):
                found.append(f"{node.lineno}: {called}")
            found += [f"{node.lineno}: {item.arg}" for item in node.keywords if item.arg in SWITCHES]
    return found


@pytest.mark.parametrize("top", ["studio", "packaging", "tests"])
def test_nothing_unpickles(top: str) -> None:
    sources = sorted((ROOT / top).rglob("*.py"))
    assert sources or top == "packaging"
    found = [
        f"{path.relative_to(ROOT)}:{place}"
        for path in sources
        for place in unpickles(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nx = torch.load" + "('a')",
        "import torch as t\nload = t.load",
        "from torch import load as read",
        "from torch.serialization import load",
        "import torch.hub",
        "import pickle",
        "from pickle import loads",
        "import torch\ngetattr(torch, 'load')('a')",
        "import importlib\nimportlib.import_module\nimport_module('pickle')",
        "import numpy\nnumpy.load('a', allow_pickle=True)",
        "read('a', weights_only=True)",
    ],
)
def test_what_unpickles_is_seen(source: str) -> None:
    assert unpickles(source)


def test_what_does_not_is_let_through() -> None:
    assert not unpickles(
        "import torch\nfrom safetensors.torch import load\nload(b'')\nself.torch.load_state_dict"
    )
