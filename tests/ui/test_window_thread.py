"""The thread of the window never waits for the disk: no file, no SQLite, no picture is touched in it on any page."""

from __future__ import annotations

import builtins
import io
import json
import os
import shutil
import sqlite3
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QImage
from PySide6.QtWidgets import QApplication, QFileDialog

from studio.folders import resources_dir
from studio.gallery.database import Database
from studio.gallery.index import Catalogue
from studio.ui.core.settings import SAVE_AFTER_MS
from studio.ui.gallery.reading import fetch
from studio.ui.jobs.timings import Timings
from studio.ui.sweep.plan import parse_axis
from tests.ui.fakes import Forming, Lockstep, Take, drop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.events import Event
    from tests.ui.program import MakeProgram, OpenProgram

FILES = {
    os: (
        "stat",
        "lstat",
        "open",
        "fsync",
        "scandir",
        "listdir",
        "mkdir",
        "rename",
        "replace",
        "unlink",
        "remove",
    ),
    io: ("open",),
    builtins: ("open",),
    sqlite3: ("connect",),
    Image: ("open",),
    QImage: ("load", "save", "fromData"),
}
WINDOW = os.path.join("studio", "ui", "")


class DiskWatch:
    """What the window's thread did with files of the user, and where.

    Attributes:
        calls: one line for each.
    """

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._home, self._thread = str(home), threading.get_ident()
        self._active = False
        self.calls: list[str] = []
        for place, names in FILES.items():
            for name in names:
                monkeypatch.setattr(place, name, self._noting(name, getattr(place, name)))
        transaction = Database.transaction

        @contextmanager
        def noted(database: Database, **fields: Any) -> Iterator[sqlite3.Connection]:  # noqa: ANN401
            self._note("a transaction of SQLite", "")
            with transaction(database, **fields) as made:
                yield made

        monkeypatch.setattr(Database, "transaction", noted)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is done meanwhile."""
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def _noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*values: Any, **fields: Any) -> Any:  # noqa: ANN401
            if self._active and threading.get_ident() == self._thread:
                place = values[0] if values else fields.get("path", "")
                self._note(name, place)
            return function(*values, **fields)

        return noted

    def _note(self, name: str, place: object) -> None:
        if not self._active or threading.get_ident() != self._thread:
            return
        known = os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else ""
        if known and not known.startswith(self._home):
            return  # a resource of the program or of Python
        frame = sys._getframe(1)
        while frame is not None and WINDOW not in frame.f_code.co_filename:
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None:
            self.calls.append(f"{name} {known} in {frame.f_code.co_qualname}")


class Scripted:
    """Pictures alone, and comparisons in lockstep; states are pictures."""

    def __call__(self, take: Take) -> Iterator[Event]:
        script = Lockstep() if len(take.runs) > 1 else Forming(pixels=True)
        yield from script(take)


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskWatch:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: True)
    return DiskWatch(tmp_path, monkeypatch)


@pytest.fixture
def program(make_program: MakeProgram, tmp_path: Path) -> OpenProgram:
    program = make_program(Scripted(), home=tmp_path / "home")
    program.models.form.edit(prompt="a fox", steps=4, count=1)
    program.generate()
    program.finish()
    program.wait(lambda: program.models.gallery.rowCount() == 1 and program.models.gallery.loaded)
    program.wait(lambda: program.models.gallery.entry_at(0) is not None)
    return program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures to train on."""
    folder = tmp_path / "foxes"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (32, 24), (60 * number, 0, 0)).save(folder / f"a fox {number}.png")
    return folder


def settle(qtbot: QtBot) -> None:
    """Let what was begun come to its end."""
    qtbot.wait(SAVE_AFTER_MS + 200)


CONTROL = Qt.KeyboardModifier.ControlModifier


def look_at_a_run(program: OpenProgram, qtbot: QtBot, folder: Path) -> None:
    """Make, scrub, keep, fork, export, pin and open runs."""
    models, canvas = program.models, program.window.pages.create_page.canvas
    (run,) = models.runs.store.runs()
    models.runs.open_picture(models.gallery.entry_at(0))
    program.wait(lambda: models.run.viewed is not None and models.run.viewed.stored_runs)
    canvas.setFocus()
    for place in (1, 3, 0, 2):
        canvas.timeline.scrubber.go_to(place)
        QApplication.processEvents()
    models.keeper.keep()
    program.wait(lambda: models.gallery.rowCount() == 2)
    program.press(Qt.Key.Key_P)  # the panes
    program.press(Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)  # the pin
    program.wait(lambda: models.runs.store.is_pinned(run))
    program.press(Qt.Key.Key_F)
    program.window.fork()
    program.finish()
    models.runs.find_family(run)
    models.exports.export("sheet", folder / "sheet.png", captions=True)
    program.wait((folder / "sheet.png").exists)
    models.runs.open_run(run)
    settle(qtbot)


