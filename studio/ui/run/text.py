"""What the canvas says of a job, in words. Plain functions, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.diffusion.samplers import SAMPLERS
from studio.messages import message
from studio.ui.jobs.text import model_calls, waiting
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.ui.core.job_state import JobState
    from studio.ui.run.model import RunModel

EMPTY = message("Your picture forms here.")
EMPTY_HOW = message("Ctrl+Enter starts it. Every step stays, so that you can look back.")


def title(job_state: JobState) -> str:
    """Return what the job makes."""
    return job_state.request.prompt or tr("(no prompt)")


def caption(job_state: JobState, done: StepDone | None, image: int, step: int | None) -> str:
    """Return one line on where the picture stands.

    Args:
        job_state: the job.
        done: the step that is shown.
        image: which picture, from 0.
        step: the step that was chosen, None for the newest.
    """
    request = job_state.request_of(image)
    name = request.sampler or ""
    sampler = SAMPLERS[name].title if name in SAMPLERS else ""
    finished = job_state.pictures.get(image)
    if finished is not None and step is None:
        made = finished.done
        return tr(
            "{sampler}, {steps} steps, guidance {guidance}, seed {seed}, {calls} model calls, {seconds} s",
            sampler=sampler,
            steps=request.steps,
            guidance=f"{request.guidance:g}",
            seed=made.seed,
            calls=made.model_calls,
            seconds=f"{made.seconds:.1f}",
        )
    if job_state.phase == "failed" and step is None:
        return (
            tr("Stopped at step {step} of {steps}", step=done.step, steps=done.steps)
            if done is not None
            else ""
        )
    if done is None:
        return tr("Cancelled before the first step") if job_state.phase == "cancelled" else waiting(job_state)
    if done.model_calls == 0:  # where it starts
        if done.step == 0:
            return tr("{sampler}, x_T: all noise", sampler=sampler)
        return tr(
            "{sampler}, goes on from step {step} of {steps}",
            sampler=sampler,
            step=done.step,
            steps=done.steps,
        )
    total = 0 if job_state.job.first_step else model_calls(request)  # a fork makes only the rest of them
    calls = tr("{calls} model calls", calls=done.model_calls)
    if total:
        calls = tr("{calls} of {total} model calls", calls=done.model_calls, total=total)
    said = tr(
        "{sampler}, step {step} of {steps}, noise level {level}, {calls}",
        sampler=sampler,
        step=done.step,
        steps=done.steps,
        level=f"{done.sigma:.2f}",
        calls=calls,
    )
    stopped = job_state.phase == "cancelled" and step is None
    return tr("Cancelled, {where}", where=said) if stopped else said


def caption_of_frame(done: StepDone) -> str:
    """Return what stands under a frame of an animation or a contact sheet."""
    values = {"step": done.step, "steps": done.steps, "level": f"{done.sigma:.2f}"}
    return tr("step {step} of {steps}, noise level {level}", **values)


def sampler_and_steps(sampler: str, steps: int) -> str:
    """Return how a run was made, in short."""
    name = SAMPLERS[sampler].title if sampler in SAMPLERS else sampler
    return trn("{sampler}, {count} step", "{sampler}, {count} steps", steps, sampler=name)


def fork_title(step: int, steps: int) -> str:
    """Return the head of the panel that forks at a step."""
    return tr("Fork from step {step} of {steps}", step=step, steps=steps)


def fork_cost(steps: int, calls: int) -> str:
    """Return what a fork costs."""
    return trn("{count} step, {calls} model calls", "{count} steps, {calls} model calls", steps, calls=calls)


def step_name(done: StepDone, *, draft: bool) -> str:
    """Return what a screen reader says of a frame of the filmstrip."""
    values = {"step": done.step, "steps": done.steps, "level": f"{done.sigma:.2f}"}
    if draft:
        return tr("Step {step} of {steps}, noise level {level}, draft", **values)
    return tr("Step {step} of {steps}, noise level {level}", **values)


def drafts(count: int) -> str:
    """Return how many frames of the filmstrip are drafts; "" where none is."""
    return trn("{count} frame is a draft", "{count} frames are drafts", count) if count else ""


def again(run: RunModel) -> str:
    """Return what is said of a step that was not kept, before the rest; "" where it was."""
    if run.waits_for_step and run.viewed is not None:
        if run.is_stored:
            return ""  # it is read from the disk, which takes no time worth a word
        return (
            tr("Not kept, the nearest is shown: ")
            if run.viewed.cannot_recompute
            else tr("Being made again: ")
        )
    return tr("Made again: ") if run.was_recomputed else ""


def time_left(job_state: JobState) -> str:
    """Return how long the job still takes, or "" where that is not known or over."""
    if job_state.over:
        return ""
    if job_state.job.cancelled.is_set():
        return tr("Stopping")
    seconds = job_state.seconds_left
    if seconds is None:
        return ""
    return tr(quantity.time_left(seconds))


def which_picture(job_state: JobState, image: int) -> str:
    """Return which of several pictures is shown; "" where there is only one."""
    count = job_state.count
    return tr("Picture {number} of {count}", number=image + 1, count=count) if count > 1 else ""
