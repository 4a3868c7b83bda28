"""The program starts and makes pictures on a machine without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Any attempt to reach another machine ends the process at once, caught or not.
BLOCKED = """
import os, socket, sys
def refuse(event, args):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(args[1], tuple)):
        os.write(2, f"asks for {args}".encode())
        os._exit(77)
sys.addaudithook(refuse)
"""
WINDOW = """
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from studio.folders import Folders
from studio.ui.app import build
app = QApplication([])
program = build(app, Folders.find())
program.window.closing.connect(app.quit)
program.window.show()
QTimer.singleShot(500, program.window.close)
app.exec()
sys.exit(0 if program.close() else 1)
"""


def python(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        cwd=ROOT,
        env={**environment, "STEPWISE_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_picture_is_made_without_any_network(tmp_path: Path) -> None:
    words = ["generate", "a fox", "--steps", "2", "--device", "cpu"]
    done = python(f"from studio.cli.main import run; sys.exit(run({words!r}))", tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()


def test_the_window_opens_without_any_network(tmp_path: Path) -> None:
    done = python(WINDOW, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_look_at_the_network_is_seen(tmp_path: Path) -> None:
    code = "import contextlib\nwith contextlib.suppress(BaseException): socket.create_connection(('192.0.2.1', 80), 1)"
    assert python(code, tmp_path).returncode == 77
