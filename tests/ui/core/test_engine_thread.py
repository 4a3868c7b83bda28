"""What "The thread" promises: one thread owns the device, and the window neither waits for it nor falls with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QThread

import studio.ui.core.engine_thread as engine_thread_module
from studio.engine.events import JobCancelled, JobFailed, JobFinished, JobStarted, StepDone
from studio.errors import DeviceError, NotFiniteError, StorageError
from studio.gallery.images import read_pixels
from studio.gallery.store import PictureSaved, PictureUnsaved
from studio.ui.core.engine_call import EngineCall, EngineFailed, EngineReady, Priority
from studio.ui.core.engine_thread import EngineThread, TaskQueue
from studio.ui.core.job import Job
from tests.runs.steps import frame, latents
from tests.ui.fakes import (
    FULL,
    OTHER_WEIGHTS,
    REPORT,
    WEIGHTS,
    Answered,
    Ears,
    FailingStore,
    FakeEngine,
    Forming,
    Gate,
    Maker,
    asking,
    make_store,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

ROOT = Path(__file__).parents[3]
ENDS = (JobFinished, JobCancelled, JobFailed)


class Room:
    """A thread with a scripted engine in it, and ears for what it tells.

    Attributes:
        thread: is started by `start`.
        ears: what was told so far.
    """

    def __init__(self, qtbot: QtBot, home: Path) -> None:
        self.outputs, self.store = home / "outputs", make_store(home)
        self._qtbot = qtbot
        self.engine, self.maker = FakeEngine(), Maker(FakeEngine())

    def furnish(self, *scripts: Callable[..., object], errors: tuple[BaseException, ...] = ()) -> None:
        """Put an engine in that plays these scripts; ``errors`` come when it is made."""
        self.engine = FakeEngine(*scripts)  # type: ignore[arg-type]
        self.maker = Maker(self.engine, *errors)
        self.thread = EngineThread(self.maker, self.store)
        self.ears = Ears(self.thread)

    def start(self, *scripts: Callable[..., object], errors: tuple[BaseException, ...] = ()) -> Room:
        self.furnish(*scripts, errors=errors)
        self.thread.start()
        return self

    def submit(self, prompt: str = "a fox", **fields: object) -> Job:
        job = Job(request=asking(prompt, **fields), budget=None)
        self.thread.submit(job)
        return job

    def wait(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=8000)

    def wait_for_end(self, jobs: int = 1) -> None:
        self.wait(lambda: len(self.ears.of(*ENDS)) == jobs)

    def stop(self) -> None:
        self.thread.stop()
        assert self.thread.wait(8000), "the thread did not end"


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    room = Room(qtbot, tmp_path)
    yield room
    room.stop()


def pass_gate(room: Room, gate: Gate) -> None:
    room.wait(gate.reached.is_set)


# -------------------------------------------------------------------------------------------------------------- torch
def test_no_module_of_the_window_imports_torch() -> None:
    code = """
