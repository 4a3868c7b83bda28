from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from studio.engine.events import EngineReport, JobFinished
from studio.engine.requests.fork import ForkRequest
from studio.errors import DeviceError, MemoryShortError, NotFiniteError, SmallerPlan
from studio.gallery.images import read_pixels
from studio.messages import message
from tests.runs.steps import frame
from tests.ui.fakes import FULL, REPORT, WEIGHTS, FakeEngine, Forming, Gate
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.gallery.index import Entry
    from tests.ui.fakes import Script

    Open = Callable[..., Studio]

NOTE = "The negative prompt is unused."


@pytest.fixture
def open_studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Open]:
    """Open a studio whose engine plays these scripts; it is closed after the test."""
    opened: list[Studio] = []

    def open_one(*scripts: Script, errors: tuple[BaseException, ...] = ()) -> Studio:
        studio = Studio(qtbot, tmp_path, *scripts, errors=errors)
        studio.session.start()
        opened.append(studio)
        return studio

    yield open_one
    for studio in opened:
        studio.close()


def gated(point: str | tuple[int, int] = (0, 2), **fields: bool) -> tuple[Gate, Forming]:
    gate = Gate()
    return gate, Forming(at={point: gate}, **fields)


# ---------------------------------------------------------------------------------------------------------- the queue
def test_jobs_run_in_the_order_in_which_they_were_asked_for(open_studio: Open) -> None:
    studio = open_studio()
    jobs = [studio.generate(prompt) for prompt in "abcd"]
    assert studio.queue.running is jobs[0]
    assert studio.queue.waiting == tuple(jobs[1:])
    studio.wait_idle()
    assert studio.prompts == list("abcd")
    assert studio.queue.rowCount() == 0


def test_running_changed_is_emitted_when_it_changes(open_studio: Open) -> None:
    studio = open_studio()
    for prompt in "abc":
        studio.generate(prompt)
    studio.wait_idle()
    assert studio.busy == [True, False]
    studio.generate("d")
    studio.wait_idle()
    assert studio.busy == [True, False, True, False]


def test_the_thread_has_one_job_at_a_time(open_studio: Open) -> None:
    gate, forming = gated()
    studio = open_studio(forming, Forming())
    for prompt in "abc":
        studio.generate(prompt)
    studio.wait_for(gate)
    assert studio.prompts == ["a"]
    assert len(studio.queue.waiting) == 2
    gate.open()
    studio.wait_idle()
    assert studio.prompts == list("abc")


def test_the_queue_can_be_reordered_while_a_job_runs(open_studio: Open) -> None:
    gate, forming = gated()
    studio = open_studio(forming, Forming())
    jobs = [studio.generate(prompt) for prompt in "abcd"]
    studio.wait_for(gate)
    studio.queue.move(jobs[3], 0)
    gate.open()
    studio.wait_idle()
    assert studio.prompts == list("adbc")


def test_a_job_can_be_added_while_another_runs(open_studio: Open) -> None:
    gate, forming = gated()
    studio = open_studio(forming, Forming())
    studio.generate("a")
    studio.wait_for(gate)
    studio.generate("b")
    gate.open()
    studio.wait_idle()
    assert studio.prompts == ["a", "b"]
    assert len(studio.wall.entries) == 2


# ---------------------------------------------------------------------------------------------------------- cancelling
def test_cancelling_stops_the_running_job_and_the_waiting_ones_run(open_studio: Open) -> None:
    gate, forming = gated()
    studio = open_studio(forming, Forming())
    studio.generate("a", steps=500)
    studio.generate("b")
    studio.wait_for(gate)
    studio.session.cancel()
    gate.open()
    studio.wait_idle()
    assert studio.prompts == ["a", "b"]
    assert studio.engine.takes[0].model_calls == 2
    assert [entry.metadata.request["prompt"] for entry in studio.wall.entries] == ["b"]
    assert studio.told == []


