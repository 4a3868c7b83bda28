"""A screen for real windows: Xvfb with a window manager, for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = ("Xvfb", "openbox", "xdotool")


def missing() -> list[str]:
    """Return those programs that are not there."""
    return [name for name in NEEDED if shutil.which(name) is None]


@contextlib.contextmanager
def screen(width: int = 1600, height: int = 1000) -> Iterator[dict[str, str]]:
    """Start a screen and return the environment of programs that are to be shown on it."""
    reader, writer = os.pipe()
    size = f"{width}x{height}x24"
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp"]
    server = subprocess.Popen(
        command, pass_fds=(writer,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    manager: subprocess.Popen[bytes] | None = None
    try:
        with os.fdopen(reader) as line:
            number = line.readline().strip()
        if not number:
            raise RuntimeError("Xvfb did not start")
        environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        environment |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        manager = subprocess.Popen(
            ["openbox"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for_manager(environment)
        yield environment
    finally:
        for process in (manager, server):
            if process is not None:
                process.terminate()
                process.wait()


_OURS = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR"}


def _wait_for_manager(environment: dict[str, str]) -> None:
    """Wait until the window manager can be asked; windows opened before would get no focus."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        asked = ["xdotool", "get_desktop"]
        if subprocess.run(asked, env=environment, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError("the window manager did not start")
