"""Two homes: one in which the recorded commands are run again, and one that the old program left behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from studio.cli.main import run
from tests.golden.old_home import restore, use_float32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def precision(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file that says which precision is the fastest: float32, on every machine."""
    home = tmp_path_factory.mktemp("precision")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPWISE_HOME", str(home))
        use_float32(home)
    return (home / "cache" / "precision.json").read_text()


@pytest.fixture
def old_home(stepwise_home: Path, precision: str) -> Path:
    """The user's folders are those that the old program left behind."""
    restore(stepwise_home)
    (stepwise_home / "cache").mkdir(exist_ok=True)
    (stepwise_home / "cache" / "precision.json").write_text(precision)
    return stepwise_home


@pytest.fixture
def stepwise(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    """Run a command line in this process."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"

    def stepwise(*words: object) -> Ran:
        capfd.readouterr()
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    yield stepwise
    if before is None:
        del os.environ["COLUMNS"]
    else:
        os.environ["COLUMNS"] = before
