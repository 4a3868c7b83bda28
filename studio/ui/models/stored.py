"""A recorded run as a course, as if it had just been made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from studio.engine.events import JobFinished, JobStarted, PictureDone, PictureStarted, StepDone
from studio.errors import StorageError
from studio.gallery.keeping import PictureKept
from studio.ui.core.job import Job
from studio.ui.models.course import Course, Lineage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.requests import GenerateRequest
    from studio.gallery.entry import Entry
    from studio.runs.facts import StepFacts
    from studio.runs.header import RunHeader
    from studio.runs.reader import StoredRun


def course_of(run: StoredRun, entry: Entry | None) -> Course:
    """Return a stored run, its steps read into memory; for any thread.

    Args:
        run: the run.
        entry: its picture, where that is known.

    Raises:
        StorageError: it has no steps that can be read.
    """
    header = run.header
    request = header.generate_request
    course = Course(Job(request=request))
    course.run_ids[0] = run.id
    if header.parent is not None and header.parent_step is not None:
        course.lineage = Lineage(run=header.parent, step=header.parent_step)
    course.take(_started(course, header, request))
    course.note = fill(course, run, gaps=True)
    if entry is not None and (done := finished(course, run)) is not None:
        course.take(PictureKept(job_id=course.job.id, done=done, entry=entry))
    course.take(JobFinished(job_id=course.job.id, pictures=1, seconds=_seconds(run)))
    return course


def _started(course: Course, header: RunHeader, request: GenerateRequest) -> JobStarted:
    return JobStarted(
        job_id=course.job.id,
        request=request,
        model_title=header.model,
        device=header.device,
        dtype=header.dtype,
        steps=header.last_index,
        weights_sha256=header.model_sha256,
        requests=(request,),
        weights=(header.model_sha256,),
    )


def fill(course: Course, run: StoredRun, image: int = 0, *, every: int = 1, gaps: bool = False) -> str:
    """Read a run's steps into a course's record, up to the first one that is damaged; return what should be said.

    Args:
        course: of the run, or of several.
        run: the run.
        image: its place in the course.
        every: how many steps one is read of; the last is read in any case.
        gaps: whether steps that were not kept are there too, without their arrays, to be made again.

    Raises:
        StorageError: it has no steps that can be read.
    """
    header, record = run.header, course.job.record
    start = run.state(header.first_index)
    began = PictureStarted(
        job_id=course.job.id,
        image=image,
        seed=header.seed,
        request=course.request_of(image),
        start=start,
        steps=header.last_index,
        x_T_sha256=header.x_T_sha256,
        sigma=run.start.sigma if run.start is not None else 1.0,
    )
    record.begin(began)
    course.take(began)
    seconds = 0.0
    readable = {*run.kept[::every], *run.kept[-1:]}
    for facts in run.steps:
        seconds += facts.ms / 1000
        if facts.step not in readable and not (gaps and facts.step < run.kept[-1]):
            continue
        try:
            kept = facts.step in readable
            done = (_step if kept else _facts_of)(course, run, facts, image, seconds)
        except StorageError as fault:
            return str(fault)
        record.add(done)
        course.take_step(done)
    if run.picture is None:
        return "This run was cut off; it is shown as far as it went."
    return "" if run.complete else "This run was not recorded whole; it is shown as far as it was."


def _step(course: Course, run: StoredRun, facts: StepFacts, image: int, seconds: float) -> StepDone:
    state = run.state(facts.step)
    bare = _facts_of(course, run, facts, image, seconds)
    return replace(bare, x0_hat=run.x0_hat(facts.step), state=state.x, history=state.history)


def _facts_of(course: Course, run: StoredRun, facts: StepFacts, image: int, seconds: float) -> StepDone:
    """Return a step without its arrays."""
    return StepDone(
        job_id=course.job.id,
        image=image,
        step=facts.step,
        steps=run.header.last_index,
        t=facts.t,
        s=facts.s,
        sigma=facts.sigma,
        snr=facts.snr,
        model_calls=facts.model_calls,
        seconds=seconds,
        change=facts.change,
        guidance=facts.guidance,
    )


def finished(
    course: Course, run: StoredRun, image: int = 0, pixels: NDArray[np.uint8] | None = None
) -> PictureDone | None:
    """Return how a run ended; None where it was cut off.

    Args:
        course: of the run, or of several.
        run: the run.
        image: its place in the course.
        pixels: of its picture; None where they are to be read from its file.
    """
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is there

    header, picture = run.header, run.picture
    if picture is None:
        return None
    if pixels is None:
        pixels = np.empty((0, 0, 3), np.uint8)
        pixels.setflags(write=False)
    return PictureDone(
        job_id=course.job.id,
        request=course.request_of(image),
        image=image,
        seed=header.seed,
        pixels=pixels,
        model_sha256=header.model_sha256,
        device=header.device,
        dtype=header.dtype,
        versions=header.versions,
        x_T_sha256=header.x_T_sha256,
        final_sha256=picture.final_sha256,
        model_calls=picture.model_calls,
        seconds=picture.seconds,
    )


def _seconds(run: StoredRun) -> float:
    return run.picture.seconds if run.picture is not None else 0.0
