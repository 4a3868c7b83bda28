from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from studio.engine.events import JobCancelled, JobFailed
from studio.engine.requests.previews import Previews
from studio.errors import StorageError
from studio.gallery.index import Entry
from studio.gallery.metadata import PictureMetadata
from studio.gallery.store import PictureSaved, PictureUnsaved
from studio.ui.core.job import Job
from studio.ui.core.job_state import WITH_PIXELS, JobState
from studio.ui.jobs.timings import Timings, note_pace
from tests.runs.steps import step_done
from tests.ui.fakes import REPORT, WEIGHTS, Take, asking

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def course_of(clock: Clock, **fields: Any) -> tuple[JobState, Take]:  # noqa: ANN401
    """Return the state of a job, and what tells its events."""
    job = Job(request=asking(**fields))
    take = Take(request=job.request, job_id=job.id, previews=Previews(), cancelled=threading.Event())
    return JobState(job, clock), take


def kept(take: Take, image: int, tmp_path: Path) -> PictureSaved:
    done = take.picture(image)
    entry = Entry(path=tmp_path / "x.png", width=8, height=8, metadata=PictureMetadata.of(done))
    return PictureSaved(job_id=take.job_id, done=done, entry=entry)


def test_a_successful_job_waits_loads_runs_and_is_done(clock: Clock, tmp_path: Path) -> None:
    job_state, take = course_of(clock)
    phases: list[str] = [job_state.phase]
    for event in (take.loading(), take.started(), kept(take, 0, tmp_path), take.finished()):
        job_state.take(event)
        phases.append(job_state.phase)
        assert job_state.over == (job_state.phase == "done")
    assert phases == ["waiting", "loading", "running", "running", "done"]
    assert job_state.finished == take.finished()
    assert job_state.failure is None


@pytest.mark.parametrize("start", [False, True], ids=["while loading", "while running"])
def test_a_job_can_end_early(clock: Clock, start: bool) -> None:
    failed = JobFailed(job_id="x", sentence="It is gone.")
    for last, phase in ((JobCancelled(job_id="x", pictures=0), "cancelled"), (failed, "failed")):
        job_state, take = course_of(clock)
        job_state.take(take.loading())
        if start:
            job_state.take(take.started())
        job_state.take(last)
        assert (job_state.phase, job_state.over) == (phase, True)
        assert job_state.failure is (failed if phase == "failed" else None)
        assert job_state.seconds_left is None


def test_the_request_becomes_the_resolved_one_of_the_engine(clock: Clock) -> None:
    job_state, take = course_of(clock, steps=None)
    assert job_state.request.steps is None
    assert job_state.steps == 0
    assert job_state.fraction == 0.0
    take.request = asking(steps=9)
    job_state.take(take.started())
    assert job_state.request.steps == job_state.steps == 9


def test_the_current_picture_is_the_first_that_is_not_finished_or_the_last(
    clock: Clock, tmp_path: Path
) -> None:
    job_state, take = course_of(clock, count=3)
    seen = [job_state.current_image]
    for image in (0, 1, 2):
        job_state.take(kept(take, image, tmp_path))
        seen.append(job_state.current_image)
    assert seen == [0, 1, 2, 2]


def test_a_picture_that_could_not_be_saved_is_finished_too(clock: Clock, tmp_path: Path) -> None:
    job_state, take = course_of(clock, count=2)
    unsaved = PictureUnsaved(
        job_id=take.job_id, done=take.picture(0), error=StorageError(tmp_path, "is full")
    )
    job_state.take(unsaved)
    assert job_state.pictures == {0: unsaved}
    assert job_state.current_image == 1