import importlib, pkgutil, sys
import studio.ui
names = [found.name for found in pkgutil.walk_packages(studio.ui.__path__, "studio.ui.")]
assert {"studio.ui.jobs.session", "studio.ui.core.engine_thread", "studio.ui.run.model"} <= set(names)
for name in names:
    importlib.import_module(name)
    heavy = {"torch", "safetensors.torch", "diffusers"} & sys.modules.keys()
    assert not heavy, (name, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_engine_is_made_in_its_own_thread_and_only_when_there_is_something_to_do(room: Room) -> None:
    room.start()
    room.wait(room.thread.isRunning)
    assert room.maker.threads == []
    room.submit()
    room.submit()
    room.wait_for_end(2)
    (maker,) = room.maker.threads
    assert maker != threading.get_ident()
    assert room.engine.threads == {maker}
    assert [take.thread for take in room.engine.takes] == [maker, maker]


def test_it_can_be_made_before_anybody_waits_for_it(room: Room) -> None:
    room.start()
    room.thread.warm_up()
    room.wait(lambda: room.ears.of(EngineReady))
    assert [event.report for event in room.ears.heard] == [REPORT]
    room.submit()
    room.wait_for_end()
    assert len(room.maker.threads) == 1
    assert len(room.ears.of(EngineReady)) == 1


# ------------------------------------------------------------------------------------------------------------- events
def test_events_come_in_order_and_in_the_thread_of_the_window(room: Room) -> None:
    room.start(Forming(loads=True))
    job = room.submit(count=2)
    room.wait_for_end()
    told = [kind for kind in room.ears.kinds if kind != "StepDone"]
    assert told == [
        "EngineReady",
        "ModelLoading",
        "JobStarted",
        "PictureSaved",
        "PictureSaved",
        "JobFinished",
    ]
    assert room.ears.threads == {QThread.currentThread()}
    assert {event.job_id for event in room.ears.heard[1:]} == {job.id}
    assert [event.done.image for event in room.ears.of(PictureSaved)] == [0, 1]


def test_jobs_run_one_after_another_in_the_order_in_which_they_came(room: Room) -> None:
    room.start()
    jobs = [room.submit(str(number)) for number in range(5)]
    room.wait_for_end(5)
    assert [event.job_id for event in room.ears.of(JobStarted)] == [job.id for job in jobs]
    assert [take.request.prompt for take in room.engine.takes] == list("01234")


def test_every_step_is_in_the_record_also_where_nobody_looked(room: Room) -> None:
    room.start()
    job = room.submit(steps=300, count=2)
    room.wait_for_end()
    for image in range(2):
        picture = job.record.picture(image)
        assert picture is not None
        assert [done.step for done in picture.steps] == list(range(1, 301))
        assert all(done.x0_hat is not None and done.state is not None for done in picture.steps)


def test_a_step_is_in_the_record_before_it_is_announced(room: Room) -> None:
    room.start()
    job = room.submit(steps=50)
    seen: list[bool] = []

    def look(key: object, done: StepDone) -> bool:
        picture = job.record.picture(done.image)
        seen.append(picture is not None and picture.find(done.step) is done)
        return put(key, done)

    put = room.thread.mailbox.put
    room.thread.mailbox.put = look  # type: ignore[method-assign]
    room.wait_for_end()
    assert seen
    assert all(seen)


def test_what_happened_before_a_change_of_state_is_seen_before_it(room: Room) -> None:
    room.start()
    for _ in range(8):
        room.submit(steps=7, count=2)
    room.wait_for_end(8)
    newest: dict[tuple[str, int], int] = {}
    for event in room.ears.heard:
        if isinstance(event, StepDone):
            assert event.step > newest.get((event.job_id, event.image), 0)
            newest[event.job_id, event.image] = event.step
        elif isinstance(event, PictureSaved):
            assert newest[event.job_id, event.done.image] == 7
        elif isinstance(event, JobFinished):
            assert [newest[event.job_id, image] for image in range(2)] == [7, 7]


def test_it_calls_once_for_many_steps_that_nobody_takes(room: Room) -> None:
    room.start()
    calls: list[int] = []
    room.ears.on_woken = lambda: calls.append(1)  # type: ignore[method-assign]
    room.thread.steps_ready.disconnect()
    room.thread.steps_ready.connect(room.ears.on_woken)
    room.submit(steps=200)
    room.wait_for_end()
    assert len(calls) == 1
    assert [done.step for done in room.thread.mailbox.take().values()] == [200]


def arrays_of(events: list[object]) -> list[np.ndarray]:
    found = []
    for event in events:
        if isinstance(event, StepDone):
            found += [event.preview, event.x0_hat, event.state]
        elif isinstance(event, PictureSaved):
            found.append(event.done.pixels)
    return [array for array in found if array is not None]


def shared(arrays: list[np.ndarray]) -> bool:
    return any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_what_is_handed_over_is_fresh_and_does_not_change(room: Room) -> None:
    room.start()
    job = room.submit(steps=6)
    room.wait_for_end()
    picture = job.record.picture(0)
    assert picture is not None
    arrays = arrays_of([*picture.steps, *room.ears.of(PictureSaved)])
    assert len(arrays) == 19
    assert not any(array.flags.writeable for array in arrays)
    assert not shared(arrays)


def test_one_buffer_for_all_frames_is_noticed() -> None:
    buffer = frame(1)
    assert shared([frame(2), buffer, frame(3), buffer[:]])


# ------------------------------------------------------------------------------------------------------------- errors
class StrangeError(BaseException):
    """What an extension may raise; no Exception."""


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


ERRORS = {
    "foreseen": (NotFiniteError(3), "The model gave a value that is not a number at step 3;"),
    "not foreseen": (
        RuntimeError("expected 4\ngot 5"),
        "Something unexpected went wrong: RuntimeError (expected 4)",
    ),
    "memory": (MemoryError(), "Something unexpected went wrong: MemoryError; details are in"),
    "no Exception": (StrangeError("odd"), "Something unexpected went wrong: StrangeError (odd)"),
    "an interrupt": (KeyboardInterrupt(), "Something unexpected went wrong: KeyboardInterrupt"),
    "an exit": (SystemExit(3), "Something unexpected went wrong: SystemExit (3)"),
    "without words": (SpeechlessError(), "Something unexpected went wrong: SpeechlessError"),
    "a package": (
        ModuleNotFoundError("no", name="tokenizers"),
        "The Python package 'tokenizers' is missing;",
    ),
}
POINTS = {"at the call": "call", "while loading": "load", "at a step": (0, 3), "between pictures": (1, 1)}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_becomes_one_sentence_with_details_and_the_next_job_runs(room: Room, kind: str) -> None:
    error, sentence = ERRORS[kind]
    room.start(Forming(at={(0, 3): error}), Forming())
    job, after = room.submit(), room.submit("an owl")
    room.wait_for_end(2)
    failed, finished = room.ears.of(*ENDS)
    assert isinstance(failed, JobFailed)
    assert (failed.job_id, finished.job_id) == (job.id, after.id)
    assert failed.sentence.startswith(sentence)
    assert "\n" not in failed.sentence
    assert "Traceback" in failed.details
    assert type(error).__name__ in failed.details
    assert isinstance(finished, JobFinished)
    assert len(room.maker.threads) == 1


@pytest.mark.parametrize("point", POINTS)
def test_an_error_anywhere_ends_its_job_and_no_other(room: Room, point: str) -> None:
    room.start(Forming(loads=True, at={POINTS[point]: RuntimeError("odd")}), Forming())
    room.submit(count=2)
    room.submit("an owl")
    room.wait_for_end(2)
    assert [type(event) for event in room.ears.of(*ENDS)] == [JobFailed, JobFinished]
    assert all(take.over for take in room.engine.takes)
    assert len(room.ears.of(PictureSaved)) == (2 if point == "between pictures" else 1)


def test_an_engine_that_cannot_be_made_fails_the_job_and_is_tried_again_at_the_next(room: Room) -> None:
    error = DeviceError("cuda", "is not there")
    room.start(errors=(error, RuntimeError("odd")))
    for _ in range(3):
        room.submit()
    room.wait_for_end(3)
    kinds = room.ears.kinds
    assert [kind for kind in kinds if kind.startswith("Engine")] == ["EngineFailed"] * 2 + ["EngineReady"]
    assert [kind for kind in kinds if kind in ("JobFailed", "JobFinished")] == ["JobFailed"] * 2 + [
        "JobFinished"
    ]
    assert kinds.index("EngineFailed") < kinds.index("JobFailed")
    for engine_failed, job_failed in zip(room.ears.of(EngineFailed), room.ears.of(JobFailed), strict=True):
        assert engine_failed.sentence == job_failed.sentence
        assert engine_failed.details == job_failed.details
        assert "Traceback" in job_failed.details
    assert room.ears.of(EngineFailed)[0].sentence == str(error)


def test_an_engine_that_cannot_be_made_beforehand_is_told_and_tried_again(room: Room) -> None:
    room.start(errors=(ImportError("libtorch is broken"),))
    room.thread.warm_up()
    room.wait(lambda: room.ears.of(EngineFailed))
    assert room.ears.kinds == ["EngineFailed"]
    room.submit()
    room.wait_for_end()
    assert room.ears.of(JobFinished)


# ----------------------------------------------------------------------------------------------------------- pictures
def test_a_picture_is_on_the_disk_before_it_is_announced(room: Room) -> None:
    room.start()
    room.submit(count=3)
    room.wait_for_end()
    for kept in room.ears.of(PictureSaved):
        assert kept.fault is None
        assert np.array_equal(read_pixels(kept.entry.path), kept.done.pixels)
        assert kept.entry.id is not None


def test_a_picture_that_its_folder_does_not_take_is_rescued_and_the_job_goes_on(room: Room) -> None:
    room.store.full = True
    room.start()
    room.submit(count=2)
    room.wait_for_end()
    kept = room.ears.of(PictureSaved)
    assert [event.entry.path.parent.name for event in kept] == ["rescued", "rescued"]
    assert all(FULL in str(event.fault) for event in kept)
    assert room.ears.of(JobFinished)


def test_a_picture_that_nothing_takes_is_handed_out_and_the_job_fails(room: Room) -> None:
    room.store.full = room.store.rescue_full = True
    room.start()
    job = room.submit(count=2)
    room.wait_for_end()
    unsaved, failed = room.ears.of(PictureUnsaved, *ENDS)
    assert isinstance(failed, JobFailed)
    assert failed.sentence == str(unsaved.error)
    assert np.array_equal(unsaved.done.pixels, frame(100))
    assert room.engine.takes[0].over
    room.store.full = False
    again = room.submit()
    room.wait_for_end(2)
    assert [event.job_id for event in room.ears.of(*ENDS)] == [job.id, again.id]
    assert room.ears.of(JobFinished)


# ---------------------------------------------------------------------------------------------------------- cancelling
def test_a_running_job_is_cancelled_within_one_model_call(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 3): gate}), Forming())
    job, after = room.submit(steps=30), room.submit("an owl")
    pass_gate(room, gate)
    room.thread.cancel(job)
    gate.open()
    room.wait_for_end(2)
    cancelled, finished = room.ears.of(*ENDS)
    assert isinstance(cancelled, JobCancelled)
    assert (cancelled.job_id, finished.job_id) == (job.id, after.id)
    assert isinstance(finished, JobFinished)
    assert room.engine.takes[0].calls_after_cancel <= 1
    assert room.engine.takes[0].model_calls == 3