def test_cancelling_is_acknowledged_at_once_while_a_model_call_still_runs(open_studio: Open) -> None:
    gate, forming = gated()
    studio = open_studio(forming)
    job = studio.generate()
    studio.wait_for(gate)
    seen: list[bool] = []
    studio.run.changed.connect(lambda: seen.append(job.cancelled.is_set()))
    began = time.perf_counter()
    studio.session.cancel()
    assert time.perf_counter() - began < 0.1
    assert seen == [True]
    gate.open()
    studio.wait_idle()
    assert studio.run.viewed is not None
    assert studio.run.viewed.phase == "cancelled"


def test_a_job_is_cancelled_while_its_model_loads(open_studio: Open) -> None:
    gate, forming = gated("load", loads=True)
    studio = open_studio(forming)
    studio.generate()
    studio.wait_for(gate)
    studio.wait(lambda: studio.run.viewed is not None and studio.run.viewed.phase == "loading")
    studio.session.cancel()
    gate.open()
    studio.wait_idle()
    assert studio.engine.takes[0].model_calls == 0
    assert studio.wall.entries == []


def test_a_waiting_job_can_be_removed_and_never_runs(open_studio: Open) -> None:
    gate, forming = gated()
    studio = open_studio(forming, Forming())
    _, second, _ = (studio.generate(prompt) for prompt in "abc")
    studio.wait_for(gate)
    studio.session.cancel_job(second)
    assert [job.request.prompt for job in studio.queue.waiting] == ["c"]
    gate.open()
    studio.wait_idle()
    assert studio.prompts == ["a", "c"]


def test_cancelling_without_a_job_does_nothing(open_studio: Open) -> None:
    studio = open_studio()
    studio.session.cancel()
    job = studio.generate()
    studio.wait_idle()
    studio.session.cancel_job(job)
    studio.generate("an owl")
    studio.wait_idle()
    assert len(studio.wall.entries) == 2


# -------------------------------------------------------------------------------------------------------------- events
def test_every_event_reaches_its_model_in_order(open_studio: Open) -> None:
    studio = open_studio(Forming(loads=True))
    phases: list[str] = []
    studio.run.changed.connect(
        lambda: phases.append(studio.run.viewed.phase if studio.run.viewed else "none")
    )
    studio.generate(count=2)
    studio.wait_idle()
    assert [phase for phase, before in zip(phases, ["", *phases], strict=False) if phase != before] == [
        "waiting",
        "loading",
        "running",
        "done",
    ]


def test_what_happened_before_a_change_of_state_is_seen_before_it(open_studio: Open) -> None:
    studio = open_studio()
    behind: list[int] = []

    def look() -> None:
        job_state = studio.run.viewed
        if job_state is not None:
            latest = [job_state.latest(image) for image in job_state.pictures]
            behind.extend(done.steps - done.step if done is not None else 99 for done in latest)

    studio.run.changed.connect(look)
    for prompt in "abcde":
        studio.generate(prompt, count=3, steps=9)
    studio.wait_idle()
    assert len(behind) >= 5
    assert set(behind) == {0}


def test_the_newest_step_is_announced_after_the_models_have_it(open_studio: Open) -> None:
    studio = open_studio()
    known: list[bool] = []
    studio.session.step_taken.connect(
        lambda done: known.append(
            studio.run.shown_step is not None and studio.run.shown_step.step >= done.step
        )
    )
    studio.generate(steps=40)
    studio.wait_idle()
    numbers = [done.step for done in studio.steps]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 40
    assert all(known)


def test_every_step_is_in_the_record(open_studio: Open) -> None:
    studio = open_studio()
    job = studio.generate(steps=200)
    studio.wait_idle()
    picture = job.record.picture(0)
    assert picture is not None
    assert [done.step for done in picture.steps] == list(range(1, 201))


def test_notes_of_the_engine_at_the_start_are_shown(open_studio: Open) -> None:
    studio = open_studio(Forming(notes=(NOTE,)))
    studio.generate()
    studio.wait_idle()
    assert [(notice.sentence, notice.kind) for notice in studio.told] == [(NOTE, "info")]


