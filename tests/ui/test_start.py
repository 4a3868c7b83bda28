"""What the window needs before it is painted, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from studio.folders import Folders
from studio.ui.app import build

app = QApplication([])
program = build(app, Folders.find())
program.window.show()
editor = program.window.pages.create_page.form.texts.prompt.editor
QTest.keyClicks(editor, "x")
loop = QEventLoop()
program.window.painted.connect(loop.quit)
QTimer.singleShot(5000, loop.quit)
loop.exec()
assert "x" in program.models.form.values.prompt
{then}
print(sorted(name for name in ("torch", "numpy", "PIL", "diffusers", "safetensors") if name in sys.modules))
program.close()
"""
WARMED = """
program.session.warm_up()
status = program.models.status
status.changed.connect(lambda: loop.quit() if status.dtype else None)
loop.exec()
"""


def opened(home: Path, then: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", OPEN.replace("{then}", then)],
        cwd=ROOT,
        env=os.environ | {"STEPWISE_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_typed_character_is_in_the_prompt_before_torch_numpy_or_pillow_are_imported(tmp_path: Path) -> None:
    assert opened(tmp_path) == "[]"


def test_that_a_library_was_imported_would_be_seen(tmp_path: Path) -> None:
    assert "torch" in opened(tmp_path, WARMED)


@pytest.mark.parametrize("name", ["studio.ui.app", "studio.ui.jobs.session", "studio.ui.shell.main_window"])
def test_the_window_imports_where_torch_is_not_installed(name: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys(('torch', 'safetensors'))); import {name}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