def test_a_job_is_cancelled_while_its_model_loads(room: Room) -> None:
    gate = Gate()
    room.start(Forming(loads=True, at={"load": gate}))
    job = room.submit()
    pass_gate(room, gate)
    room.thread.cancel(job)
    gate.open()
    room.wait_for_end()
    assert isinstance(room.ears.of(*ENDS)[0], JobCancelled)
    assert room.engine.takes[0].model_calls == 0


def test_a_job_is_cancelled_before_it_began(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 1): gate}), Forming())
    first, second, third = room.submit("1"), room.submit("2"), room.submit("3")
    pass_gate(room, gate)
    room.thread.cancel(second)
    gate.open()
    room.wait_for_end(3)
    assert [(event.job_id, type(event)) for event in room.ears.of(*ENDS)] == [
        (first.id, JobFinished),
        (second.id, JobCancelled),
        (third.id, JobFinished),
    ]
    assert room.engine.takes[1].model_calls == 0


def test_cancelling_a_job_that_is_over_does_nothing(room: Room) -> None:
    room.start()
    job = room.submit()
    room.wait_for_end()
    room.thread.cancel(job)
    room.submit()
    room.wait_for_end(2)
    assert len(room.ears.of(JobFinished)) == 2


# ------------------------------------------------------------------------------------------------------------ decoding
def decode(room: Room, step: int, weights: str = WEIGHTS, **fields: object) -> EngineCall[object]:
    """Have a step decoded."""
    pixels = latents(step)
    return room.ears.call(
        lambda _, engine: (step, engine.decode("fake", weights, pixels)),
        **{"weights_sha256": weights, "priority": Priority.INTERACTIVE, **fields},
    )


