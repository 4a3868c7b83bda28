"""What tests/ui/conftest.py promises: a test that leaves something behind fails, and a clean one does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]

TESTS = """
import gc
import threading

import pytest
from PySide6.QtCore import QObject, QRunnable, QThread, QThreadPool, qWarning
from PySide6.QtWidgets import QWidget

released = threading.Event()
kept = []


class Waiting(QThread):
    def run(self):
        released.wait(10)


@pytest.fixture(scope="module", autouse=True)
def release():
    yield
    released.set()
    for thread in kept:
        thread.wait() if isinstance(thread, QThread) else thread.join()


def test_clean(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    thread = Waiting(widget)
    thread.start()
    released.set()
    thread.wait()
    released.clear()


def test_clean_after_a_cycle(qtbot):
    widget = QWidget()
    widget.itself = widget
    widget.show()


def test_thread(qtbot):
    thread = Waiting()
    thread.setObjectName("forgotten")
    thread.start()
    kept.append(thread)


def test_dropped_thread(qtbot):
    Waiting().start()
    gc.collect()


def test_python_thread(qtbot):
    thread = threading.Thread(target=released.wait, args=(10,), name="forgotten")
    thread.start()
    kept.append(thread)


def test_window(qtbot):
    widget = QWidget()
    widget.show()
    kept_window.append(widget)


kept_window = []


def test_hidden_window(qtbot):
    kept_window.append(QWidget())


def test_warning(qtbot):
    qWarning("something is wrong")


def test_warning_of_qt(qtbot):
    parent = QObject()
    thread = threading.Thread(target=QObject, args=(parent,))
    thread.start()
    thread.join()


def test_raising_slot(qtbot):
    broken = QObject()
    broken.objectNameChanged.connect(lambda name: 1 / 0)
    broken.setObjectName("x")


class Work(QRunnable):
    def run(self):
        released.wait(3)


def test_pool(qtbot):
    released.clear()
    QThreadPool.globalInstance().start(Work())
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of each of `TESTS`, run once in a process of their own: why it failed, or ""."""
    folder = tmp_path_factory.mktemp("suite")
    file, report = folder / "test_suite.py", folder / "report.xml"
    file.write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", str(file), f"--junitxml={report}", "-p", "no:cacheprovider"]
    command += ["-c", str(ROOT / "pyproject.toml"), "-p", "tests.ui.conftest"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        faults = [fault.text or "" for kind in ("failure", "error") for fault in case.iter(kind)]
        name = case.get("name", "").removeprefix("test_")
        found[name] = found.get(name, "") + "".join(faults)
    return found


@pytest.mark.parametrize("name", ["clean", "clean_after_a_cycle"])
def test_what_leaves_nothing_behind_passes(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("thread", "still running: [\"Waiting 'forgotten'\"]"),
        ("dropped_thread", "still running: [\"Waiting ''\"]"),
        ("python_thread", "still running: ['forgotten']"),
        ("window", "left behind: [\"QWidget ''\"]"),
        ("hidden_window", "left behind: [\"QWidget ''\"]"),
        ("warning", "Qt messages with level WARNING or above emitted"),
        ("warning_of_qt", "Qt messages with level WARNING or above emitted"),
        ("raising_slot", "Exceptions caught in Qt event loop"),
        ("pool", "still running: 1 threads of Qt's pool"),
    ],
)
def test_what_is_left_behind_fails_the_test(outcomes: dict[str, str], name: str, said: str) -> None:
    assert said in outcomes[name]