def test_the_device_is_shown_once_the_engine_is_there(open_studio: Open) -> None:
    studio = open_studio()
    report = EngineReport(device="cpu", dtype="float32", unused_gpu="Install the right torch.")
    studio.engine.answer = report
    assert studio.status.device == ""
    studio.session.warm_up()
    studio.wait(lambda: studio.status.device)
    assert (studio.status.device, studio.status.dtype) == (report.device, report.dtype)
    assert studio.status.unused_gpu == report.unused_gpu
    assert studio.engine.takes == []


def test_the_share_of_previews_is_shown(open_studio: Open) -> None:
    studio = open_studio()
    studio.generate(count=2)
    studio.wait_idle()
    assert studio.status.preview_share == pytest.approx(0.25)


def test_the_time_of_a_model_call_is_remembered(open_studio: Open) -> None:
    studio = open_studio(
        lambda take: (
            replace(e, preview_seconds=0) if isinstance(e, JobFinished) else e for e in Forming()(take)
        )
    )
    studio.generate(count=2)
    studio.wait_idle()
    measured = studio.timings.seconds_per_call(model_sha256=WEIGHTS, size=(8, 8), device=REPORT.device)
    assert measured is not None
    assert measured > 0


def test_a_cancelled_job_is_not_measured(open_studio: Open) -> None:
    gate, forming = gated((1, 2))
    studio = open_studio(forming)
    studio.generate(count=2)
    studio.wait_for(gate)
    studio.session.cancel()
    gate.open()
    studio.wait_idle()
    assert studio.status.preview_share is None
    assert studio.timings.seconds_per_call(model_sha256=WEIGHTS, size=(8, 8)) is None


# ------------------------------------------------------------------------------------------------------------ previews
@pytest.mark.parametrize(
    ("budget", "every", "limit"), [(0, 0, 0), (0.1, 1, 0.1), (0.5, 1, 0.5), (1.0, 1, None)]
)
def test_previews_keep_to_the_budget_of_the_settings(
    open_studio: Open, budget: float, every: int, limit: float | None
) -> None:
    studio = open_studio()
    studio.preferences.set("preview_budget", budget)
    studio.generate()
    studio.wait_idle()
    previews = studio.engine.takes[0].previews
    assert (previews.every, previews.budget, previews.arrays) == (every, limit, True)


def test_previews_show_the_selected_quantity_from_the_next_step(open_studio: Open) -> None:
    gate, forming = gated((0, 3))
    studio = open_studio(forming)
    job = studio.generate()
    studio.wait_for(gate)
    studio.run.set_quantity("x_t")
    gate.open()
    studio.wait_idle()
    picture = job.record.picture(0)
    assert picture is not None
    assert [done.preview_of for done in picture.steps] == ["x0", "x0", "x_t", "x_t"]


def test_a_step_without_a_preview_is_decoded_when_it_is_selected(open_studio: Open) -> None:
    studio = open_studio()
    studio.preferences.set("preview_budget", 0)
    job = studio.generate()
    studio.wait_idle()
    assert studio.engine.decoded == []
    assert studio.run.frame is not None  # the finished picture
    studio.run.select(3)
    studio.wait(lambda: studio.run.frame is not None)
    assert studio.engine.decoded == [("fake", WEIGHTS, 3.0)]
    picture = job.record.picture(0)
    assert picture is not None
    assert picture.is_full(picture.steps[2], "x0")


def test_it_is_decoded_while_the_job_still_runs(open_studio: Open) -> None:
    gate, forming = gated((0, 4))
    studio = open_studio(forming)
    studio.preferences.set("preview_budget", 0)
    studio.generate(steps=6)
    studio.wait_for(gate)
    studio.wait(lambda: studio.steps and studio.steps[-1].step == 3)
    studio.run.select(2)
    gate.open()
    studio.wait(lambda: studio.run.frame is not None)
    studio.wait_idle()
    assert studio.engine.decoded == [("fake", WEIGHTS, 2.0)]