def decoded_steps(room: Room) -> list[int]:
    return [answer.value[0] for answer in room.ears.of(Answered)]


def test_frames_are_decoded_in_the_engines_thread_while_it_is_idle(room: Room) -> None:
    room.start()
    room.submit()
    room.wait_for_end()
    for step in (2, 3):
        decode(room, step)
    room.wait(lambda: len(room.ears.of(Answered)) == 2)
    assert room.engine.decoded == [("fake", WEIGHTS, 2.0), ("fake", WEIGHTS, 3.0)]
    assert [int(answer.value[1][0, 0, 0]) for answer in room.ears.of(Answered)] == [2, 3]
    assert room.engine.threads == set(room.maker.threads)


def test_frames_are_decoded_between_the_steps_of_a_job_one_at_a_time(room: Room) -> None:
    gate, late = Gate(), Gate()
    room.start(Forming(at={(0, 2): gate, (0, 5): late}))
    room.submit(steps=6)
    pass_gate(room, gate)
    for step in (1, 2, 3, 4):
        decode(room, step)
    gate.open()
    pass_gate(room, late)
    room.wait(lambda: len(room.ears.of(Answered)) == 3)  # after steps 2, 3 and 4
    assert room.engine.takes[0].model_calls == 4
    late.open()
    room.wait_for_end()
    room.wait(lambda: len(room.ears.of(Answered)) == 4)
    assert decoded_steps(room) == [1, 2, 3, 4]
    assert room.ears.of(JobFinished)