def look_at_pictures(program: OpenProgram, qtbot: QtBot, folder: Path) -> None:
    """Search, open, verify, copy, show in the folder, throw away and bring back."""
    models, page = program.models, program.page("gallery")
    entry = models.gallery.entry_at(0)
    models.gallery.search("fox")
    settle(qtbot)
    page.open(entry)  # type: ignore[attr-defined]
    settle(qtbot)
    models.verifier.begin(entry)
    program.wait(lambda: models.verifier.of(entry).outcome)
    program.press(Qt.Key.Key_C, CONTROL)
    for name in sorted(program.names):
        if "older" in name:
            program.click(name)
    settle(qtbot)
    models.gallery.trash([entry])
    program.wait(lambda: models.gallery.rowCount() == 0)
    next(notice.act for notice in reversed(program.notices) if notice.act is not None)()  # Undo
    program.wait(lambda: models.gallery.rowCount() == 1)
    models.thumbnails.retry()
    models.gallery.reload()
    settle(qtbot)


def come_back(program: OpenProgram, qtbot: QtBot, folder: Path) -> None:
    """Drop a picture, change settings, leave the window for another and come back to it."""
    drop(program.window, next(iter(program.models.folders.outputs.rglob("*.png"))))
    drop(program.window, folder / "a fox 0.png")
    settle(qtbot)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    app.applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    program.page("settings")
    program.models.preferences.set("theme", "light")
    program.models.preferences.set("runs_gib", 0.5)
    settle(qtbot)
    for opened in program.controls("Open"):
        opened.click()
    program.page("models")
    settle(qtbot)
    program.models.catalog.reload()
    settle(qtbot)


def train(program: OpenProgram, qtbot: QtBot, folder: Path) -> None:
    """Drop a folder and a picture on the page of trainings, change its form, and train."""
    page, models = program.page("train"), program.models.train
    drop(page, folder)
    program.wait(lambda: models.folder.count and not models.folder.reading)
    for changes in ({"steps": 6}, {"name": "hens"}, {"scale": "small"}, {"name": "foxes"}):
        models.form.edit(**changes)
        assert models.form.faults is not None
    settle(qtbot)
    program.generate()
    program.wait(lambda: models.run.training is not None and models.run.over)
    drop(page, folder / "a fox 1.png")
    settle(qtbot)
    page.hide()
    page.show()
    settle(qtbot)


def compare(program: OpenProgram, qtbot: QtBot, folder: Path) -> None:
    """Lay runs side by side, new ones and recorded ones, and save them as one picture."""
    models = program.models
    program.generate()
    program.finish()
    page = program.page("compare")
    program.generate()
    program.finish()
    models.library.reload()
    program.wait(lambda: models.library.rowCount() > 1)
    models.library.open_runs(models.runs.store.runs()[:2])
    program.wait(lambda: models.compare.job_state is not None and models.compare.job_state.over)
    program.press(Qt.Key.Key_S, widget=page)
    settle(qtbot)


def sweep(program: OpenProgram, qtbot: QtBot, folder: Path) -> None:
    """Make the cells of a sweep, and save them."""
    models, page = program.models, program.page("compare")
    page.open_sweep()  # type: ignore[attr-defined]
    models.sweep.start(parse_axis("steps", "4, 5"), parse_axis("guidance", "1, 2"))
    program.wait(lambda: not models.sweep.running)
    program.finish()
    settle(qtbot)
    for name in sorted(program.names):
        if name.startswith("Save"):
            program.click(name)
    settle(qtbot)


@pytest.mark.parametrize(
    "journey",
    [look_at_a_run, look_at_pictures, come_back, train, compare, sweep],
    ids=lambda one: one.__name__,
)
def test_the_gui_thread_touches_no_file(
    program: OpenProgram,
    watch: DiskWatch,
    qtbot: QtBot,
    folder: Path,
    journey: Callable[[OpenProgram, QtBot, Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder / "saved.png"), ""))
    with watch.watching():
        journey(program, qtbot, folder)
    assert not watch.calls, "\n".join(sorted(set(watch.calls)))


def test_at_the_start_the_gui_thread_only_reads_the_programs_own_small_files(
    program: OpenProgram, watch: DiskWatch, make_program: MakeProgram, qtbot: QtBot
) -> None:
    folders = program.models.folders
    card = shutil.copytree(resources_dir() / "models" / "starter", folders.models / "mine") / "card.json"
    fields = json.loads(card.read_text(encoding="utf-8")) | {"name": "mine"}
    card.write_text(json.dumps(fields), encoding="utf-8")
    program.models.form.edit(model="mine")
    program.close()
    home = folders.settings.parent
    with watch.watching():
        opened = make_program(Scripted(), home=home)
        opened.page("models")
        settle(qtbot)
    assert opened.models.form.values.model == "mine"
    own = [str(folders.settings), str(folders.cache / "timings.json"), str(folders.runs / "budget")]
    paths = {call.split()[1] for call in watch.calls}
    others = {path for path in paths if path.startswith(str(home)) and not path.startswith(own[0])}
    assert not {path for path in others if not any(one.startswith(path) for one in own)}, watch.calls


@pytest.mark.parametrize("name", ["mkdir", "fsync", "a transaction of SQLite"])
def test_file_access_is_detected(watch: DiskWatch, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a file"
    timings = Timings(path / "timings.json")
    with watch.watching():
        if name == "a transaction of SQLite":
            fetch(Catalogue(tmp_path), [])
        else:
            timings.save()
    assert any(call.startswith(name) for call in watch.calls), watch.calls