# ------------------------------------------------------------------------------------------------------- the live tile
def test_the_first_tile_of_the_gallery_follows_the_running_job(open_studio: Open) -> None:
    gate, forming = gated((0, 3))
    studio = open_studio(forming)
    job = studio.generate()
    first = studio.wall.tiles[0]
    assert first is not None
    assert (first.image, first.step, first.steps, first.level, first.prompt) == (None, 0, 4, 1.0, "a fox")
    studio.wait_for(gate)
    studio.wait(lambda: studio.wall.tiles[-1] is not None and studio.wall.tiles[-1].step == 2)
    tile = studio.wall.tiles[-1]
    assert tile is not None
    assert tile.image is not None
    assert (tile.job_id, tile.step, tile.steps, tile.level) == (job.id, 2, 4, 0.5)
    assert tile.image.pixelColor(0, 0).red() == 2
    gate.open()
    studio.wait_idle()
    assert studio.wall.tiles[-1] is None


def test_the_tile_follows_the_next_picture_and_the_next_job(open_studio: Open) -> None:
    gate, forming = gated((1, 2))
    late, last = gated((0, 1))
    studio = open_studio(forming, last)
    studio.generate("a", count=2)
    studio.generate("b")
    studio.wait_for(gate)
    studio.wait(lambda: len(studio.wall.entries) == 1)
    studio.wait(lambda: studio.wall.tiles[-1] is not None and studio.wall.tiles[-1].step == 1)
    gate.open()
    studio.wait_for(late)
    studio.wait(lambda: studio.wall.tiles[-1] is not None and studio.wall.tiles[-1].prompt == "b")
    late.open()
    studio.wait_idle()
    assert studio.wall.tiles[-1] is None


def test_the_tile_shows_the_picture_even_if_x_t_is_selected(open_studio: Open) -> None:
    studio = open_studio()
    studio.run.set_quantity("x_t")
    studio.generate()
    studio.wait_idle()
    assert any(tile is not None and tile.image is not None for tile in studio.wall.tiles)


# ------------------------------------------------------------------------------------------------------------ pictures
def test_finished_pictures_appear_in_the_gallery_at_once(open_studio: Open) -> None:
    gate, forming = gated((1, 1))
    studio = open_studio(forming)
    studio.generate(count=2)
    studio.wait_for(gate)
    studio.wait(lambda: studio.wall.entries)
    (entry,) = studio.wall.entries
    assert np.array_equal(read_pixels(entry.path), frame(100))
    gate.open()
    studio.wait_idle()
    assert [kept.metadata.image for kept in studio.wall.entries] == [0, 1]
    assert studio.told == []


def test_a_picture_saved_elsewhere_is_reported_with_the_reason_and_its_path(open_studio: Open) -> None:
    studio = open_studio()
    studio.store.full = True
    studio.generate()
    studio.wait_idle()
    (entry,) = studio.wall.entries
    (notice,) = studio.told
    assert notice.kind == "error"
    assert FULL in notice.sentence
    assert str(entry.path) in notice.sentence
    assert entry.path.is_file()


def test_a_picture_that_could_not_be_saved_can_be_saved_once_there_is_space(open_studio: Open) -> None:
    studio = open_studio()
    studio.store.full = studio.store.rescue_full = True
    studio.generate()
    studio.wait_idle()
    assert studio.wall.entries == []
    notice = studio.told[0]
    assert notice.kind == "error"
    assert FULL in notice.sentence
    assert notice.act is not None

    told = len(studio.told)
    notice.act()  # still full
    studio.wait(lambda: len(studio.told) > told)
    again = studio.told[-1]
    assert again is not notice
    assert again.action == notice.action != ""
    assert again.act is not None

    studio.store.full = False
    again.act()
    studio.wait(lambda: studio.wall.entries)
    (entry,) = studio.wall.entries
    assert np.array_equal(read_pixels(entry.path), frame(100))
    assert str(entry.path) in studio.told[-1].sentence
    assert studio.told[-1].action == ""