def test_frames_of_another_model_wait_until_the_job_is_over(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 2): gate}))
    room.submit(steps=6)
    pass_gate(room, gate)
    decode(room, 1, OTHER_WEIGHTS)
    decode(room, 2)
    gate.open()
    room.wait(lambda: len(room.ears.of(Answered)) == 2)
    assert decoded_steps(room) == [2, 1]
    order = [kind for kind in room.ears.order if kind in ("Answered", "DeviceFree")]
    assert order == ["Answered", "DeviceFree", "Answered"]


def test_frames_asked_for_while_the_model_loads_are_decoded_all_the_same(room: Room) -> None:
    gate = Gate()
    room.start(Forming(), Forming(loads=True, at={"load": gate}))
    room.submit()
    room.wait_for_end()
    room.submit()
    pass_gate(room, gate)
    decode(room, 1)
    gate.open()
    room.wait(lambda: room.ears.of(Answered))
    assert decoded_steps(room) == [1]


def test_a_job_that_comes_meanwhile_keeps_its_place(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 1): gate}), Forming())
    first = room.submit("1")
    pass_gate(room, gate)
    later = [room.submit("2"), room.submit("3")]
    decode(room, 1)
    room.thread.warm_up()
    gate.open()
    room.wait_for_end(3)
    assert [event.job_id for event in room.ears.of(*ENDS)] == [first.id, *(job.id for job in later)]
    assert decoded_steps(room) == [1]


@pytest.mark.parametrize("error", [NotFiniteError(1), RuntimeError("odd"), StrangeError("odd")], ids=str)
def test_a_frame_that_cannot_be_decoded_is_answered_and_nothing_else_suffers(
    room: Room, error: BaseException
) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 2): gate}))
    room.engine.decode_error = error
    room.submit()
    pass_gate(room, gate)
    decode(room, 1)
    gate.open()
    room.wait_for_end()
    (answer,) = room.ears.of(Answered)
    assert answer.fault
    assert "\n" not in answer.fault
    assert room.ears.of(JobFinished)


