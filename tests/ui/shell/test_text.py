"""The texts of the window's frame, and of a program that cannot open one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from studio.ui.shell import display, text
from studio.ui.shell.display import display_fault
from studio.ui.shell.main_window import read_request

if TYPE_CHECKING:
    from pathlib import Path


def test_the_status_bar_says_what_is_used() -> None:
    assert text.device("cpu (x)", "float32") == "cpu (x), float32"
    assert text.device("No device", "") == "No device"
    assert text.runs(0, 2.0) == "Runs: 0 MiB of 2 GiB"
    assert text.runs(2**28, 0.5) == "Runs: 256 MiB of 0.5 GiB"
    assert text.queue(1, 2) == "Queue: 1 running, 2 waiting"


@pytest.mark.parametrize(
    ("budget", "share", "said"),
    [
        (0.0, 0.05, "Previews off"),
        (1.0, None, "Previews: no limit"),
        (0.1, None, "Previews: at most 10%"),
        (1.0, 0.25, "Previews: 25.0% of the time"),
        (0.1, 0.08, "Previews: 8.0% of the time, at most 10%"),
    ],
)
def test_the_cost_of_previews_is_said_beside_its_limit(budget: float, share: float | None, said: str) -> None:
    assert text.previews(budget, share) == said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of Linux")
def test_where_no_window_can_be_opened_the_reason_and_the_remedy_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert display.INSTEAD == 'pictures can be made without a window: stepwise generate "a red apple"'
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert (display_fault() or "").startswith("No window can be opened, because there is no display here; ")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(display, "_answers", lambda name: True)
    monkeypatch.setattr(display, "_loads", lambda library: False)
    assert "apt-get install libxcb-cursor0" in (display_fault() or "")


def test_a_dropped_file_without_settings_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "theirs.png")
    assert read_request(tmp_path / "theirs.png") == "theirs.png contains no Stepwise settings."