def test_a_picture_missing_in_the_catalogue_is_reported(open_studio: Open, tmp_path: Path) -> None:
    (tmp_path / "catalogue").write_text("a file where the folder should be")
    studio = open_studio()
    studio.generate()
    studio.wait_idle()
    (entry,) = studio.wall.entries
    assert entry.path.is_file()
    assert [(notice.kind, notice.sentence) for notice in studio.told] == [("warn", entry.notes[0])]


# -------------------------------------------------------------------------------------------------------------- faults
def test_the_queue_continues_after_a_failure(open_studio: Open) -> None:
    studio = open_studio(Forming(at={(0, 2): NotFiniteError(2)}), Forming())
    for prompt in "ab":
        studio.generate(prompt)
    studio.wait_idle()
    assert studio.prompts == ["a", "b"]
    assert len(studio.wall.entries) == 1
    assert studio.busy == [True, False]


def test_a_failure_is_said_once_by_the_canvas_that_shows_the_job(open_studio: Open) -> None:
    studio = open_studio(Forming(at={(0, 2): RuntimeError("odd")}))
    studio.generate()
    studio.wait_idle()
    job_state = studio.run.viewed
    assert job_state is not None
    assert job_state.failure is not None
    assert "RuntimeError (odd)" in job_state.failure.sentence
    assert "Traceback" in job_state.failure.details
    assert studio.told == []


def test_a_failure_of_a_job_that_is_not_shown_gives_a_notice(open_studio: Open) -> None:
    gate, forming = gated("call")
    studio = open_studio(Forming(), Forming(at={"call": gate, (0, 2): NotFiniteError(2)}))
    del forming
    studio.generate("a")
    studio.wait_idle()
    studio.run.select(1)
    studio.generate("b")
    studio.wait_for(gate)
    gate.open()
    studio.wait_idle()
    (notice,) = studio.told
    assert notice.kind == "error"
    assert notice.sentence == str(NotFiniteError(2))
    assert "Traceback" in notice.details


@pytest.mark.parametrize(
    ("plan", "size"),
    [
        (SmallerPlan(measure=message("VAE decoded in tiles")), None),
        (SmallerPlan(size=(32, 16)), (32, 16)),
        (SmallerPlan(), "nothing"),
    ],
    ids=["rung", "size", "nothing"],
)
def test_a_job_that_ran_out_of_memory_is_run_again_with_less_by_one_click(
    open_studio: Open, plan: SmallerPlan, size: object
) -> None:
    error = MemoryShortError("cuda:0", smaller=plan)
    studio = open_studio(Forming(at={(0, 2): error}), Forming())
    studio.generate("a")
    studio.wait_idle()
    if size == "nothing":
        assert studio.told == []
        return
    (notice,) = studio.told
    assert notice.action
    notice.act()
    studio.wait_idle()
    assert studio.prompts == ["a", "a"]
    assert len(studio.wall.entries) == 1
    request = studio.engine.takes[-1].request
    if size is not None:
        assert (request.width, request.height) == size


def test_an_engine_that_cannot_be_created_is_reported_once(open_studio: Open) -> None:
    error = DeviceError("cuda", "is not there")
    studio = open_studio(errors=(error, DeviceError("cuda", "is not there")))
    studio.session.warm_up()
    studio.wait(lambda: studio.told)
    assert studio.sentences == [str(error)]
    assert studio.status.device not in ("", REPORT.device)
    studio.generate()
    studio.wait_idle()
    assert len(studio.told) == 1  # the canvas says it of the job
    assert studio.run.viewed is not None
    assert studio.run.viewed.failure is not None
    studio.generate()
    studio.wait_idle()
    assert studio.status.device == REPORT.device
    assert len(studio.wall.entries) == 1