def test_a_frame_is_answered_too_where_there_is_no_engine(room: Room) -> None:
    error = DeviceError("cuda", "is not there")
    room.start(errors=(error,))
    decode(room, 1)
    room.wait(lambda: room.ears.of(Answered))
    assert room.ears.kinds == ["EngineFailed", "Answered"]
    assert room.ears.of(Answered)[0].fault == str(error)


# ------------------------------------------------------------------------------------------------------------ stopping
def stops(room: Room) -> None:
    room.stop()
    assert room.thread.isFinished()
    assert not room.thread.isRunning()


def test_it_stops_while_it_is_idle(room: Room) -> None:
    room.start()
    room.submit()
    room.wait_for_end()
    stops(room)


def test_it_stops_before_anything_was_asked_of_it(room: Room) -> None:
    room.start()
    stops(room)
    assert room.maker.threads == []


def test_stopped_before_it_was_started_it_ends_at_once_and_makes_nothing(room: Room) -> None:
    room.furnish()
    room.submit()
    room.thread.stop()
    room.thread.start()
    stops(room)
    assert room.maker.threads == []


def test_never_started_it_needs_no_stopping(room: Room) -> None:
    room.furnish()
    room.thread.stop()
    assert room.thread.wait(0)


@pytest.mark.parametrize(("point", "calls"), [((0, 3), 3), ("load", 0), ("call", 0)])
def test_it_stops_within_a_model_call_whatever_it_does(
    room: Room, point: str | tuple[int, int], calls: int
) -> None:
    gate = Gate()
    room.start(Forming(loads=True, at={point: gate}))
    for _ in range(3):
        room.submit(steps=500)
    pass_gate(room, gate)
    room.thread.stop()
    gate.open()
    stops(room)
    (take,) = room.engine.takes
    assert (take.model_calls, take.over) == (calls, True)


def test_what_waits_when_it_stops_is_not_begun(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={"end": gate}))
    room.submit()
    for step in (1, 2):
        decode(room, step, OTHER_WEIGHTS)
    room.submit()
    pass_gate(room, gate)
    room.thread.stop()
    gate.open()
    stops(room)
    assert len(room.engine.takes) == 1
    assert room.engine.decoded == []


def test_pictures_that_were_finished_are_on_the_disk_when_it_has_stopped(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(2, 2): gate}))
    room.submit(count=5)
    pass_gate(room, gate)
    room.thread.stop()
    gate.open()
    room.thread.wait()  # nothing that it told was heard yet
    assert len(list(room.outputs.glob("*.png"))) == 2
    assert len(room.store.catalogue.ids()) == 2


class StoppingQueue(TaskQueue):
    """Has the thread stopped just after it took a job, and before it can have looked at it."""

    def next(self) -> object:  # type: ignore[override]
        task = super().next()
        if isinstance(task, Job):
            self.stop()
        return task


def test_it_stops_where_that_comes_between_taking_a_job_and_beginning_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_thread_module, "TaskQueue", StoppingQueue)
    room.furnish()
    room.submit(steps=1000)
    room.thread.start()
    assert room.thread.wait(8000)
    assert all(take.over and take.model_calls == 0 for take in room.engine.takes)


def test_it_stops_at_any_moment(room: Room) -> None:
    for delay_us in range(0, 1500, 75):
        room.furnish(Forming())
        room.thread.start()
        for _ in range(3):
            room.submit(steps=1000)
        until = time.perf_counter() + delay_us / 1e6
        while time.perf_counter() < until:
            pass
        stops(room)


def test_it_is_never_terminated_and_no_dialog_comes_from_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminated: list[object] = []
    monkeypatch.setattr(EngineThread, "terminate", terminated.append)
    gate = Gate()
    room.start(Forming(at={(0, 2): gate}))
    room.submit()
    pass_gate(room, gate)
    room.thread.stop()
    assert not room.thread.wait(50), "it is in a model call"
    gate.open()
    stops(room)
    assert terminated == []
    code = "import sys, studio.ui.core.engine_thread; assert 'PySide6.QtWidgets' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_lives_in_the_thread_of_the_window(room: Room) -> None:
    room.start()
    assert room.thread.thread() is QThread.currentThread()


