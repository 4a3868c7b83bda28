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
from studio.ui.jobs.job_state import WITH_PIXELS, Course
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


def course_of(clock: Clock, **fields: Any) -> tuple[Course, Take]:  # noqa: ANN401
    """Return the course of a job, and what tells its events."""
    job = Job(request=asking(**fields))
    take = Take(request=job.request, job_id=job.id, previews=Previews(), cancelled=threading.Event())
    return Course(job, clock), take


def kept(take: Take, image: int, tmp_path: Path) -> PictureSaved:
    done = take.picture(image)
    entry = Entry(path=tmp_path / "x.png", width=8, height=8, metadata=PictureMetadata.of(done))
    return PictureSaved(job_id=take.job_id, done=done, entry=entry)


def test_a_job_that_goes_well_waits_loads_runs_and_is_done(clock: Clock, tmp_path: Path) -> None:
    course, take = course_of(clock)
    phases: list[str] = [course.phase]
    for event in (take.loading(), take.started(), kept(take, 0, tmp_path), take.finished()):
        course.take(event)
        phases.append(course.phase)
        assert course.over == (course.phase == "done")
    assert phases == ["waiting", "loading", "running", "running", "done"]
    assert course.finished == take.finished()
    assert course.failure is None


@pytest.mark.parametrize("start", [False, True], ids=["while loading", "while running"])
def test_a_job_can_end_early(clock: Clock, start: bool) -> None:
    failed = JobFailed(job_id="x", sentence="It is gone.")
    for last, phase in ((JobCancelled(job_id="x", pictures=0), "cancelled"), (failed, "failed")):
        course, take = course_of(clock)
        course.take(take.loading())
        if start:
            course.take(take.started())
        course.take(last)
        assert (course.phase, course.over) == (phase, True)
        assert course.failure is (failed if phase == "failed" else None)
        assert course.seconds_left is None


def test_the_request_is_the_engines_once_it_has_filled_it_in(clock: Clock) -> None:
    course, take = course_of(clock, steps=None)
    assert course.request.steps is None
    assert course.steps == 0
    assert course.fraction == 0.0
    take.request = asking(steps=9)
    course.take(take.started())
    assert course.request.steps == course.steps == 9


def test_the_current_picture_is_the_first_that_is_not_finished_or_the_last(
    clock: Clock, tmp_path: Path
) -> None:
    course, take = course_of(clock, count=3)
    seen = [course.current_image]
    for image in (0, 1, 2):
        course.take(kept(take, image, tmp_path))
        seen.append(course.current_image)
    assert seen == [0, 1, 2, 2]


def test_a_picture_that_could_not_be_saved_is_finished_too(clock: Clock, tmp_path: Path) -> None:
    course, take = course_of(clock, count=2)
    unsaved = PictureUnsaved(
        job_id=take.job_id, done=take.picture(0), error=StorageError(tmp_path, "is full")
    )
    course.take(unsaved)
    assert course.pictures == {0: unsaved}
    assert course.current_image == 1


def test_the_fraction_grows_by_steps_over_all_pictures_and_ends_at_one(clock: Clock, tmp_path: Path) -> None:
    course, take = course_of(clock, count=2, steps=4)
    course.take(take.started())
    seen = [course.fraction]
    for image in (0, 1):
        for step in (1, 3, 4):  # the mailbox dropped one
            course.take_step(step_done(step, image=image))
            seen.append(course.fraction)
        course.take(kept(take, image, tmp_path))
        seen.append(course.fraction)
    assert seen == [0, 1 / 8, 3 / 8, 4 / 8, 4 / 8, 5 / 8, 7 / 8, 1, 1]


def test_pictures_that_form_together_are_counted_together(clock: Clock) -> None:
    course, take = course_of(clock, count=4, steps=4)
    course.take(take.started())
    for image in range(4):
        course.take_step(step_done(2, image=image))
    assert course.fraction == 0.5
    newest = step_done(3, image=2)
    course.take_step(newest)
    assert course.latest(2) is newest
    assert course.latest(7) is None


def test_the_time_left_goes_by_the_pace_since_the_start_of_the_pictures(clock: Clock) -> None:
    course, take = course_of(clock, count=2, steps=4)
    course.take(take.loading())
    assert course.seconds_left is None
    clock.now += 50  # loading is no part of the pace
    course.take(take.started())
    assert course.seconds_left is None
    clock.now += 3
    course.take_step(step_done(2))
    assert course.seconds_left == pytest.approx(9)
    clock.now += 3
    course.take_step(step_done(4))
    assert course.seconds_left == pytest.approx(6)


def test_the_pictures_time_ends_with_the_job_and_loading_is_no_part_of_it(clock: Clock) -> None:
    course, take = course_of(clock)
    clock.now += 5
    course.take(take.loading())
    clock.now += 5
    assert course.seconds == 0
    course.take(take.started())
    clock.now += 3
    assert course.seconds == 3
    course.take(take.finished())
    clock.now += 3
    assert course.seconds == 3


def test_what_a_model_call_took_is_reckoned_over_all_pictures_without_loading_and_previews(
    clock: Clock, tmp_path: Path
) -> None:
    course, take = course_of(clock, count=2)
    timings = Timings(tmp_path / "timings.json")
    course.take(take.loading())
    clock.now += 50
    course.take(take.started())
    clock.now += 9
    for image in (0, 1):
        course.take(kept(take, image, tmp_path))
    note_pace(course, timings)  # not over yet
    assert timings.seconds_per_call(model_sha256=WEIGHTS, size=(8, 8)) is None
    course.take(take.finished())
    clock.now += 50
    note_pace(course, timings)
    measured = timings.seconds_per_call(model_sha256=WEIGHTS, size=(8, 8), device=REPORT.device)
    assert measured == pytest.approx((9 - 1) / 16)  # the fake says that previews took a second of it


def test_older_pictures_are_left_to_their_files_and_unsaved_ones_are_not(
    clock: Clock, tmp_path: Path
) -> None:
    course, take = course_of(clock, count=100)
    course.take(take.started())
    unsaved = PictureUnsaved(
        job_id=take.job_id, done=take.picture(0), error=StorageError(tmp_path, "is full")
    )
    course.take(unsaved)
    for image in range(1, 100):
        course.take(kept(take, image, tmp_path))
    holding = [image for image, event in course.pictures.items() if event.done.pixels.size]
    assert holding == [0, *range(100 - WITH_PIXELS, 100)]
    assert len(course.pictures) == 100


def test_loading_the_model_is_no_part_of_what_previews_are_measured_by(clock: Clock, tmp_path: Path) -> None:
    course, take = course_of(clock)
    course.take(take.loading())
    clock.now += 1.0
    course.take(take.started())
    assert course.preview_share is None
    course.take(take.finished())  # two seconds in all, half a second of previews
    assert course.preview_share == pytest.approx(0.5)
