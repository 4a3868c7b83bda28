"""One source of pictures of steps: what is there is handed out at once, what is not is decoded or read once."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from studio.errors import CheckpointError, MemoryShortError, StudioError, UnknownNameError
from studio.gallery import images as pixels_module
from studio.gallery.images import read_pixels
from studio.gallery.store import save_picture
from studio.ui.core.engine_call import Priority
from studio.ui.run.model import RunModel
from tests.runs.steps import frame
from tests.ui.asked import Asked, make_frames
from tests.ui.fakes import make_store
from tests.ui.played import Played
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState


@pytest.fixture
def asked(qapp: object) -> Asked:
    del qapp
    return Asked()


@pytest.fixture
def frames(asked: Asked) -> FrameService:
    return make_frames(asked)


@pytest.fixture
def state(frames: FrameService) -> JobState:
    """A job of ten steps, each with a preview that is a draft."""
    played = Played(RunModel(frames), steps=10)
    played.begin().steps(*range(1, 11), tier="linear")
    return played.job_state


class Waits:
    """Asks for frames, and remembers the answers."""

    def __init__(self, frames: FrameService, state: JobState) -> None:
        self.frames, self.state = frames, state
        self.got: list[tuple[str, int]] = []
        self.failed: list[tuple[str, str]] = []

    def ask(self, name: str, step: int, **how: Any) -> int | None:  # noqa: ANN401
        """Return the value of the frame where it is there."""
        pixels = self.frames.get(
            self.state,
            0,
            step,
            "x0",
            lambda pixels: self.got.append((name, int(pixels[0, 0, 0]))),
            lambda sentence: self.failed.append((name, sentence)),
            **how,
        )
        return None if pixels is None else int(pixels[0, 0, 0])


@pytest.fixture
def waits(frames: FrameService, state: JobState) -> Waits:
    return Waits(frames, state)


# ---------------------------------------------------------------------------------------------------------- at once
def test_a_frame_that_is_full_is_returned_and_nothing_is_asked(frames: FrameService, asked: Asked) -> None:
    played = Played(RunModel(frames))
    played.begin().steps(1, tier="full")
    assert Waits(frames, played.job_state).ask("a", 1) == 1
    assert asked.calls == []


def test_a_draft_is_decoded_and_shown_meanwhile(frames: FrameService, asked: Asked, waits: Waits) -> None:
    assert waits.ask("a", 3) is None
    best = frames.best(waits.state, 0, 3, "x0")
    assert best is not None
    assert int(best[0, 0, 0]) == 3
    assert not frames.is_full(waits.state, 0, 3, "x0")
    asked.decode(0, 77)
    assert waits.got == [("a", 77)]
    assert frames.is_full(waits.state, 0, 3, "x0")
    assert waits.ask("b", 3) == 77


def test_states_that_are_pictures_need_no_decoder(frames: FrameService, asked: Asked) -> None:
    played = Played(RunModel(frames))
    pixels = np.zeros((3, 8, 8), np.float32)
    played.begin().steps(1, tier="linear", x0_hat=pixels)
    assert Waits(frames, played.job_state).ask("a", 1) == 128
    assert asked.calls == []


def test_a_step_without_anything_to_decode_fails_without_a_sentence(
    frames: FrameService, asked: Asked
) -> None:
    played = Played(RunModel(frames))
    played.begin().steps(1, tier="linear", x0_hat=None)
    waits = Waits(frames, played.job_state)
    assert waits.ask("a", 1) is None
    assert waits.ask("b", 7) is None
    assert waits.failed == [("a", ""), ("b", "")]
    assert asked.calls == []


# --------------------------------------------------------------------------------------- coalescing, order, superseding
def test_equal_requests_share_one_call_and_all_are_answered(asked: Asked, waits: Waits) -> None:
    for name in ("a", "b", "c"):
        waits.ask(name, 5)
    assert len(asked.calls) == 1
    asked.decode(0, 9)
    assert waits.got == [("a", 9), ("b", 9), ("c", 9)]


def test_other_steps_do_not_share_it(asked: Asked, waits: Waits) -> None:
    waits.ask("a", 5)
    waits.ask("b", 6)
    assert asked.steps == [(5, "x0"), (6, "x0")]


def test_a_newer_request_with_an_equal_token_takes_the_place_of_the_older(asked: Asked, waits: Waits) -> None:
    for step in range(1, 11):
        waits.ask(str(step), step, token="look")
        assert len(asked.waiting) == 1
    asked.decode(-1, 10)
    assert waits.got == [("10", 10)]
    assert waits.failed == []


def test_without_a_token_every_request_is_answered(asked: Asked, waits: Waits) -> None:
    for step in range(1, 11):
        waits.ask(str(step), step)
    assert len(asked.waiting) == 10


def test_what_somebody_else_waits_for_is_decoded_all_the_same_but_less_urgently(
    asked: Asked, waits: Waits
) -> None:
    waits.ask("strip", 5, priority=Priority.BACKGROUND)
    (call,) = asked.calls
    assert call.priority is Priority.BACKGROUND
    waits.ask("canvas", 5, token="look")
    assert call.priority is Priority.INTERACTIVE
    waits.ask("canvas", 6, token="look")
    assert (call.priority, call.unwanted) == (Priority.BACKGROUND, False)
    asked.decode(0, 9)
    assert waits.got == [("strip", 9)]


def test_a_request_is_dropped_by_its_token(frames: FrameService, asked: Asked, waits: Waits) -> None:
    waits.ask("a", 5, token="look")
    frames.drop("another")
    assert len(asked.waiting) == 1
    frames.drop("look")
    assert asked.waiting == []
    waits.ask("b", 5, token="look")
    asked.decode(-1, 9)
    assert waits.got == [("b", 9)]


def test_what_was_decoded_for_a_request_that_was_dropped_is_not_decoded_again(
    asked: Asked, waits: Waits
) -> None:
    waits.ask("a", 5, token="look")
    waits.ask("b", 6, token="look")
    call, other = asked.decodes
    call.work(call, asked.engine)  # it had begun
    assert waits.ask("c", 5, token="look") == 5
    assert waits.got == []
    assert other.unwanted
    assert len(asked.engine.decoded) == 1


def test_one_that_had_begun_meanwhile_is_taken_over(asked: Asked, waits: Waits) -> None:
    waits.ask("a", 5, token="look")
    waits.ask("b", 6, token="look")
    waits.ask("c", 5, token="look")
    first, _, last = asked.decodes
    first.work(first, asked.engine)
    asked.answer(last)
    assert waits.got == [("c", 5)]
    assert len(asked.engine.decoded) == 1


# ------------------------------------------------------------------------------------------------------------- failures
@pytest.mark.parametrize(
    "error", [UnknownNameError("model", "tiny", []), CheckpointError("/models/tiny", "is another by now")]
)
def test_a_model_that_is_gone_is_said_once_asked_and_remembered(
    frames: FrameService, asked: Asked, waits: Waits, error: StudioError
) -> None:
    asked.engine.decode_error = error
    waits.ask("a", 5)
    asked.answer(asked.calls[0])
    waits.ask("b", 5)
    assert len(asked.calls) == 1
    assert [name for name, _ in waits.failed] == ["a", "b"]
    assert len({sentence for _, sentence in waits.failed}) == 1
    assert frames.why_gone(waits.state, 0, 5, "x0") == waits.failed[0][1]
    assert frames.why_gone(waits.state, 0, 6, "x0") == ""


def test_too_little_memory_says_what_happened_and_may_be_tried_again(
    frames: FrameService, asked: Asked, waits: Waits
) -> None:
    waits.ask("a", 5)
    sentence = str(MemoryShortError("cuda:0", "close other programs"))
    asked.fail(asked.calls[0], sentence)
    assert waits.failed == [("a", sentence)]
    assert frames.why_gone(waits.state, 0, 5, "x0") == ""
    waits.ask("b", 5)
    asked.decode(-1, 9)
    assert waits.got == [("b", 9)]


# --------------------------------------------------------------------------------------------------------------- memory
def test_the_cache_is_bounded_by_bytes_and_gives_up_what_was_not_looked_at_longest(
    asked: Asked, qapp: object
) -> None:
    each = frame(0, side=16).nbytes
    frames = make_frames(asked, max_bytes=3 * each)
    played = Played(RunModel(frames), steps=10, max_bytes=1)  # no record has room for any
    played.begin().steps(10, tier="linear")
    for step in range(1, 6):
        played.job.record.picture(0).steps.insert(step - 1, played.take.step(0, step, tier="linear"))  # type: ignore[union-attr]
    waits = Waits(frames, played.job_state)
    for step in (1, 2, 3):
        waits.ask("a", step)
        asked.decode(-1, 100 + step)
    assert waits.ask("b", 1) == 101  # looked at again
    waits.ask("b", 4)
    asked.decode(-1, 104)
    there = [waits.ask("c", step) for step in (1, 2, 3, 4)]
    assert there == [101, None, 103, 104]


def test_memory_over_2000_previews_does_not_grow(asked: Asked, qapp: object) -> None:
    frames = make_frames(asked, max_bytes=64 * 2**10)
    run = RunModel(frames)

    def a_job() -> weakref.ref[JobState]:
        asked.calls.clear()
        played = Played(run, steps=100, max_bytes=64 * 2**10)
        played.begin()
        for step in range(1, 101):
            played.steps(step, tier="linear")
            run.select(step)
            asked.decode(-1)
        played.keep()
        played.end()
        run.go_live()
        return weakref.ref(played.job_state)

    old = [a_job() for _ in range(4)]
    gc.collect()
    tracemalloc.start()
    try:
        old += [a_job() for _ in range(2)]
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        old += [a_job() for _ in range(20)]  # 2,000 previews
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100 * 2**10
    assert [ref() is None for ref in old] == [True] * 25 + [False]  # the last one is looked at


# --------------------------------------------------------------------------------------------------- finished pictures
def test_a_finished_picture_is_read_once_in_another_thread(
    frames: FrameService, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def read(path: Path) -> Any:  # noqa: ANN401
        threads.append(threading.get_ident())
        return read_pixels(path)

    monkeypatch.setattr(pixels_module, "read_pixels", read)
    state = let_go_of(frames, tmp_path)
    got: list[int] = []
    for _ in range(3):
        assert frames.get(state, 2, None, "x0", lambda pixels: got.append(int(pixels[0, 0, 0]))) is None
    qtbot.waitUntil(lambda: len(got) == 3)
    assert set(got) == {102}
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    assert frames.get(state, 2, None, "x0", lambda _: None) is not None


def test_a_finished_picture_whose_file_is_gone_fails_with_a_sentence(
    frames: FrameService, qtbot: QtBot, tmp_path: Path
) -> None:
    state = let_go_of(frames, tmp_path)
    (tmp_path / "outputs").rename(tmp_path / "elsewhere")
    failed: list[str] = []
    for count in (1, 2):
        assert frames.get(state, 2, None, "x0", lambda _: None, failed.append) is None
        qtbot.waitUntil(lambda count=count: len(failed) == count)
    assert failed[0] == failed[1] != ""


def let_go_of(frames: FrameService, home: Path) -> JobState:
    """Return a job of so many pictures that the pixels of the first ones are only in their files."""
    store, played = make_store(home), Played(RunModel(frames), count=40)
    played.begin()
    for image in range(40):
        played.job_state.take(save_picture(played.take.picture(image), store))
    assert not played.job_state.pictures[2].done.pixels.size
    return played.job_state


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(qtbot, tmp_path)
    studio.session.start()
    yield studio
    studio.close()


def test_a_job_does_not_wait_until_the_model_of_an_old_run_is_loaded(
    studio: Studio, frames: FrameService
) -> None:
    begun: list[threading.Event] = []

    def load(cancelled: threading.Event | None) -> None:
        assert cancelled is not None
        begun.append(cancelled)
        if len(begun) == 1:
            assert cancelled.wait(8), "nobody cancelled it"
            raise InterruptedError

    old = Played(RunModel(frames), steps=4).begin()
    old.steps(1, preview=None, x0_hat=np.full((4, 2, 2), 40, np.float32))
    studio.engine.loading = load
    answers: list[object] = []
    studio.frames.get(old.job_state, 0, 1, "x0", answers.append)
    studio.wait(lambda: begun)
    studio.generate()
    studio.wait_idle()
    studio.wait(lambda: answers)
    assert len(begun) == 2, "it was begun anew after the job"
    assert len(studio.wall.entries) == 1