# -------------------------------------------------------------------------------------------------------------- calls
def test_a_call_has_the_engine_after_the_running_job_and_its_answer_comes_back(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 2): gate}))
    room.submit()
    pass_gate(room, gate)
    call = room.ears.call(lambda _, engine: (engine is room.engine, threading.get_ident()))
    assert room.ears.of(Answered) == []
    gate.open()
    room.wait(lambda: room.ears.of(Answered))
    (answer,) = room.ears.of(Answered)
    assert answer.call is call
    assert answer.value == (True, room.maker.threads[0])
    assert room.ears.order.index("DeviceFree") < room.ears.order.index("Answered")


def test_a_call_that_fails_is_a_sentence_and_one_that_was_cancelled_is_not_begun(room: Room) -> None:
    error = StorageError("/runs", "are gone")

    def fail(*_: object) -> None:
        raise error

    began: list[object] = []
    room.furnish()
    room.ears.call(fail)
    room.ears.call(lambda *told: began.append(told)).cancel()
    room.thread.start()
    room.wait(lambda: len(room.ears.of(Answered)) == 2)
    failed, dropped = sorted(room.ears.of(Answered), key=lambda answer: answer.dropped)
    assert failed.fault == str(error)
    assert (dropped.dropped, dropped.value, dropped.fault, began) == (True, None, "", [])


def test_stopping_the_thread_stops_a_call(room: Room) -> None:
    began = threading.Event()

    def work(call: EngineCall[None], _: object) -> None:
        began.set()
        assert call.cancelled.wait(8)

    room.start()
    room.ears.call(work)
    room.wait(began.is_set)


def test_the_most_urgent_call_is_answered_first_and_of_equal_ones_the_oldest(room: Room) -> None:
    room.furnish()
    for number, priority in enumerate(
        [Priority.BACKGROUND, Priority.INTERACTIVE, Priority.NORMAL, Priority.INTERACTIVE]
    ):
        room.ears.call(lambda *_, number=number: number, priority=priority)
    room.thread.start()
    room.wait(lambda: len(room.ears.of(Answered)) == 4)
    assert [answer.value for answer in room.ears.of(Answered)] == [1, 3, 2, 0]


def test_a_job_goes_before_every_call(room: Room) -> None:
    room.furnish()
    for step in range(1, 21):
        decode(room, step)
    room.submit()
    room.thread.start()
    room.wait(lambda: len(room.ears.of(Answered)) == 20)
    began = next(place for place, event in enumerate(room.ears.heard) if isinstance(event, JobStarted))
    assert not any(isinstance(event, Answered) for event in room.ears.heard[:began])


def test_a_newer_call_with_an_equal_token_takes_the_place_of_one_that_waits(room: Room) -> None:
    room.furnish()
    done: list[str] = []
    for name in ("a", "b", "c"):
        room.ears.call(lambda *_, name=name: done.append(name), token=("look", 1))
    room.ears.call(lambda *_: done.append("other"), token=("look", 2))
    room.thread.start()
    room.wait(lambda: len(room.ears.of(Answered)) == 4)
    assert done == ["c", "other"]
    assert [answer.dropped for answer in room.ears.of(Answered)] == [True, True, False, False]


def test_calls_without_a_token_do_not_take_each_others_place(room: Room) -> None:
    room.furnish()
    for number in range(3):
        room.ears.call(lambda *_, number=number: number)
    room.thread.start()
    room.wait(lambda: len(room.ears.of(Answered)) == 3)
    assert [answer.value for answer in room.ears.of(Answered)] == [0, 1, 2]


def test_a_newer_call_with_an_equal_token_stops_one_that_was_begun(room: Room) -> None:
    began = threading.Event()

    def work(call: EngineCall[str], _: object) -> str:
        began.set()
        assert call.cancelled.wait(8)
        return "old"

    room.start()
    room.ears.call(work, token="look")
    room.wait(began.is_set)
    room.ears.call(lambda *_: "new", token="look")
    room.wait(lambda: len(room.ears.of(Answered)) == 2)
    assert [(answer.value, answer.dropped) for answer in room.ears.of(Answered)] == [
        (None, True),
        ("new", False),
    ]


