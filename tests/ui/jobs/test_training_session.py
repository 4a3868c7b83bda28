"""What the window does with trainings, from the wish to the last event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.engine.training.events import (
    CheckpointFailed,
    TrainingFinished,
    TrainingHistory,
    TrainingRecovered,
)
from studio.errors import StorageError
from studio.ui.train.run import MOST_SAMPLES, TrainRun
from tests.ui.fakes import Forming, Gate
from tests.ui.rooms import Studio
from tests.ui.teaching import Lesson, Teaching, to_train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.training.events import TrainEvent


class Classroom(Studio):
    """A session of trainings beside that of pictures.

    Attributes:
        reloads: how often the list of models was read again.
    """

    def __init__(self, qtbot: QtBot, home: Path) -> None:
        super().__init__(qtbot, home, Forming())
        self.train_run = self.models.train.run
        self.reloads = 0
        self.models.catalog.reload = self._reload  # type: ignore[method-assign]

    def _reload(self) -> None:
        self.reloads += 1

    def teach(self, *teaching: Teaching) -> None:
        self.engine.teaching = teaching or (Teaching(),)
        self.session.start()

    def wait_over(self) -> None:
        self.wait(lambda: self.train_run.over and not self.train_run.waiting)


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Classroom]:
    room = Classroom(qtbot, tmp_path)
    yield room
    room.close()


def test_a_training_is_followed_to_its_end(room: Classroom) -> None:
    room.teach()
    training = room.training.train(to_train())
    room.wait_over()
    run = room.train_run
    assert run.training is training
    assert (run.phase, run.fraction) == ("done", 1.0)
    assert run.started is not None
    assert run.newest is not None
    assert (run.newest.stage, run.newest.step) == ("backbone", 6)
    assert [sampled.what for sampled in run.samples] == ["reconstruction", "sample", "sample", "sample"]
    assert [saved.model for saved in run.checkpoints] == ["foxes-2", "foxes-4", "foxes-6"]
    assert room.reloads == 4
    assert [notice.kind for notice in room.told] == ["info", "info"], "of its first checkpoint and its end"
    assert [run.checkpoints[0].model in sentence for sentence in room.sentences] == [True, False]


def test_a_picture_pauses_it_and_it_continues_automatically(room: Classroom) -> None:
    gate, picture = Gate(), Gate()
    room.teach(Teaching(at={3: gate}))
    room.engine.scripts = (Forming(at={(0, 2): picture}),)
    room.training.train(to_train())
    room.wait_for(gate)
    room.generate()
    gate.open()
    room.wait_for(picture)
    room.wait(lambda: room.train_run.suspended)
    assert not room.train_run.over
    picture.open()
    room.wait_over()
    assert not room.train_run.suspended
    room.wait(lambda: len(room.wall.entries) == 1)


def test_a_second_training_waits_and_can_be_removed(room: Classroom) -> None:
    gate = Gate()
    room.teach(Teaching(at={3: gate}))
    room.training.train(to_train())
    second, third = room.training.train(to_train(name="hens")), room.training.train(to_train(name="cats"))
    assert room.train_run.waiting == (second, third)
    room.training.remove(second)
    assert room.train_run.waiting == (third,)
    room.wait_for(gate)
    gate.open()
    room.wait_over()
    assert [lesson.request.name for lesson in room.engine.lessons] == ["foxes", "cats"]
    assert room.train_run.training is third


def test_it_is_paused_resumed_and_stopped_with_everything_saved(room: Classroom) -> None:
    gate, later = Gate(), Gate()
    room.teach(Teaching(at={2: gate, 4: later}))
    room.training.train(to_train())
    room.wait_for(gate)
    room.training.pause(True)
    assert room.train_run.paused
    gate.open()
    room.training.pause(False)
    assert not room.train_run.paused
    room.wait_for(later)
    room.training.stop()
    assert room.train_run.phase == "stopping"
    room.training.pause(True)
    assert not room.train_run.paused
    later.open()
    room.wait_over()
    assert room.train_run.phase == "stopped"
    assert room.train_run.stopped is not None
    assert room.train_run.checkpoints[-1].step == 4


def test_one_that_waits_for_the_device_can_be_paused_and_is_stopped_at_once(room: Classroom) -> None:
    picture = Gate()
    room.teach(Teaching())
    room.engine.scripts = (Forming(at={(0, 2): picture}),)
    room.generate()
    room.wait_for(picture)
    room.training.train(to_train())
    assert room.train_run.phase == "waiting"
    room.training.pause(True)
    assert room.train_run.paused
    room.training.stop()
    assert (room.train_run.phase, room.train_run.paused) == ("stopped", False)
    room.training.train(to_train(name="hens"))
    picture.open()
    room.wait_over()
    assert room.train_run.phase == "done"
    assert room.train_run.training is not None
    assert room.train_run.training.request.name == "hens"


def test_a_resumed_training_shows_its_past_and_has_no_first_checkpoint_again(room: Classroom) -> None:
    room.teach(Teaching())
    room.training.train(to_train())
    room.wait_over()
    run, sentences = room.train_run, len(room.sentences)
    past = TrainingHistory(job_id="", losses=(), samples=run.samples[:2], checkpoints=run.checkpoints[:1])
    room.engine.teaching = (Teaching(past=past),)
    room.training.train(to_train(name="hens"))
    room.wait_over()
    assert run.samples[:2] == past.samples
    assert run.checkpoints[0] == past.checkpoints[0]
    assert len(run.checkpoints) == 4
    assert len(room.sentences) == sentences + 1, "of its end only"


def test_a_failure_is_reported_and_the_next_training_starts(room: Classroom) -> None:
    error = StorageError("/states", "cannot be written")
    room.teach(Teaching(at={2: error}), Teaching())
    room.training.train(to_train())
    room.training.train(to_train(name="hens"))
    room.wait_over()
    assert str(error) in room.sentences
    assert room.train_run.phase == "done"
    assert [lesson.request.name for lesson in room.engine.lessons] == ["foxes", "hens"]


def test_a_failure_stays_on_the_page(room: Classroom) -> None:
    room.teach(Teaching(at={2: StorageError("/states", "cannot be written")}))
    room.training.train(to_train())
    room.wait_over()
    assert room.train_run.phase == "failed"
    assert room.train_run.failure is not None


RECOVERED = "The loss was not a number at step 4; it went back to step 2, at half the rate."
FULL = "The disk is full."


def recovered(lesson: Lesson) -> TrainEvent:
    return TrainingRecovered(
        job_id=lesson.job_id,
        stage="backbone",
        step=4,
        back_to=2,
        rate=5e-4,
        sentence=RECOVERED,
    )


def unsaved(lesson: Lesson) -> TrainEvent:
    return CheckpointFailed(job_id=lesson.job_id, step=3, sentence=FULL)


def test_going_back_and_a_full_disk_are_reported(room: Classroom) -> None:
    gate = Gate()
    room.teach(Teaching(extra={3: unsaved, 4: recovered}, at={5: gate}))
    training = room.training.train(to_train())
    room.wait_for(gate)
    room.wait(lambda: len(room.sentences) >= 3)
    warnings = [notice.sentence for notice in room.told if notice.kind == "warn"]
    assert warnings == [FULL, RECOVERED]
    assert training.losses.curves("backbone")[0][-1][0] == 2
    gate.open()
    room.wait_over()


def test_older_samples_are_thinned_if_there_are_very_many() -> None:
    run, lesson = TrainRun(), Lesson(request=to_train(), job_id="x", cancelled=None)  # type: ignore[arg-type]
    for step in range(MOST_SAMPLES + 50):
        run.take(lesson.sampled(step))
    steps = [sampled.step for sampled in run.samples]
    assert len(steps) <= MOST_SAMPLES
    assert (steps[0], steps[-1]) == (0, MOST_SAMPLES + 49)
    assert steps == sorted(steps)


def test_closing_in_the_middle_saves_its_state(room: Classroom) -> None:
    gate = Gate()
    room.teach(Teaching(at={3: gate}))
    room.training.train(to_train())
    room.wait_for(gate)
    room.thread.stop()
    gate.open()
    room.close()
    room.wait_over()
    assert room.train_run.phase == "stopped"


def test_a_resumed_training_keeps_its_curve_its_samples_and_its_checkpoints(room: Classroom) -> None:
    gate = Gate()

    def resumed(lesson: Lesson) -> Iterator[TrainEvent]:
        yield lesson.started(resumed_at=3)
        for step in (4, 5, 6):
            yield lesson.stepped("backbone", step, 6)
        yield lesson.sampled(6)
        yield lesson.saved(6)
        yield TrainingFinished(job_id=lesson.job_id, steps=6, model="foxes", seconds=1.0)

    room.teach(Teaching(at={4: gate}), resumed)  # type: ignore[arg-type]
    room.training.train(to_train())
    room.wait_for(gate)
    room.training.stop()
    gate.open()
    room.wait_over()
    assert room.train_run.phase == "stopped"
    again = room.training.train(to_train())
    room.wait(lambda: room.train_run.phase == "done")
    assert [step for step, _ in again.losses.curves("backbone")[0]] == [1, 2, 3, 4, 5, 6]
    assert [sampled.step for sampled in room.train_run.samples] == [2, 2, 4, 6]
    assert [saved.step for saved in room.train_run.checkpoints] == [2, 4, 6]
    room.training.train(to_train(name="hens"))
    assert room.train_run.samples == ()
    room.training.stop()
    room.wait_over()
