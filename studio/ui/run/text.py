"""What the canvas says of a job, in words. Plain functions, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests.generate import sampler_options
from studio.errors import RequestError
from studio.messages import message
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.engine.requests.generate import GenerateRequest
    from studio.ui.jobs.job_state import Course
    from studio.ui.run.model import RunModel

EMPTY = message("Your picture forms here.")
EMPTY_HOW = message("Ctrl+Enter starts it. Every step stays, so that you can look back.")
GETTING_READY = message("Getting the device ready")


def title(course: Course) -> str:
    """Return what the job makes."""
    return course.request.prompt or tr("(no prompt)")


def waiting(course: Course) -> str:
    """Return what is being waited for before the first step."""
    if course.phase == "loading":
        return tr("Loading the model {model}", model=course.request.model)
    return tr(GETTING_READY)


def caption(course: Course, done: StepDone | None, image: int, step: int | None) -> str:
    """Return one line on where the picture stands.

    Args:
        course: the job.
        done: the step that is shown.
        image: which picture, from 0.
        step: the step that was chosen, None for the newest.
    """
    request = course.request_of(image)
    name = request.sampler or ""
    sampler = SAMPLERS[name].title if name in SAMPLERS else ""
    finished = course.pictures.get(image)
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
    if course.phase == "failed" and step is None:
        return (
            tr("Stopped at step {step} of {steps}", step=done.step, steps=done.steps)
            if done is not None
            else ""
        )
    if done is None:
        return tr("Cancelled before the first step") if course.phase == "cancelled" else waiting(course)
    if done.model_calls == 0:  # where it starts
        if done.step == 0:
            return tr("{sampler}, x_T: all noise", sampler=sampler)
        return tr(
            "{sampler}, goes on from step {step} of {steps}",
            sampler=sampler,
            step=done.step,
            steps=done.steps,
        )
    total = 0 if course.job.first_step else model_calls(request)  # a fork makes only the rest of them
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
    stopped = course.phase == "cancelled" and step is None
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
        return tr("Not kept, the nearest is shown: ") if run.viewed.gaps_stay else tr("Being made again: ")
    return tr("Made again: ") if run.was_made_again else ""


def time_left(course: Course) -> str:
    """Return how long the job still takes, or "" where that is not known or over."""
    if course.over:
        return ""
    if course.job.cancelled.is_set():
        return tr("Stopping")
    seconds = course.seconds_left
    if seconds is None:
        return ""
    if seconds < 60:
        return tr("{seconds} s left", seconds=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return tr("{minutes} min {seconds} s left", minutes=minutes, seconds=f"{rest:02d}")
    return tr("{hours} h {minutes} min left", hours=minutes // 60, minutes=f"{minutes % 60:02d}")


def which_picture(course: Course, image: int) -> str:
    """Return which of several pictures is shown; "" where there is only one."""
    count = course.count
    return tr("Picture {number} of {count}", number=image + 1, count=count) if count > 1 else ""


def model_calls(request: GenerateRequest) -> int:
    """Return how many model calls one picture of a resolved request takes; 0 where that is not known yet."""
    name = request.sampler or ""
    if name not in SAMPLERS or request.steps is None or request.guidance is None:
        return 0
    try:
        options = sampler_options(name, request.options)
    except RequestError:
        return 0
    queries = SAMPLERS[name].count_queries(options, request.steps)
    return queries * (1 if request.guidance == 1 else 2)
