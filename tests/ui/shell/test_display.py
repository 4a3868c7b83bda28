"""Where no window can be opened, one sentence says so and names what works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.ui.shell import display
from studio.ui.shell.display import INSTEAD, display_fault

ROOT = Path(__file__).parents[3]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of Linux")


def stepwise(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    return subprocess.run(
        [sys.executable, "-m", "studio"],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@linux
@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ":987"}, {"DISPLAY": "nonsense"}], ids=str)
def test_without_a_display_the_program_says_so_and_names_the_command(environment: dict[str, str]) -> None:
    ran = stepwise(**environment)
    assert ran.returncode == 2
    assert ran.stderr.startswith("stepwise: ")
    assert INSTEAD in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr


@linux
def test_a_missing_library_is_named_with_the_package_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(display, "_answers", lambda name: True)
    monkeypatch.setattr(display, "_loads", lambda library: False)
    fault = display_fault() or ""
    assert "libxcb-cursor0" in fault, "the package"
    assert INSTEAD in fault


def test_a_platform_that_was_chosen_is_not_questioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert display_fault() is None


@linux
def test_qt_that_cannot_be_loaded_is_a_sentence() -> None:
    code = (
        "import sys; sys.modules['PySide6'] = None; sys.argv = ['stepwise'];"
        "from studio.__main__ import main; sys.exit(main())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "PySide6" in ran.stderr
    assert "Traceback" not in ran.stderr
