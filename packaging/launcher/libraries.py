"""The system's own packages: Qt's libraries, the font of the training data, Python's venv.

The names are Debian 12's, found in a bare system by listing what a real window lacks; later Debians and Ubuntus resolve
them too.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from launcher.machine import Machine

QT_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    # what a window on X11 needs in addition
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""Library -> the package that holds it."""

TEST_PROGRAMS = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool"}
"""Program -> the package that holds it: a screen for real windows, which the suite drives with mouse and keys."""

EMOJI_FONT = "fonts-noto-color-emoji"
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")


def can_load(library: str) -> bool:
    """Tell whether the system's loader finds ``library``."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_libraries(machine: Machine, loads: Callable[[str], bool] = can_load) -> tuple[str, ...]:
    """Return those of Qt's libraries that are not there; none are looked for outside Linux."""
    return tuple(name for name in QT_LIBRARIES if not loads(name)) if machine.system == "Linux" else ()


def missing_programs(machine: Machine, finds: Callable[[str], str | None] = shutil.which) -> tuple[str, ...]:
    """Return those programs of the suite that are not there; none are looked for outside Linux."""
    return tuple(name for name in TEST_PROGRAMS if finds(name) is None) if machine.system == "Linux" else ()


def has_emoji_font(machine: Machine, folders: tuple[str, ...] = FONT_FOLDERS) -> bool:
    """Tell whether Noto Color Emoji is there; looked for on Linux only."""
    if machine.system != "Linux":
        return True
    return any(any(Path(folder).expanduser().rglob("NotoColorEmoji.ttf")) for folder in folders)


def has_venv() -> bool:
    """Tell whether this Python can make a virtual environment with pip in it."""
    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


def venv_package(machine: Machine) -> str:
    """Return Debian's package that completes this Python."""
    return "python{}.{}-venv".format(*machine.python)


def apt_commands(packages: tuple[str, ...], *, root: bool) -> tuple[tuple[str, ...], ...]:
    """Return the commands that bring ``packages``, as root or with sudo."""
    sudo = () if root else ("sudo",)
    install = (*sudo, "apt-get", "install", "-y", "--no-install-recommends", *packages)
    return (*sudo, "apt-get", "update"), install


def advise(packages: tuple[str, ...], libraries: tuple[str, ...], machine: Machine) -> str:
    """Return what to do about missing ``packages``: Debian's command, or the bare names elsewhere."""
    if machine.debian:
        return "Install them with:\n    " + " ".join(apt_commands(packages, root=machine.root)[1])
    names = ", ".join(libraries) if libraries else ", ".join(packages)
    return f"Install them with your system's package manager: {names} (on Debian: {' '.join(packages)})."
