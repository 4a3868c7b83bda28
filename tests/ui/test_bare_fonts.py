"""The window is the same whatever fonts a machine has: its tests of layout pass with none, and with a very wide one."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from studio.folders import interface_font

ROOT = Path(__file__).parents[2]
SHIPPED, WIDE = "Pretendard", "WidestFont"
TIMES_AS_WIDE = 3
MARK = "pytest.mark.layout"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Qt does not ask fontconfig")


def wide_font(shipped: bytes) -> bytes:
    """Return a font of another name, whose letters take three times the room: the shipped one with other widths."""
    assert len(SHIPPED) == len(WIDE)
    font = bytearray(shipped)
    for name in ("ascii", "utf-16-be"):
        font[:] = font.replace(SHIPPED.encode(name), WIDE.encode(name))
    (tables,) = struct.unpack_from(">H", font, 4)
    places = {
        bytes(font[at : at + 4]): struct.unpack_from(">I", font, at + 8)[0]
        for at in range(12, 12 + 16 * tables, 16)
    }
    (count,) = struct.unpack_from(">H", font, places[b"hhea"] + 34)
    for at in range(places[b"hmtx"], places[b"hmtx"] + 4 * count, 4):
        (width,) = struct.unpack_from(">H", font, at)
        struct.pack_into(">H", font, at, min(TIMES_AS_WIDE * width, 0xFFFF))
    return bytes(font)


@pytest.fixture(params=["none", "wide"])
def fonts(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with no font, or with a very wide one for every purpose."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    if request.param == "wide":
        (folder / "wide.otf").write_bytes(wide_font(interface_font().read_bytes()))
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig>'
        f"<dir>{folder}</dir><cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
    )
    return {**os.environ, "FONTCONFIG_FILE": str(configuration), "QT_QPA_PLATFORM": "offscreen"}


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_machine_is_as_bare_as_it_is_meant_to_be(fonts: dict[str, str]) -> None:
    """The twin of the next test: Qt sees these fonts and no others, and would draw the window with them."""
    seen = run(
        fonts,
        "-c",
        "from PySide6.QtGui import QFont, QFontDatabase, QFontMetricsF\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from studio.ui.theme.fonts import make_font, load_fonts\n"
        "app = QApplication([])\n"
        "system = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)\n"
        "system.setPixelSize(13)\n"
        "families = [name for name in QFontDatabase.families() if not QFontDatabase.isPrivateFamily(name)]\n"
        "wide = QFontMetricsF(system).horizontalAdvance('A red cat')\n"
        "load_fonts(app)\n"
        "ours = QFontMetricsF(make_font('body')).horizontalAdvance('A red cat')\n"
        f"print('{WIDE}' in families, 'DejaVu Sans' in families, wide > 2 * ours)",
    ).split()
    offers_wide = (Path(fonts["FONTCONFIG_FILE"]).parent / "fonts" / "wide.otf").exists()
    assert seen == [str(offers_wide), "False", "True"]  # without a font Qt draws boxes, which are wide too


@pytest.mark.timeout(600)
def test_the_tests_of_layout_pass_whatever_fonts_the_machine_has(
    fonts: dict[str, str], tmp_path: Path
) -> None:
    chosen = [
        str(path)
        for path in sorted((ROOT / "tests/ui").rglob("test_*.py"))
        if f"@{MARK}" in path.read_text("utf-8")
    ]
    options = ["-q", "-m", "layout", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'deep'}"]
    said = run(fonts, "-m", "pytest", *options, *chosen)
    passed = int(said.rsplit(" passed", 1)[0].split()[-1])
    assert passed > 40
    assert "failed" not in said
    assert "skipped" not in said
