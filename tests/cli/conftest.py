"""A home with one tiny model, and the command line run in this process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from studio.cli.main import run
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny(folder, latent=True)
    return folder


@pytest.fixture
def home(stepwise_home: Path, tiny_model: Path) -> Path:
    """The user's folders, with the model "tiny" among the user's own."""
    shutil.copytree(tiny_model, stepwise_home / "models" / "tiny")
    return stepwise_home


@pytest.fixture
def stepwise(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line; one that makes a picture uses the tiny model and the CPU unless told otherwise."""

    def stepwise(*arguments: object) -> Ran:
        words = [str(argument) for argument in arguments]
        command = words[0] if words and "--help" not in words else ""
        if command in ("generate", "compare") and "--model" not in words:
            words += ["--model", "tiny"]
        if command in ("generate", "compare", "fork", "verify") and "--device" not in words:
            words += ["--device", "cpu"]
        capfd.readouterr()
        code = run(words)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return stepwise
