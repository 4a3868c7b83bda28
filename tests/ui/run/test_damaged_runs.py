"""Runs that were cut off, edited, or lost what they need: the window says one sentence, and loses nothing."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject

from studio.errors import StorageError, UnknownNameError
from studio.runs.format import RUN_FILE
from studio.runs.writer import RunWriter
from studio.ui.core.job_state import Lineage
from studio.ui.gallery.trash import move_to_trash, restore
from studio.ui.jobs.recorded_runs import GONE
from studio.ui.run import text
from tests.ui.fakes import Forming, Take
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.events import Event, StepDone
    from studio.gallery.index import Entry

FILES = ("run.json", "states.safetensors", "journal.jsonl", "picture.json")
DAMAGES = 12


@dataclass
class Room(QObject):
    """A session with two recorded runs, the second a fork of the first, and what was told of them."""

    qtbot: QtBot
    studio: Studio
    heard: list[object] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.runs = self.studio.models.runs
        for signal in (self.runs.opened, self.runs.family):
            signal.connect(self.heard.append)
        self.runs.found.connect(self._on_found)
        self.runs.failed.connect(self._on_failed)

    def _on_found(self, entry: object, run: str) -> None:
        self.heard.append((entry, run))

    def _on_failed(self, sentence: str) -> None:
        self.heard.append(sentence)
        self.said.append(sentence)

    def ask(self, question: Callable[[], object]) -> object:
        """Ask, and return what came of it."""
        before = len(self.heard)
        question()
        self.qtbot.waitUntil(lambda: len(self.heard) > before, timeout=5000)
        return self.heard[-1]


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    studio = Studio(qtbot, tmp_path, Forming(pixels=True))
    studio.session.start()
    made = Room(qtbot, studio)
    yield made
    studio.close()


def make(room: Room) -> Entry:
    room.studio.generate()
    room.studio.wait_idle()
    return room.studio.wall.entries[-1]


def damaged(data: bytes, chance: random.Random) -> bytes | None:
    """Return a file's bytes as a bad disk or a curious hand leaves them; None where it is gone."""
    match chance.randrange(6):
        case 0:
            return None
        case 1:
            return data[: chance.randrange(len(data))]
        case 2:
            return data + chance.randbytes(chance.randrange(1, 200))
        case 3:
            return chance.randbytes(len(data))
        case _:
            changed = bytearray(data)
            for _ in range(chance.randrange(1, 5)):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_run_is_shown_up_to_the_damage_or_reported(room: Room, name: str) -> None:
    chance = random.Random(name)
    first, second = make(room), make(room)
    other, run = room.studio.runs.runs()
    path = room.studio.runs.path(run) / name
    whole = path.read_bytes()
    for _ in range(DAMAGES):
        left = damaged(whole, chance)
        path.unlink() if left is None else path.write_bytes(left)
        room.said.clear()
        for question in (
            lambda: room.runs.open_picture(first),
            lambda: room.runs.open_run(run),
            lambda: room.runs.open_parent(Lineage(run=run, step=2)),
            lambda: room.runs.find_family(run),
            lambda: room.runs.find_run(first),
        ):
            room.ask(question)
        for sentence in room.said:
            assert sentence.endswith(".")
            assert "\n" not in sentence
            assert len(sentence) < 500
        room.studio.runs.used_bytes()
        assert other in room.studio.runs.runs()
        path.write_bytes(whole)
    room.said.clear()
    room.ask(lambda: room.runs.open_picture(first))
    room.ask(lambda: room.runs.open_picture(second))
    assert room.said == []
    assert first.path.is_file()


def test_the_picture_of_an_unreadable_run_can_be_deleted_and_restored(
    room: Room,
) -> None:
    entry = make(room)
    (run,) = room.studio.runs.runs()
    (room.studio.runs.path(run) / RUN_FILE).write_bytes(b"{}")
    outcome = move_to_trash(room.studio.store.catalogue, [entry], room.studio.runs)
    assert ([item.run for item in outcome.trashed], outcome.faults) == ([None], ())
    back = restore(room.studio.store.catalogue, outcome.trashed, room.studio.runs)
    assert (back.faults, entry.path.is_file()) == ((), True)


def test_a_disk_that_fills_during_a_job_loses_no_picture_and_is_reported_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = RunWriter.add

    def fill(writer: RunWriter, done: StepDone) -> None:
        if done.step == 3:
            raise StorageError("/runs", "cannot be written: the disk is full")
        add(writer, done)

    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, "add", fill)
        room.studio.generate(count=3)
        room.studio.wait_idle()
    assert len(room.studio.wall.entries) == 3
    assert all(entry.path.is_file() for entry in room.studio.wall.entries)
    (sentence,) = room.studio.sentences
    assert sentence.startswith("/runs ")
    for entry in room.studio.wall.entries:
        job_state = room.ask(lambda entry=entry: room.runs.open_picture(entry))
        assert job_state.note  # type: ignore[attr-defined]
        picture = job_state.job.record.picture(0)  # type: ignore[attr-defined]
        assert [done.step for done in picture.steps] == [1, 2]


class Gone(Forming):
    """A model that was there before."""

    def __call__(self, take: Take) -> Iterator[Event]:
        raise UnknownNameError("model", take.request.model, ["starter"])
        yield


def test_a_run_whose_model_was_removed_shows_all_that_was_recorded_and_reports_the_rest(
    qtbot: QtBot, tmp_path: Path
) -> None:
    studio = Studio(qtbot, tmp_path, Forming(pixels=True), Gone())
    studio.session.start()
    room = Room(qtbot, studio)
    entry = make(room)
    job_state = room.ask(lambda: room.runs.open_picture(entry))
    studio.run.watch(job_state)  # type: ignore[arg-type]
    studio.engine.decode_error = UnknownNameError("model", "fake", [])
    studio.run.select(2)
    assert studio.run.frame is not None
    forks, panes = studio.models.forks, studio.models.panes
    verifier, keeper = studio.models.verifier, studio.models.keeper
    forks.begin()
    assert forks.fault == text.no_model("fake")
    panes.set_active(True)
    studio.wait(lambda: "'fake'" in panes.panes["score"].note)
    verifier.begin(entry)
    studio.wait(lambda: verifier.of(entry).outcome == "failed")  # type: ignore[union-attr]
    assert "'fake'" in verifier.of(entry).sentence  # type: ignore[union-attr]
    keeper.keep()  # states that are pictures need no model
    studio.wait(lambda: len(studio.wall.entries) == 2)
    studio.close()


def test_a_fork_at_step_0_runs_all_steps_and_one_at_the_end_is_refused(room: Room) -> None:
    make(room)
    forks = room.studio.models.forks
    room.studio.run.select(0)
    forks.begin()
    assert forks.start is not None
    assert (forks.start.index, forks.steps_left) == (0, 4)
    room.studio.run.select(4)
    assert forks.start is None
    assert forks.fault == text.last_step()


def test_a_deleted_parent_is_reported_and_its_fork_stays(room: Room) -> None:
    make(room)
    (run,) = room.studio.runs.runs()
    shutil.rmtree(room.studio.runs.path(run))
    said = room.ask(lambda: room.runs.open_parent(Lineage(run=run, step=2)))
    assert said == GONE
