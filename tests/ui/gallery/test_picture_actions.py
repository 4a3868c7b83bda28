from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from studio.ui.gallery import picture_actions as picture_files

ROOT = Path(__file__).parents[3]

MANAGER = """
import sys
from pathlib import Path
from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, Slot
from PySide6.QtDBus import QDBusAbstractAdaptor, QDBusConnection
from studio.ui.gallery.picture_actions import ask_file_manager

app = QCoreApplication([])

@ClassInfo(**{"D-Bus Interface": "org.freedesktop.FileManager1"})
class Desktop(QDBusAbstractAdaptor):
    @Slot("QStringList", "QString")
    def ShowItems(self, uris, startup):
        print(uris, repr(startup), flush=True)

parent = QObject()
desktop = Desktop(parent)
bus = QDBusConnection.sessionBus()
if "absent" not in sys.argv:
    assert bus.registerObject("/org/freedesktop/FileManager1", parent)
    assert bus.registerService("org.freedesktop.FileManager1")
watcher = ask_file_manager(Path("/tmp/a b/ü#1.png"), parent)
watcher.finished.connect(app.quit)
app.exec()
print(not watcher.isError())
"""


def on_a_bus(*arguments: str) -> list[str]:
    """Return what a process on a session bus of its own prints while it shows a picture."""
    command = ["dbus-run-session", "--", sys.executable, "-c", MANAGER, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="there is no D-Bus")
def test_the_desktops_file_manager_is_asked_to_show_the_file() -> None:
    assert on_a_bus() == ["['file:///tmp/a%20b/%C3%BC%231.png'] ''", "True"]


@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="there is no D-Bus")
def test_without_a_file_manager_the_answer_is_no() -> None:
    assert on_a_bus("absent") == ["False"]


@pytest.mark.parametrize(
    ("platform", "command"),
    [("win32", 'explorer /select,"{}"'), ("darwin", ["open", "-R", "{}"])],
)
def test_elsewhere_the_systems_own_file_manager_is_started(
    platform: str, command: str | list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []

    class Done:
        returncode = 0

    def start(what: object, **_: object) -> Done:
        started.append(what)
        return Done()

    monkeypatch.setattr(picture_files.sys, "platform", platform)
    monkeypatch.setattr(picture_files.subprocess, "run", start)
    monkeypatch.setattr(picture_files.subprocess, "Popen", start)
    path = tmp_path / "a picture.png"
    assert picture_files.select_in_file_manager(path)
    filled = command.format(path) if isinstance(command, str) else [word.format(path) for word in command]
    assert started == [filled]