@pytest.mark.parametrize("gives_way", [True, False])
def test_a_call_gives_way_to_a_job_only_where_it_says_so(room: Room, gives_way: bool) -> None:
    began, times = threading.Event(), []

    def work(call: EngineCall[str], _: object) -> str:
        times.append(len(room.engine.takes))
        began.set()
        call.cancelled.wait(8 if gives_way and len(times) == 1 else 0.2)
        return "done"

    room.start()
    room.ears.call(work, gives_way=gives_way)
    room.wait(began.is_set)
    room.submit()
    room.wait_for_end()
    room.wait(lambda: room.ears.of(Answered))
    assert [answer.value for answer in room.ears.of(Answered)] == ["done"]
    assert times == ([0, 1] if gives_way else [0])


def test_background_calls_are_not_answered_between_the_steps_of_a_job(room: Room) -> None:
    gate = Gate()
    room.start(Forming(at={(0, 2): gate}))
    room.submit(steps=6)
    pass_gate(room, gate)
    decode(room, 1, priority=Priority.BACKGROUND)
    decode(room, 2, priority=Priority.NORMAL)
    gate.open()
    room.wait(lambda: len(room.ears.of(Answered)) == 2)
    assert decoded_steps(room) == [2, 1]
    order = [kind for kind in room.ears.order if kind in ("Answered", "DeviceFree")]
    assert order == ["Answered", "DeviceFree", "Answered"]


def test_an_answer_goes_to_its_caller_alone_and_in_the_thread_of_the_window(room: Room) -> None:
    heard: dict[str, list[object]] = {"a": [], "b": []}
    room.start()
    for name, said in heard.items():
        then = lambda value, said=said: said.append((value, threading.get_ident()))  # noqa: E731
        room.thread.call(EngineCall(work=lambda *_, name=name: name, then=then))
    room.wait(lambda: all(heard.values()))
    assert heard == {name: [(name, threading.get_ident())] for name in heard}


# ------------------------------------------------------------------------------------------------------------- writing
class SlowStore(FailingStore):
    """A store whose disk waits for `go_on`."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "outputs", home / "catalogue", rescued=home / "rescued")
        self.go_on = threading.Event()

    def add(self, *values: Any, **named: Any) -> Any:  # noqa: ANN401
        assert self.go_on.wait(8)
        return super().add(*values, **named)


def test_the_device_goes_on_while_a_picture_is_written(room: Room, tmp_path: Path) -> None:
    room.store = slow = SlowStore(tmp_path)
    room.start()
    room.submit(count=3)
    room.wait(lambda: room.engine.takes and room.engine.takes[0].over)
    assert room.engine.takes[0].model_calls == 12
    assert room.ears.of(PictureSaved, *ENDS) == []  # nothing is announced before it is durable
    slow.go_on.set()
    room.wait_for_end()
    assert [event.done.image for event in room.ears.of(PictureSaved)] == [0, 1, 2]
    assert isinstance(room.ears.heard[-1], JobFinished)


def test_an_unexpected_error_while_writing_fails_the_job_and_the_next_runs(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.start()

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(room.store, "add", fail)
        room.submit(count=2)
        room.wait_for_end()
    assert "MemoryError" in room.ears.of(JobFailed)[0].sentence
    room.submit()
    room.wait_for_end(2)
    assert room.ears.of(JobFinished)


@pytest.mark.parametrize("steps", [4, 300], ids=["all events wait already", "more come later"])
def test_a_job_ends_however_much_is_still_to_come_when_writing_fails(room: Room, steps: int) -> None:
    room.store.full = room.store.rescue_full = True
    room.start()
    room.submit(count=3, steps=steps)
    room.wait_for_end()
    assert room.ears.of(JobFailed)
    assert room.engine.takes[0].over
