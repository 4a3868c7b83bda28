"""What the canvas says of a job."""

from __future__ import annotations

import dataclasses

import pytest

from studio.diffusion.samplers import SAMPLERS
from studio.engine.events import JobCancelled, JobFailed, JobStarted, ModelLoading, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from studio.ui.jobs.text import model_calls
from studio.ui.run import text as words


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def job_state(clock: Clock | None = None, **changes: object) -> JobState:
    request = GenerateRequest(prompt="a fox", sampler="ddim", steps=30, guidance=3.0, **changes)
    return JobState(Job(request=request), clock or Clock())


def started(of: JobState) -> JobStarted:
    return JobStarted(
        job_id=of.job.id,
        request=of.job.request,
        model_title="M",
        device="cpu",
        dtype="float32",
        steps=of.job.request.steps or 0,
        weights_sha256="0" * 64,
    )


def step(of: JobState, number: int, **changes: object) -> StepDone:
    done = StepDone(
        job_id=of.job.id,
        image=0,
        step=number,
        steps=30,
        t=900,
        s=880,
        sigma=0.81,
        snr=0.5,
        model_calls=2 * number,
        seconds=0.1 * number,
    )
    return dataclasses.replace(done, **changes)


def test_before_anything_it_says_what_is_waited_for() -> None:
    job = job_state()
    assert words.caption(job, None, 0, None) == "Preparing the device"
    job.take(ModelLoading(job_id=job.job.id, model="starter"))
    assert words.caption(job, None, 0, None) == "Loading the model starter"


def test_a_forming_picture_is_told_by_step_level_and_calls() -> None:
    job = job_state()
    job.take(started(job))
    said = words.caption(job, step(job, 12), 0, None)
    assert said == "DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls"


def test_a_cancelled_picture_says_so_at_its_newest_step_only() -> None:
    job = job_state()
    job.take(started(job))
    job.take(JobCancelled(job_id=job.job.id, pictures=0))
    assert words.caption(job, step(job, 12), 0, None).startswith("Cancelled, DDIM, step 12")
    assert words.caption(job, step(job, 5), 0, 5).startswith("DDIM, step 5")
    assert words.caption(job, None, 0, None) == "Cancelled before the first step"


def test_a_failed_job_waits_for_nothing() -> None:
    job = job_state()
    job.take(JobFailed(job_id=job.job.id, sentence="It broke."))
    assert words.caption(job, None, 0, None) == ""
    assert words.caption(job, step(job, 12), 0, None) == "Stopped at step 12 of 30"
    assert words.caption(job, step(job, 5), 0, 5).startswith("DDIM, step 5")


def test_the_time_left_is_that_of_all_pictures_at_the_pace_so_far() -> None:
    clock = Clock()
    job = job_state(clock, count=4)
    job.take(started(job))
    assert words.time_left(job) == ""
    clock.now = 3.0
    job.take_step(step(job, 30))
    assert words.time_left(job) == "9.0 s left"


@pytest.mark.parametrize(
    ("seconds_a_step", "said"),
    [(0.1, "2.9 s left"), (10.0, "4 min 50 s left"), (200.0, "1 h 36 min left")],
)
def test_long_times_are_told_in_minutes_and_hours(seconds_a_step: float, said: str) -> None:
    clock = Clock()
    job = job_state(clock)
    job.take(started(job))
    clock.now = seconds_a_step
    job.take_step(step(job, 1))
    assert words.time_left(job) == said


def test_a_job_that_is_to_stop_says_that_at_once() -> None:
    job = job_state()
    job.take(started(job))
    job.job.cancelled.set()
    assert words.time_left(job) == "Stopping"
    job.take(JobCancelled(job_id=job.job.id, pictures=0))
    assert words.time_left(job) == ""


def test_several_pictures_are_counted_and_one_is_not() -> None:
    assert words.which_picture(job_state(), 0) == ""
    assert words.which_picture(job_state(count=4), 2) == "Picture 3 of 4"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_model_calls_double_under_guidance(sampler: str) -> None:
    guided = GenerateRequest(sampler=sampler, steps=10, guidance=3.0)
    alone = dataclasses.replace(guided, guidance=1.0)
    assert model_calls(guided) == 2 * model_calls(alone) > 0


def test_what_is_not_known_is_not_guessed() -> None:
    assert model_calls(GenerateRequest()) == 0
