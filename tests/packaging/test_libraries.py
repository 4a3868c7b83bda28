"""The system's own packages: what is missing, and the exact command that brings it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from launcher.libraries import (
    QT_LIBRARIES,
    advise,
    apt_commands,
    can_load,
    has_emoji_font,
    has_venv,
    missing_libraries,
    missing_programs,
    venv_package,
)
from launcher.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = Machine(system="Linux", arch="x86_64", python=(3, 11), debian=True, root=True)


def test_only_what_does_not_load_is_missing() -> None:
    assert missing_libraries(DEBIAN, lambda name: "xcb" not in name) == (
        "libxcb-cursor.so.0",
        "libxcb-icccm.so.4",
        "libxcb-keysyms.so.1",
        "libxcb-shape.so.0",
        "libxcb-xkb.so.1",
    )
    assert missing_libraries(DEBIAN, lambda _: True) == ()


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_other_systems_bring_what_qt_needs(system: str) -> None:
    assert missing_libraries(replace(DEBIAN, system=system), lambda _: False) == ()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for a library of Linux")
def test_the_loader_is_asked_for_real() -> None:
    assert can_load("libc.so.6")
    assert not can_load("libnobody-has-this.so.7")


def test_root_installs_and_others_are_given_the_command() -> None:
    packages = tuple(QT_LIBRARIES.values())[:2]
    assert apt_commands(packages, root=True) == (
        ("apt-get", "update"),
        ("apt-get", "install", "-y", "--no-install-recommends", "libgl1", "libegl1"),
    )
    said = advise(packages, ("libGL.so.1", "libEGL.so.1"), replace(DEBIAN, root=False))
    assert "sudo apt-get install -y --no-install-recommends libgl1 libegl1" in said


def test_other_distributions_are_told_the_libraries() -> None:
    said = advise(("libgl1",), ("libGL.so.1",), replace(DEBIAN, debian=False))
    assert "libGL.so.1" in said
    assert "apt-get" not in said


def test_the_programs_that_drive_a_real_window_are_looked_for_on_linux_alone() -> None:
    assert missing_programs(DEBIAN, lambda name: None if name == "Xvfb" else f"/usr/bin/{name}") == ("Xvfb",)
    assert missing_programs(DEBIAN, lambda name: f"/usr/bin/{name}") == ()
    assert missing_programs(replace(DEBIAN, system="Windows"), lambda _: None) == ()


def test_the_font_is_found_where_it_lies(tmp_path: Path) -> None:
    assert not has_emoji_font(DEBIAN, (str(tmp_path),))
    (tmp_path / "truetype/noto").mkdir(parents=True)
    (tmp_path / "truetype/noto/NotoColorEmoji.ttf").touch()
    assert has_emoji_font(DEBIAN, (str(tmp_path),))
    assert has_emoji_font(replace(DEBIAN, system="Darwin"), (str(tmp_path / "none"),))


def test_the_package_of_venv_is_that_of_this_python() -> None:
    assert venv_package(DEBIAN) == "python3.11-venv"
    assert has_venv()