# ------------------------------------------------------------------------------------------------------------- closing
def test_closing_in_the_middle_stops_within_a_model_call_and_loses_no_finished_picture(
    qtbot: QtBot, tmp_path: Path
) -> None:
    gate, forming = gated((2, 3))
    studio = Studio(qtbot, tmp_path, forming)
    studio.session.start()
    studio.generate("a", count=9, steps=5)
    studio.generate("b")
    studio.wait_for(gate)
    gate.open()
    assert studio.session.close()
    assert studio.thread.isFinished()
    assert studio.engine.takes[0].calls_after_cancel <= 1
    assert studio.prompts == ["a"]
    assert len(list((tmp_path / "outputs").glob("*.png"))) == len(studio.store.catalogue.ids()) >= 2
    qtbot.wait(1)  # what it told last is heard, and starts nothing
    assert studio.queue.rowCount() == 0
    assert studio.prompts == ["a"]
    studio.close()


def test_closing_twice_or_before_the_start_is_harmless(qtbot: QtBot, tmp_path: Path) -> None:
    studio = Studio(qtbot, tmp_path)
    assert studio.session.close()
    studio.session.start()
    assert studio.session.close()
    assert studio.session.close()
    assert studio.maker.threads == []
    studio.close()


def hold_first_write(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Let the first picture wait on its way to the disk."""
    gate, add = Gate(), studio.store.add
    waits = [gate]

    def slow(*values: Any, **fields: Any) -> Entry:  # noqa: ANN401
        if waits:
            waits.pop()()
        return add(*values, **fields)

    monkeypatch.setattr(studio.store, "add", slow)
    return gate


def test_the_next_job_begins_while_the_last_picture_is_written(
    open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = open_studio()
    gate = hold_first_write(studio, monkeypatch)
    jobs = [studio.generate(prompt) for prompt in "ab"]
    studio.wait_for(gate)
    studio.wait(lambda: len(studio.engine.takes) == 2 and studio.engine.takes[1].over)
    assert studio.wall.entries == []
    assert studio.queue.running is jobs[1]
    assert studio.busy == [True]
    gate.open()
    studio.wait_idle()
    assert [entry.metadata.request["prompt"] for entry in studio.wall.entries] == ["a", "b"]
    assert studio.busy == [True, False]
    assert studio.sentences == []


def test_a_picture_that_cannot_be_written_while_the_next_job_runs_is_reported(
    open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, forming = gated()
    studio = open_studio(Forming(), forming)
    held = hold_first_write(studio, monkeypatch)
    for prompt in "ab":
        studio.generate(prompt)
    studio.wait_for(held)
    studio.wait_for(gate)
    studio.store.full = studio.store.rescue_full = True
    held.open()
    studio.wait(lambda: any(notice.kind == "error" for notice in studio.told))
    studio.store.full = studio.store.rescue_full = False
    gate.open()
    studio.wait_idle()
    assert [entry.metadata.request["prompt"] for entry in studio.wall.entries] == ["b"]


def test_a_fork_of_a_run_that_is_being_written_waits_for_its_id(
    open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = open_studio(Forming(pixels=True))
    gate = hold_first_write(studio, monkeypatch)
    studio.generate("a")
    studio.wait_for(gate)
    parent = studio.run.viewed
    assert parent is not None
    picture = parent.job.record.picture(0)
    assert picture is not None
    start = picture.state_at(2)
    assert start is not None
    studio.session.fork(ForkRequest(request=parent.request, start=start, parent=""), (parent, 0))
    assert len(studio.engine.takes) == 1
    gate.open()
    studio.wait_idle()
    forked = studio.engine.takes[1].asked
    assert isinstance(forked, ForkRequest)
    assert forked.parent == parent.run_ids[0] != ""


def test_a_hundred_jobs_leave_nothing_behind(open_studio: Open) -> None:
    studio = open_studio(Forming())
    for number in range(100):
        studio.generate(str(number), steps=1)
        if number % 3:
            studio.session.cancel_job(
                studio.queue.waiting[-1] if studio.queue.waiting else studio.queue.running
            )
    studio.wait_idle()
    assert studio.queue.rowCount() == 0
    assert all(take.over for take in studio.engine.takes)
    assert studio.thread.mailbox.take() == {}
    assert isinstance(studio.engine, FakeEngine)
