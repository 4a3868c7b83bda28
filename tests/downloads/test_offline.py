"""Nothing goes online that was not asked for: neither the window, nor the list of models, nor the hub client.

That a picture is made without any network: `tests/golden/test_offline.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.families.libraries import OFFLINE

ROOT = Path(__file__).parents[2]
WATCHED = """
import os, socket, sys
def refuse(*args, **rest):
    os.write(2, f"a socket was used: {args}".encode())
    os._exit(77)
socket.getaddrinfo = refuse
_connect = socket.socket.connect
socket.socket.connect = lambda self, to: refuse(to) if isinstance(to, tuple) else _connect(self, to)
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
program.window.pages.open("models")
program.models.intents.get_model.emit()
program.models.catalog.changed.connect(lambda: QTimer.singleShot(0, program.window.close))
QTimer.singleShot(20000, program.window.close)
app.exec()
sys.exit(0 if program.close() else 1)
"""
LIBRARIES = """
from studio.families.libraries import keep_offline
keep_offline()
from huggingface_hub.utils import build_hf_headers
from huggingface_hub.utils._detect_agent import detect_agent
assert build_hf_headers() and detect_agent() is None
"""
HUB = """
from huggingface_hub.utils._detect_agent import detect_agent
detect_agent()
"""


def python(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    # Without what `keep_offline` may have set in this process.
    kept = {name: value for name, value in os.environ.items() if name not in OFFLINE and name[:3] != "HF_"}
    return subprocess.run(
        [sys.executable, "-c", WATCHED + code],
        cwd=ROOT,
        env={**kept, "STEPWISE_HOME": str(home), "HF_HOME": str(home / "hf"), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(WINDOW, id="window"),
        pytest.param("from studio.cli.main import run; sys.exit(run(['models']))", id="models"),
        pytest.param(LIBRARIES, id="libraries"),
    ],
)
def test_no_socket_is_used_while_nothing_was_asked_for(code: str, tmp_path: Path) -> None:
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_hub_client_alone_would_fetch_its_list_of_agents(tmp_path: Path) -> None:
    """The wrong twin: without this program's settings the same import uses a socket."""
    assert python(HUB, tmp_path).returncode == 77