def test_the_fraction_grows_by_steps_over_all_pictures_and_ends_at_one(clock: Clock, tmp_path: Path) -> None:
    job_state, take = course_of(clock, count=2, steps=4)
    job_state.take(take.started())
    seen = [job_state.fraction]
    for image in (0, 1):
        for step in (1, 3, 4):  # the mailbox dropped one
            job_state.take_step(step_done(step, image=image))
            seen.append(job_state.fraction)
        job_state.take(kept(take, image, tmp_path))
        seen.append(job_state.fraction)
    assert seen == [0, 1 / 8, 3 / 8, 4 / 8, 4 / 8, 5 / 8, 7 / 8, 1, 1]


def test_pictures_that_form_together_are_counted_together(clock: Clock) -> None:
    job_state, take = course_of(clock, count=4, steps=4)
    job_state.take(take.started())
    for image in range(4):
        job_state.take_step(step_done(2, image=image))
    assert job_state.fraction == 0.5
    newest = step_done(3, image=2)
    job_state.take_step(newest)
    assert job_state.latest(2) is newest
    assert job_state.latest(7) is None


def test_the_time_left_follows_the_pace_since_the_start_of_the_pictures(clock: Clock) -> None:
    job_state, take = course_of(clock, count=2, steps=4)
    job_state.take(take.loading())
    assert job_state.seconds_left is None
    clock.now += 50  # loading is no part of the pace
    job_state.take(take.started())
    assert job_state.seconds_left is None
    clock.now += 3
    job_state.take_step(step_done(2))
    assert job_state.seconds_left == pytest.approx(9)
    clock.now += 3
    job_state.take_step(step_done(4))
    assert job_state.seconds_left == pytest.approx(6)


def test_the_time_of_the_pictures_ends_with_the_job_and_excludes_loading(clock: Clock) -> None:
    job_state, take = course_of(clock)
    clock.now += 5
    job_state.take(take.loading())
    clock.now += 5
    assert job_state.seconds == 0
    job_state.take(take.started())
    clock.now += 3
    assert job_state.seconds == 3
    job_state.take(take.finished())
    clock.now += 3
    assert job_state.seconds == 3


def test_the_time_of_a_model_call_is_the_mean_over_all_pictures_without_loading_and_previews(
    clock: Clock, tmp_path: Path
) -> None:
    job_state, take = course_of(clock, count=2)
    timings = Timings(tmp_path / "timings.json")
    job_state.take(take.loading())
    clock.now += 50
    job_state.take(take.started())
    clock.now += 9
    for image in (0, 1):
        job_state.take(kept(take, image, tmp_path))
    note_pace(job_state, timings)  # not over yet
    assert timings.seconds_per_call(model_sha256=WEIGHTS, size=(8, 8)) is None
    job_state.take(take.finished())
    clock.now += 50
    note_pace(job_state, timings)
    measured = timings.seconds_per_call(model_sha256=WEIGHTS, size=(8, 8), device=REPORT.device)
    assert measured == pytest.approx((9 - 1) / 16)  # the fake says that previews took a second of it


def test_older_pictures_are_dropped_from_memory_unless_they_are_unsaved(clock: Clock, tmp_path: Path) -> None:
    job_state, take = course_of(clock, count=100)
    job_state.take(take.started())
    unsaved = PictureUnsaved(
        job_id=take.job_id, done=take.picture(0), error=StorageError(tmp_path, "is full")
    )
    job_state.take(unsaved)
    for image in range(1, 100):
        job_state.take(kept(take, image, tmp_path))
    holding = [image for image, event in job_state.pictures.items() if event.done.pixels.size]
    assert holding == [0, *range(100 - WITH_PIXELS, 100)]
    assert len(job_state.pictures) == 100


def test_the_share_of_previews_excludes_loading_the_model(clock: Clock, tmp_path: Path) -> None:
    job_state, take = course_of(clock)
    job_state.take(take.loading())
    clock.now += 1.0
    job_state.take(take.started())
    assert job_state.preview_share is None
    job_state.take(take.finished())  # two seconds in all, half a second of previews
    assert job_state.preview_share == pytest.approx(0.5)
