"""The texts of the canvas."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from studio.diffusion.samplers import SAMPLERS
from studio.engine.events import JobCancelled, JobFailed, JobStarted, ModelLoading, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.gallery.metadata import Origin
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from studio.ui.jobs.lineage import Relative
from studio.ui.jobs.text import model_calls
from studio.ui.run import text
from studio.ui.run.curves import curves_of, values_at
from tests.ui.played import Played

if TYPE_CHECKING:
    from studio.ui.run.model import RunModel


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
        level=0.81,
        snr=0.5,
        model_calls=2 * number,
        seconds=0.1 * number,
    )
    return dataclasses.replace(done, **changes)


def test_before_the_first_step_it_says_what_is_waited_for() -> None:
    job = job_state()
    assert text.caption(job, None, 0, None) == "Preparing the device"
    job.take(ModelLoading(job_id=job.job.id, model="starter"))
    assert text.caption(job, None, 0, None) == "Loading the model starter"
    job.take(ModelLoading(job_id=job.job.id, model="starter", converted=0.355))
    assert text.caption(job, None, 0, None) == "Converting the model starter, once: 35%"


def test_a_forming_picture_is_described_by_step_level_and_calls() -> None:
    job = job_state()
    job.take(started(job))
    said = text.caption(job, step(job, 12), 0, None)
    assert said == "DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls"


def test_a_cancelled_picture_says_so_at_its_newest_step_only() -> None:
    job = job_state()
    job.take(started(job))
    job.take(JobCancelled(job_id=job.job.id, pictures=0))
    assert text.caption(job, step(job, 12), 0, None).startswith("Cancelled, DDIM, step 12")
    assert text.caption(job, step(job, 5), 0, 5).startswith("DDIM, step 5")
    assert text.caption(job, None, 0, None) == "Cancelled before the first step"


def test_a_failed_job_waits_for_nothing() -> None:
    job = job_state()
    job.take(JobFailed(job_id=job.job.id, sentence="It broke."))
    assert text.caption(job, None, 0, None) == ""
    assert text.caption(job, step(job, 12), 0, None) == "Stopped at step 12 of 30"
    assert text.caption(job, step(job, 5), 0, 5).startswith("DDIM, step 5")


def test_a_step_that_cannot_be_decoded_gives_the_reason() -> None:
    said = text.undecoded("The model is gone.")
    assert said == "This step cannot be decoded. The model is gone."
    assert text.undecoded("") == ""


def test_the_time_left_is_that_of_all_pictures_at_the_pace_so_far() -> None:
    clock = Clock()
    job = job_state(clock, count=4)
    job.take(started(job))
    assert text.time_left(job) == ""
    clock.now = 3.0
    job.take_step(step(job, 30))
    assert text.time_left(job) == "9.0 s left"


@pytest.mark.parametrize(
    ("seconds_a_step", "said"),
    [(0.1, "2.9 s left"), (10.0, "4 min 50 s left"), (200.0, "1 h 36 min left")],
)
def test_long_times_are_given_in_minutes_and_hours(seconds_a_step: float, said: str) -> None:
    clock = Clock()
    job = job_state(clock)
    job.take(started(job))
    clock.now = seconds_a_step
    job.take_step(step(job, 1))
    assert text.time_left(job) == said


def test_a_job_that_is_to_stop_says_that_at_once() -> None:
    job = job_state()
    job.take(started(job))
    job.job.cancelled.set()
    assert text.time_left(job) == "Stopping"
    job.take(JobCancelled(job_id=job.job.id, pictures=0))
    assert text.time_left(job) == ""


def test_several_pictures_are_counted_and_one_is_not() -> None:
    assert text.which_picture(job_state(), 0) == ""
    assert text.which_picture(job_state(count=4), 2) == "Picture 3 of 4"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_model_calls_double_under_guidance(sampler: str) -> None:
    guided = GenerateRequest(sampler=sampler, steps=10, guidance=3.0)
    alone = dataclasses.replace(guided, guidance=1.0)
    assert model_calls(guided) == 2 * model_calls(alone) > 0


def test_unknown_values_are_not_shown() -> None:
    assert model_calls(GenerateRequest()) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls"),
        (
            {"waits_for_step": True, "is_stored": True},
            "DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls",
        ),
        ({"was_recomputed": True}, "Recomputed: DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls"),
        (
            {"waits_for_step": True},
            "Recomputing: DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls",
        ),
        (
            {"waits_for_step": True, "cannot_recompute": True},
            "Not kept, the nearest is shown: DDIM, step 12 of 30, noise level 0.81, 24 of 60 model calls",
        ),
    ],
)
def test_a_step_that_was_not_kept_says_so_in_its_caption(changes: dict[str, bool], said: str) -> None:
    job = job_state()
    job.take(started(job))
    job.cannot_recompute = changes.pop("cannot_recompute", False)
    usual: dict[str, Any] = {
        "viewed": job,
        "image": 0,
        "step": 12,
        "was_recomputed": False,
        "is_stored": False,
    }
    run: Any = SimpleNamespace(**{**usual, "waits_for_step": False, "shown_step": step(job, 12), **changes})
    assert text.run_caption(run) == said


def test_a_step_of_the_filmstrip_says_whether_its_frame_is_a_draft() -> None:
    done = step(job_state(), 1)
    assert text.step_name(done, draft=False) == "Step 1 of 30, noise level 0.81"
    assert text.step_name(done, draft=True) == "Step 1 of 30, noise level 0.81, draft"
    assert [text.drafts(count) for count in (0, 1, 2)] == ["", "1 frame is a draft", "2 frames are drafts"]


def test_the_values_at_a_step_are_words(run: RunModel) -> None:
    played = Played(run).begin()
    for number, change in ((1, None), (2, 0.5)):
        played.steps(number, change=change, guidance=0.1 * number)
    curves = curves_of(run.picture)
    assert [curve.name for curve in curves] == ["noise level", "change of x0", "guidance", "time per step"]
    assert values_at(curves, 2) == (
        "noise level 0.50, change of x0 0.500, guidance 0.200, time per step 100 ms"
    )


def test_steps_of_a_large_model_take_seconds_not_thousands_of_milliseconds(run: RunModel) -> None:
    played = Played(run).begin()
    for number in (1, 2):
        played.steps(number, seconds=35.5 * number)
    assert values_at(curves_of(run.picture), 2).endswith("time per step 35.5 s")


def test_a_fork_says_what_it_costs_and_whether_its_seed_matters() -> None:
    assert text.fork_title(2, 4) == "Fork from step 2 of 4"
    assert text.fork_note(2, 4, seed_matters=True) == "2 steps, 4 model calls"
    assert text.fork_note(1, 2, seed_matters=False) == (
        "1 step, 2 model calls. No noise is drawn from here on, so the seed has no effect."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "a fox, DDIM, 30 steps, the first run"),
        ({"prompt": "<b>fox</b> & \t friend"}, "<b>fox</b> & friend, DDIM, 30 steps, the first run"),
        (
            {"prompt": "", "step": 7, "is_this": True},
            "No prompt, DDIM, 30 steps, forked at step 7, shown now",
        ),
    ],
)
def test_a_run_of_the_lineage_is_described_in_one_line(changes: dict[str, Any], said: str) -> None:
    usual: dict[str, Any] = {"run": "r", "parent": None, "step": None, "prompt": "a fox", "sampler": "ddim"}
    one = Relative(**{**usual, "steps": 30, "entry": None, "is_this": False, **changes})
    assert text.relative(one) == said


def test_the_start_is_named_by_what_it_is() -> None:
    job = job_state()
    job.take(started(job))
    assert (
        text.caption(job, step(job, 0, model_calls=0, sigma=1.0, level=1.0), 0, 0) == "DDIM, x_T: all noise"
    )
    start_of_fork = step(job, 7, model_calls=0)
    assert text.caption(job, start_of_fork, 0, 7) == "DDIM, continues from step 7 of 30"


def test_a_prompt_that_is_missing_has_a_title() -> None:
    job = JobState(Job(request=GenerateRequest(prompt="", sampler="ddim", steps=30)))
    assert text.title(job) == "(no prompt)"


def test_the_outcome_of_saving_a_step_is_one_sentence() -> None:
    origin = Origin(run="", step=2, of=4, kind="step")
    assert "step 2 of 4" in text.step_saved(origin)
    assert text.step_saved(None) == "Saved to the gallery."
    assert text.step_unsaved("The disk is full.") == "The step could not be saved: The disk is full."
    assert text.step_undecoded("") == "This step cannot be saved."
    assert text.step_is_the_picture().endswith("which is in the gallery already.")
    assert text.step_not_kept() == "This step was not kept and cannot be recomputed."


def test_the_outcome_of_an_export_is_one_sentence() -> None:
    assert text.exported("a.gif") == "Exported as a.gif."
    assert text.export_failed("No room.") == "The run could not be exported: No room."
    assert text.export_undecoded("The model is gone.") == "This run cannot be exported. The model is gone."
    assert text.no_steps() == "There are no steps to export yet."
    assert text.no_picture() == "There is no picture to save yet."


def test_the_reason_why_a_step_cannot_be_forked_is_one_sentence() -> None:
    assert text.no_step() == "There is no step to fork from yet."
    assert text.last_step() == "This is the last step of the run. Choose an earlier one."
    assert text.recomputing() == "This step was not kept and is being recomputed."
    assert text.no_model("fake") == "The model of this run, fake, is no longer installed."
    assert "its hash differs" in text.model_changed()


def test_a_pane_says_its_range_or_why_it_is_empty() -> None:
    assert text.signed_range(0.65) == "-0.65 to +0.65"
    assert text.heat_range(0.1, 2) == "dark 0.10 to pale 2.00"
    assert text.guidance_is_off() == "Guidance is off."
