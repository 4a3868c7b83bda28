"""Which versions a picture remembers, and when two of them are the same."""

from __future__ import annotations

import platform

import pytest

from studio import __version__
from studio.engine.versions import same_version, versions


def test_the_program_python_and_torch_are_named() -> None:
    assert versions().keys() == {"stepwise-studio", "python", "torch"}
    assert versions()["stepwise-studio"] == __version__
    assert versions()["python"] == platform.python_version()
    assert versions()["torch"].startswith("2.")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2.13.0+cu130", "2.13.0", True),
        ("2.13.0", "2.13.0+cpu", True),
        ("2.13.0+cu130", "2.13.0+cpu", True),
        ("2.13.0+cu130", "2.13.1", False),
        ("2.13.0", "2.13.0.dev1", False),
        ("2.13.0", "unknown", False),
    ],
)
def test_builds_of_one_version_are_the_same_version(first: str, second: str, same: bool) -> None:
    assert same_version(first, second) is same
