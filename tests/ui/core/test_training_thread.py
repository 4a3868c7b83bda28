"""A training in the engine's thread, and what is done between two of its steps."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from studio.engine.events import JobFinished, PictureDone
from studio.engine.training.events import (
    CheckpointSaved,
    TrainingFinished,
    TrainingStarted,
    TrainingStopped,
)
from studio.errors import DeviceError, StorageError
from studio.gallery.store import PictureSaved
from studio.ui.core.engine_call import Priority
from studio.ui.core.engine_thread import EngineThread
from studio.ui.core.job import Job, Training, TrainingFailed, TrainingSuspended
from tests.ui.fakes import OTHER_WEIGHTS, Answered, Ears, FakeEngine, Forming, Gate, Maker, asking, make_store
from tests.ui.teaching import ESTIMATE, Teaching, squares, to_train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


class School:
    """A thread with an engine that teaches by script."""

    def __init__(self, qtbot: QtBot, home: Path) -> None:
        self._qtbot = qtbot
        self.engine = FakeEngine(Forming())
        self.maker = Maker(self.engine)
        self.thread = EngineThread(self.maker, make_store(home))
        self.ears = Ears(self.thread)

    def start(self, *teaching: Teaching) -> None:
        self.engine.teaching = teaching or (Teaching(),)
        self.thread.start()

    def train(self, **fields: object) -> Training:
        training = Training(request=to_train(**fields))
        self.thread.submit(training)
        return training

    def draw(self) -> Job:
        job = Job(request=asking(), budget=None)
        self.thread.submit(job)
        return job

    def wait(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=8000)

    def wait_for(self, kind: type, count: int = 1) -> None:
        self.wait(lambda: len(self.ears.of(kind)) >= count)


@pytest.fixture
def school(qtbot: QtBot, tmp_path: Path) -> Iterator[School]:
    school = School(qtbot, tmp_path)
    yield school
    school.thread.stop()
    assert school.thread.wait(8000)


def test_a_training_reports_its_events_in_order_and_keeps_every_loss(school: School) -> None:
    school.start()
    training = school.train()
    school.wait_for(TrainingFinished)
    told = [kind for kind in school.ears.kinds if kind.startswith(("Training", "Checkpoint"))]
    assert told == [
        "TrainingPreparing",
        "TrainingStarted",
        "TrainingSampled",
        *["TrainingSampled", "CheckpointSaved"] * 3,
        "TrainingFinished",
    ]
    assert [step for step, _ in training.losses.curves("backbone")[0]] == [1, 2, 3, 4, 5, 6]
    assert school.thread.training_mailbox.take()[0].step == 6
    assert school.engine.lessons[0].thread == school.maker.threads[0] != threading.get_ident()


def test_a_picture_is_made_between_two_steps_and_the_training_continues(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={3: gate}))
    school.train()
    school.wait(gate.reached.is_set)
    school.draw()
    gate.open()
    school.wait_for(TrainingFinished)
    kinds = [
        kind for kind in school.ears.order if kind in ("TrainingSuspended", "DeviceFree", "TrainingFinished")
    ]
    assert kinds == ["TrainingSuspended", "DeviceFree", "TrainingSuspended", "TrainingFinished"]
    assert [event.suspended for event in school.ears.of(TrainingSuspended)] == [True, False]
    assert school.engine.lessons[0].steps == 8
    assert not school.ears.of(PictureDone)  # it is announced once it is on the disk
    school.wait_for(JobFinished)
    assert len(school.ears.of(PictureSaved)) == len(school.ears.of(JobFinished)) == 1


def test_a_call_is_answered_between_two_steps(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={3: gate}))
    school.train()
    school.wait(gate.reached.is_set)
    school.ears.call(lambda *_: "done")
    gate.open()
    school.wait_for(TrainingFinished)
    kinds = school.ears.kinds
    assert kinds.index("Answered") < kinds.index("TrainingFinished")
    assert school.ears.of(Answered)[0].value == "done"
    assert [event.suspended for event in school.ears.of(TrainingSuspended)] == [True, False]


def test_a_frame_of_another_model_left_by_a_picture_is_decoded_before_the_training_ends(
    school: School,
) -> None:
    training_gate, picture_gate = Gate(), Gate()
    school.start(Teaching(at={3: training_gate}))
    school.engine.scripts = (Forming(at={(0, 2): picture_gate}),)
    school.train()
    school.wait(training_gate.reached.is_set)
    school.draw()
    training_gate.open()
    school.wait(picture_gate.reached.is_set)
    school.ears.call(
        lambda _, engine: engine.decode("m", OTHER_WEIGHTS, squares(1, 1)), weights_sha256=OTHER_WEIGHTS
    )
    picture_gate.open()
    school.wait_for(TrainingFinished)
    order = school.ears.order
    assert order.index("DeviceFree") < order.index("Answered") < order.index("TrainingFinished")
    assert school.ears.of(Answered)[0].value is not None


def test_a_second_training_waits_for_the_first(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={3: gate}))
    first, second = school.train(), school.train(name="hens")
    school.wait(gate.reached.is_set)
    gate.open()
    school.wait_for(TrainingFinished, 2)
    ends = [event.job_id for event in school.ears.of(TrainingStarted, TrainingFinished)]
    assert ends == [first.id, first.id, second.id, second.id]


def test_stopping_saves_the_state_and_ends_it(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={3: gate}))
    training = school.train()
    school.wait(gate.reached.is_set)
    school.thread.cancel(training)
    gate.open()
    school.wait_for(TrainingStopped)
    assert school.ears.of(TrainingStopped)[0].step == 3
    assert school.ears.of(CheckpointSaved)[-1].step == 3


def test_a_paused_training_waits_until_it_is_resumed_and_pictures_can_be_made_meanwhile(
    school: School,
) -> None:
    gate = Gate()
    school.start(Teaching(at={3: gate}))
    training = school.train()
    school.wait(gate.reached.is_set)
    school.thread.pause(training, True)
    gate.open()
    school.draw()
    school.wait_for(JobFinished)
    assert school.engine.lessons[0].steps == 2 + 3
    school.thread.pause(training, False)
    school.wait_for(TrainingFinished)


def test_a_paused_training_can_be_stopped(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={2: gate}))
    training = school.train()
    school.wait(gate.reached.is_set)
    school.thread.pause(training, True)
    gate.open()
    school.thread.cancel(training)
    school.wait_for(TrainingStopped)


def test_closing_stops_a_training_that_is_paused_or_waits_for_a_picture(school: School) -> None:
    gate, picture = Gate(), Gate()
    school.start(Teaching(at={2: gate}))
    school.engine.scripts = (Forming(at={(0, 2): picture}),)
    training = school.train()
    school.wait(gate.reached.is_set)
    school.draw()
    school.thread.pause(training, True)
    gate.open()
    school.wait(picture.reached.is_set)
    school.thread.stop()
    picture.open()
    assert school.thread.wait(8000)
    school.wait_for(TrainingStopped)
    assert school.engine.takes[0].over
    assert school.engine.lessons[0].over


@pytest.mark.parametrize("error", [StorageError("/pictures", "cannot be found"), ZeroDivisionError("oh")])
def test_an_error_becomes_a_sentence_and_the_thread_continues(school: School, error: BaseException) -> None:
    school.start(Teaching(at={"start": error}), Teaching())
    school.train()
    school.train()
    school.wait_for(TrainingFinished)
    (failed,) = school.ears.of(TrainingFailed)
    assert failed.sentence[-1] == "."
    assert type(error).__name__ in failed.details


def test_a_training_without_an_engine_fails_with_the_reason(qtbot: QtBot, tmp_path: Path) -> None:
    school = School(qtbot, tmp_path)
    error = DeviceError("cuda", "is not there")
    school.maker.errors.append(error)
    school.start()
    school.train()
    school.wait_for(TrainingFailed)
    assert school.ears.of(TrainingFailed)[0].sentence == str(error)
    school.thread.stop()
    assert school.thread.wait(8000)


def rehearse(school: School, **fields: object) -> None:
    """Have a training estimated, as the form does."""
    request = to_train(**fields)
    school.ears.call(
        lambda call, engine: engine.rehearse_training(request, cancelled=call.cancelled),
        priority=Priority.IDLE,
        gives_way=True,
    )


def test_a_rehearsal_waits_for_the_training_that_runs(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={2: gate}))
    school.train()
    school.wait(gate.reached.is_set)
    rehearse(school, name="hens")
    gate.open()
    school.wait_for(Answered)
    kinds = school.ears.kinds
    assert kinds.index("TrainingFinished") < kinds.index("Answered")
    assert school.ears.of(Answered)[0].value == ESTIMATE


def test_only_background_calls_wait_for_the_training(school: School) -> None:
    gate = Gate()
    school.start(Teaching(at={2: gate}))
    school.train()
    school.wait(gate.reached.is_set)
    school.ears.call(lambda *_: "idle", priority=Priority.IDLE)
    school.ears.call(lambda *_: "background", priority=Priority.BACKGROUND)
    gate.open()
    school.wait_for(Answered, 2)
    kinds = school.ears.kinds
    assert kinds.index("Answered") < kinds.index("TrainingFinished")
    assert [answer.value for answer in school.ears.of(Answered)] == ["background", "idle"]


@pytest.mark.parametrize("what", ["a picture", "a training", "the end"])
def test_a_rehearsal_is_interrupted_by_any_other_work_and_restarted(school: School, what: str) -> None:
    began = threading.Event()

    def give_way(cancelled: threading.Event) -> None:
        if not began.is_set():
            began.set()
            assert cancelled.wait(8)
            raise StorageError("/cache", "is not wanted any more")

    school.engine.rehearsal = give_way
    school.start()
    rehearse(school)
    school.wait(began.is_set)
    if what == "the end":
        school.thread.stop()
        return
    school.draw() if what == "a picture" else school.train()
    school.wait_for(Answered)
    (answer,) = school.ears.of(Answered)
    assert answer.value == ESTIMATE
    end = "DeviceFree" if what == "a picture" else "TrainingFinished"
    assert school.ears.order.index(end) < school.ears.order.index("Answered")
    assert len(school.engine.rehearsed) == 2


def test_a_rehearsal_that_has_not_begun_waits(school: School) -> None:
    rehearse(school)
    school.train()
    school.start()  # as when the engine takes its time at the start of the program
    school.wait_for(Answered)
    assert school.ears.kinds.index("TrainingFinished") < school.ears.kinds.index("Answered")
    assert len(school.engine.rehearsed) == 1


def test_a_failed_rehearsal_reports_the_reason(school: School) -> None:
    error = StorageError("/pictures", "cannot be found")

    def fail(_: threading.Event) -> None:
        raise error

    school.engine.rehearsal = fail
    school.start()
    rehearse(school)
    school.wait_for(Answered)
    assert school.ears.of(Answered)[0].fault == str(error)
