"""A recorded run as a course, as if it had just been made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.engine.events import JobFinished, JobStarted, PictureDone, PictureStarted, StepDone
from studio.errors import StorageError
from studio.gallery.keeping import PictureKept
from studio.ui.models.course import Course, Lineage
from studio.ui.models.job import Job

if TYPE_CHECKING:
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
    _fill(course, run, request)
    if run.picture is not None and entry is not None:
        course.take(_kept(course, run, request, entry))
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


def _fill(course: Course, run: StoredRun, request: GenerateRequest) -> None:
    """Read every step into the course's record, up to the first one that is damaged."""
    header, record = run.header, course.job.record
    start = run.state(header.first_index)
    began = PictureStarted(
        job_id=course.job.id,
        image=0,
        seed=header.seed,
        request=request,
        start=start,
        steps=header.last_index,
        x_T_sha256=header.x_T_sha256,
        sigma=run.start.sigma if run.start is not None else 1.0,
    )
    record.begin(began)
    course.take(began)
    seconds = 0.0
    readable = set(run.kept)
    for facts in run.steps:
        seconds += facts.ms / 1000
        if facts.step not in readable:
            continue
        try:
            done = _step(course, run, facts, seconds)
        except StorageError as fault:
            course.note = str(fault)
            return
        record.add(done)
        course.take_step(done)
    if run.picture is None:
        course.note = "This run was cut off; it is shown as far as it went."


def _step(course: Course, run: StoredRun, facts: StepFacts, seconds: float) -> StepDone:
    state = run.state(facts.step)
    return StepDone(
        job_id=course.job.id,
        image=0,
        step=facts.step,
        steps=run.header.last_index,
        t=facts.t,
        s=facts.s,
        sigma=facts.sigma,
        snr=facts.snr,
        model_calls=facts.model_calls,
        seconds=seconds,
        x0_hat=run.x0_hat(facts.step),
        state=state.x,
        history=state.history,
        change=facts.change,
        guidance=facts.guidance,
    )


def _kept(course: Course, run: StoredRun, request: GenerateRequest, entry: Entry) -> PictureKept:
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is there

    header, picture = run.header, run.picture
    assert picture is not None
    nothing = np.empty((0, 0, 3), np.uint8)  # it is read from its file
    nothing.setflags(write=False)
    done = PictureDone(
        job_id=course.job.id,
        request=request,
        image=0,
        seed=header.seed,
        pixels=nothing,
        model_sha256=header.model_sha256,
        device=header.device,
        dtype=header.dtype,
        versions=header.versions,
        x_T_sha256=header.x_T_sha256,
        final_sha256=picture.final_sha256,
        model_calls=picture.model_calls,
        seconds=picture.seconds,
    )
    return PictureKept(job_id=course.job.id, done=done, entry=entry)


def _seconds(run: StoredRun) -> float:
    return run.picture.seconds if run.picture is not None else 0.0
