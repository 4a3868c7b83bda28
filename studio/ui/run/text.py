"""What the canvas says of a job, in words. Plain functions, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests import sampler_options
from studio.errors import RequestError
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.engine.requests import GenerateRequest
    from studio.ui.jobs.job_state import Course
    from studio.ui.run.model import RunModel

EMPTY = "Your picture forms here."
EMPTY_HOW = "Ctrl+Enter starts it. Every step stays, so that you can look back."
GETTING_READY = "Getting the device ready"


def title(course: Course) -> str:
    """Return what the job makes."""
    return course.request.prompt or "(no prompt)"


def waiting(course: Course) -> str:
    """Return what is being waited for before the first step."""
    if course.phase == "loading":
        return f"Loading the model {course.request.model}"
    return GETTING_READY


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
        parts = [
            sampler,
            f"{request.steps} steps",
            f"guidance {request.guidance:g}",
            f"seed {made.seed}",
            f"{made.model_calls} model calls",
            f"{made.seconds:.1f} s",
        ]
        return ", ".join(parts)
    if course.phase == "failed" and step is None:
        return f"Stopped at step {done.step} of {done.steps}" if done is not None else ""
    if done is None:
        return "Cancelled before the first step" if course.phase == "cancelled" else waiting(course)
    if done.model_calls == 0:  # where it starts
        return (
            f"{sampler}, x_T: all noise"
            if done.step == 0
            else f"{sampler}, goes on from step {done.step} of {done.steps}"
        )
    total = 0 if course.job.first_step else model_calls(request)  # a fork makes only the rest of them
    calls = f"{done.model_calls} of {total} model calls" if total else f"{done.model_calls} model calls"
    stopped = "Cancelled, " if course.phase == "cancelled" and step is None else ""
    level = f"noise level {done.sigma:.2f}"
    return f"{stopped}{sampler}, step {done.step} of {done.steps}, {level}, {calls}"


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
        return "Not kept, the nearest is shown: " if run.viewed.gaps_stay else "Being made again: "
    return "Made again: " if run.was_made_again else ""


def time_left(course: Course) -> str:
    """Return how long the job still takes, or "" where that is not known or over."""
    if course.over:
        return ""
    if course.job.cancelled.is_set():
        return "Stopping"
    seconds = course.seconds_left
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s left"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes} min {rest:02d} s left"
        if minutes < 60
        else f"{minutes // 60} h {minutes % 60:02d} min left"
    )


def which_picture(course: Course, image: int) -> str:
    """Return which of several pictures is shown; "" where there is only one."""
    count = course.count
    return f"Picture {image + 1} of {count}" if count > 1 else ""


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
