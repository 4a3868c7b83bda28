"""Recorded runs in the window: every job is recorded, and a run that is opened is looked at like a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError
from studio.gallery import images
from studio.runs.reader import StoredRun
from studio.ui.jobs import recorded_runs
from studio.ui.jobs.recorded_runs import MAX_BYTES_AT_ONCE, NOT_RECORDED, RunsModel
from studio.ui.run.timeline_model import TimelineModel
from tests.ui.fakes import Forming, Gate
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from studio.engine.requests.fork import StartState
    from studio.ui.core.job_state import JobState


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    yield made
    made.close()


@pytest.fixture
def runs(studio: Studio) -> RunsModel:
    return studio.models.runs


def opened(qtbot: QtBot, runs: RunsModel, studio: Studio) -> JobState:
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_picture(studio.wall.entries[-1])
    job_state: JobState = heard.args[0]
    return job_state


def test_every_run_is_recorded_and_its_job_state_has_the_run_id(studio: Studio) -> None:
    studio.generate(count=2)
    studio.wait_idle()
    job_state = studio.run.viewed
    assert job_state is not None
    assert sorted(job_state.run_ids) == [0, 1]
    assert set(job_state.run_ids.values()) == set(studio.runs.runs())
    assert studio.sentences == []


def test_nothing_is_recorded_if_recording_is_off(studio: Studio) -> None:
    studio.preferences.set("record_runs", False)
    studio.generate()
    studio.wait_idle()
    assert studio.runs.runs() == ()
    assert len(studio.wall.entries) == 1


def test_a_disk_error_is_reported_once_and_the_pictures_are_kept(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio.runs, "budget_bytes", 10)
    studio.generate(count=3)
    studio.wait_idle()
    assert len(studio.wall.entries) == 3
    assert [notice.kind for notice in studio.told] == ["warn"]


def test_an_opened_run_is_shown_like_a_new_one(qtbot: QtBot, studio: Studio, runs: RunsModel) -> None:
    studio.generate()
    studio.wait_idle()
    job_state = opened(qtbot, runs, studio)
    assert (job_state.phase, job_state.note, job_state.run_ids) == ("done", "", {0: studio.runs.runs()[0]})
    studio.run.watch(job_state)
    timeline = TimelineModel(studio.run)
    assert (timeline.first, timeline.last, timeline.count, timeline.reached) == (0, 4, 5, 5)
    frame = studio.run.frame
    assert frame is not None, "read with the run, so that nothing is painted without it"
    assert frame.pixelColor(0, 0).red() == 100, "its picture, from its file"
    studio.run.select(2)
    frame = studio.run.frame
    assert frame is not None
    assert frame.pixelColor(0, 0).red() == round(1.02 * 127.5), "what it was believed to become, at once"
    studio.run.select(0)
    frame = studio.run.frame
    assert frame is not None
    assert frame.pixelColor(0, 0).red() == round(1.25 * 127.5)
    assert [done.change for done in job_state.job.record.picture(0).steps] == [None] * 4  # type: ignore[union-attr]


LARGE_STEPS = 100


@pytest.fixture
def read(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps whose states are read, of a run of which a tenth may be read at once."""
    read: list[int] = []
    read_step = StoredRun.step

    def counted(run: StoredRun, step: int) -> tuple[StartState, NDArray[np.float32] | None]:
        read.append(step)
        return read_step(run, step)

    monkeypatch.setattr(StoredRun, "step", counted)
    studio.generate(steps=LARGE_STEPS)
    studio.wait_idle()
    stored = studio.runs.open(studio.runs.runs()[0])
    size = stored.state(0).x.nbytes * 2 * (LARGE_STEPS + 2)
    monkeypatch.setattr(recorded_runs, "MAX_BYTES_AT_ONCE", size // 10)
    read.clear()
    return read


def test_only_some_states_of_a_large_run_are_read_at_once_and_the_others_when_they_are_selected(
    qtbot: QtBot, studio: Studio, runs: RunsModel, read: list[int]
) -> None:
    studio.run.watch(opened(qtbot, runs, studio))
    assert LARGE_STEPS // 20 <= len(read) <= LARGE_STEPS // 8, "evenly chosen, with the first and the last"
    assert {0, LARGE_STEPS} <= set(read)
    timeline = TimelineModel(studio.run)
    assert len(timeline.ticks()) == LARGE_STEPS + 1, "all of them can be looked at"
    missing = [step for step in range(LARGE_STEPS) if step not in read]
    read.clear()
    for step in missing:  # scrubbing reads nothing in passing
        timeline.go_to(step)
    assert studio.run.frame is not None, "the nearest is shown meanwhile"
    assert studio.run.is_stored, "this one was kept"
    studio.wait(lambda: not studio.run.waits_for_step)
    assert read == missing[-1:]
    done = studio.run.shown_step
    assert done is not None
    assert done.state is not None
    assert float(done.state.flat[0]) == pytest.approx(-missing[-1] / 100)
    assert not studio.run.was_recomputed
    assert len(studio.engine.takes) == 1, "nothing is recomputed"


def test_a_run_of_the_usual_size_is_read_as_a_whole(
    qtbot: QtBot, studio: Studio, runs: RunsModel, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_runs, "MAX_BYTES_AT_ONCE", MAX_BYTES_AT_ONCE)
    record = opened(qtbot, runs, studio).job.record.picture(0)
    assert record is not None
    assert len(record.available()) == LARGE_STEPS


def test_a_damaged_step_is_recomputed_when_it_is_selected(
    qtbot: QtBot, studio: Studio, runs: RunsModel, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.run.watch(opened(qtbot, runs, studio))
    missing = next(step for step in range(LARGE_STEPS // 2, LARGE_STEPS) if step not in read)

    def damaged(run: StoredRun, step: int) -> tuple[StartState, NDArray[np.float32] | None]:
        raise StorageError(studio.runs.path(run.id), "is damaged at this step")

    monkeypatch.setattr(StoredRun, "step", damaged)
    studio.run.select(missing)
    studio.wait(lambda: not studio.run.waits_for_step)
    assert studio.run.was_recomputed
    assert len(studio.engine.takes) == 2


def test_a_run_is_shown_before_its_large_picture_is_read(
    qtbot: QtBot, studio: Studio, runs: RunsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, read_pixels = Gate(), images.read_pixels

    def slow(path: Path) -> NDArray[np.uint8]:
        gate()
        return read_pixels(path)

    monkeypatch.setattr(images, "read_pixels", slow)
    monkeypatch.setattr(recorded_runs, "MAX_PIXELS_AT_ONCE", 1)
    studio.generate()
    studio.wait_idle()
    studio.run.watch(opened(qtbot, runs, studio))
    studio.wait_for(gate)
    studio.run.select(2)
    assert studio.run.frame is not None, "its steps are there already"
    studio.run.select(None)
    gate.open()
    studio.wait(lambda: studio.run.frame is not None and studio.run.frame.pixelColor(0, 0).red() == 100)


def test_the_last_step_is_shown_if_the_file_of_the_picture_was_removed(
    qtbot: QtBot, studio: Studio, runs: RunsModel
) -> None:
    studio.generate()
    studio.wait_idle()
    studio.wall.entries[-1].path.unlink()
    studio.run.watch(opened(qtbot, runs, studio))
    studio.wait(lambda: studio.run.frame is not None)
    frame = studio.run.frame
    assert frame is not None
    assert frame.pixelColor(0, 0).red() == round(1.04 * 127.5)


def test_a_truncated_run_is_shown_up_to_its_last_step(qtbot: QtBot, studio: Studio, runs: RunsModel) -> None:
    studio.generate()
    studio.wait_idle()
    (studio.runs.path(studio.runs.runs()[0]) / "picture.json").unlink()
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_run(studio.runs.runs()[0])
    assert "interrupted" in heard.args[0].note
    studio.run.watch(heard.args[0])
    assert studio.run.frame is None or studio.run.picture is not None


def test_a_damaged_step_ends_what_is_shown(qtbot: QtBot, studio: Studio, runs: RunsModel) -> None:
    studio.generate()
    studio.wait_idle()
    states = studio.runs.path(studio.runs.runs()[0]) / "states.safetensors"
    data = bytearray(states.read_bytes())
    data[-10] ^= 1
    states.write_bytes(bytes(data))
    job_state = opened(qtbot, runs, studio)
    assert "damaged" in job_state.note
    assert len(job_state.job.record.picture(0).steps) == 3  # type: ignore[union-attr]


def test_a_picture_without_a_run_is_reported_in_one_sentence(
    qtbot: QtBot, studio: Studio, runs: RunsModel
) -> None:
    studio.preferences.set("record_runs", False)
    studio.generate()
    studio.wait_idle()
    with qtbot.waitSignal(runs.failed) as heard:
        runs.open_picture(studio.wall.entries[-1])
    assert heard.args == [NOT_RECORDED]


def test_the_disk_space_of_runs_is_measured(qtbot: QtBot, studio: Studio, runs: RunsModel) -> None:
    studio.generate()
    studio.wait_idle()
    with qtbot.waitSignal(runs.used) as heard:
        runs.measure()
    assert heard.args[0] > 1000
