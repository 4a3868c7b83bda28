"""The texts of the canvas: captions, tooltips, and what a screen reader says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.ui.jobs.text import model_calls, no_prompt, one_line, sampler_title, step_count, waiting
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.ui.core.job_state import JobState
    from studio.ui.jobs.lineage import Relative
    from studio.ui.run.model import RunModel


# -------------------------------------------------------------------------------------------------- the empty canvas
def empty() -> str:
    return tr("Your picture forms here.")


def empty_how() -> str:
    return tr("Ctrl+Enter starts it. Every step stays, so that you can look back.")


# ---------------------------------------------------------------------------------------------- above the picture
def title(job_state: JobState) -> str:
    """Return the prompt of a job."""
    return job_state.request.prompt or tr("(no prompt)")


def quantities() -> list[tuple[str, str, str]]:
    """Return key, label and tooltip of what the canvas can show of a step."""
    return [
        ("x0", "x0", tr("Predicted clean image at this step (x0_hat).")),
        ("x_t", "x_t", noisy_state()),
        (
            "panes",
            tr("Panes"),
            tr(
                "Both, and the predictions with and without the prompt, what guidance does, and the score (P)."
            ),
        ),
    ]


def noisy_state() -> str:
    """Return what x_t is."""
    return tr("The state itself, with the noise that is still in it.")


def run_caption(run: RunModel) -> str:
    """Return the caption of the shown step, which says whether the step was recomputed, or cannot be."""
    job_state = run.viewed
    if job_state is None:
        return ""
    shown = caption(job_state, run.shown_step, run.image, run.step)
    if run.was_recomputed:
        return tr("Recomputed: {caption}", caption=shown)
    if not run.waits_for_step or run.is_stored:  # reading a stored step takes no time worth a word
        return shown
    if job_state.cannot_recompute:
        return tr("Not kept, the nearest is shown: {caption}", caption=shown)
    return tr("Recomputing: {caption}", caption=shown)


def undecoded(reason: str) -> str:
    """Return why no more than a preview of the shown step is shown; "" for no reason."""
    return tr("This step cannot be decoded. {reason}", reason=reason) if reason else ""


def caption(job_state: JobState, done: StepDone | None, image: int, step: int | None) -> str:
    """Return one line about the progress of a picture, or about a step of it.

    Args:
        job_state: the job.
        done: the shown step.
        image: which picture, from 0.
        step: the chosen step; None is the newest.
    """
    request = job_state.request_of(image)
    sampler = sampler_title(request.sampler)
    finished = job_state.pictures.get(image)
    if finished is not None and step is None:
        made = finished.done
        parts = (
            sampler,
            step_count(request.steps or 0),
            tr("guidance {weight:g}", weight=request.guidance),
            tr("seed {seed}", seed=made.seed),
            trn("{calls} model call", "{calls} model calls", made.model_calls, calls=made.model_calls),
            tr("{seconds} s", seconds=f"{made.seconds:.1f}"),
        )
        return ", ".join(parts)
    if job_state.phase == "failed" and step is None:
        return tr("Stopped at step {step} of {steps}", step=done.step, steps=done.steps) if done else ""
    if done is None:
        return tr("Cancelled before the first step") if job_state.phase == "cancelled" else waiting(job_state)
    if done.model_calls == 0:  # the state that the run starts from
        if done.step == 0:
            return tr("{sampler}, x_T: all noise", sampler=sampler)
        where = {"sampler": sampler, "step": done.step, "steps": done.steps}
        return tr("{sampler}, continues from step {step} of {steps}", **where)
    total = 0 if job_state.job.first_step else model_calls(request)  # a fork makes only the rest of them
    calls = trn("{calls} model call", "{calls} model calls", done.model_calls, calls=done.model_calls)
    if total:
        calls = tr("{calls} of {total} model calls", calls=done.model_calls, total=total)
    shown = tr(
        "{sampler}, step {step} of {steps}, noise level {level}, {calls}",
        sampler=sampler,
        step=done.step,
        steps=done.steps,
        level=f"{done.level:.2f}",
        calls=calls,
    )
    stopped = job_state.phase == "cancelled" and step is None
    return tr("Cancelled, {where}", where=shown) if stopped else shown


def time_left(job_state: JobState) -> str:
    """Return the time until the job ends; "" if it is over, or the time is not known."""
    if job_state.over:
        return ""
    if job_state.job.cancelled.is_set():
        return tr("Stopping")
    seconds = job_state.seconds_left
    if seconds is None:
        return ""
    return tr(quantity.time_left(seconds))


def which_picture(job_state: JobState, image: int) -> str:
    """Return which of several pictures is shown; "" if there is only one."""
    count = job_state.count
    return tr("Picture {number} of {count}", number=image + 1, count=count) if count > 1 else ""


# ---------------------------------------------------------------------------------------------- below the picture
def scrubber_tip() -> str:
    return tr(
        "A tick for each step, coloured by the noise that is left. Arrows step, with Shift by five; "
        "Home and End, digits for tenths; Space plays."
    )


def curves_tip() -> str:
    return tr(
        "Noise level; how far x0_hat moved at each step; how far apart the predictions with and without the prompt "
        "are; time per step. Each curve is scaled to its own maximum."
    )


def keys_hint() -> str:
    return tr("Space plays, L live, K keeps, F forks, P panes")


def keep_tip() -> str:
    return tr("Save the picture at this step, as it is shown, to the gallery (K)")


def fork_tip() -> str:
    return tr("Continue from this step with another prompt, sampler, guidance, seed or number of steps (F)")


def compare_tip() -> str:
    return tr("Compare this run, as it was recorded, with others")


def export_tip() -> str:
    return tr("Save this picture, or make an animation or a contact sheet of all steps so far")


def caption_of_frame(done: StepDone) -> str:
    """Return the caption of a frame of an animation or a contact sheet."""
    values = {"step": done.step, "steps": done.steps, "level": f"{done.level:.2f}"}
    return tr("step {step} of {steps}, noise level {level}", **values)


def step_name(done: StepDone, *, draft: bool) -> str:
    """Return what a screen reader says of a frame of the filmstrip."""
    values = {"step": done.step, "steps": done.steps, "level": f"{done.level:.2f}"}
    if draft:
        return tr("Step {step} of {steps}, noise level {level}, draft", **values)
    return tr("Step {step} of {steps}, noise level {level}", **values)


def drafts(count: int) -> str:
    """Return how many frames of the filmstrip are drafts; "" if none is."""
    return trn("{count} frame is a draft", "{count} frames are drafts", count) if count else ""


# ---------------------------------------------------------------------------------------------------- keeping a step
def step_saved(origin: object) -> str:
    """Return what is said of a step that was saved as a picture; ``origin`` is its `Origin`, if it has one."""
    return (
        tr("Saved to the gallery.")
        if origin is None
        else tr("Saved to the gallery: {origin}.", origin=origin)
    )


def step_unsaved(error: object) -> str:
    return tr("The step could not be saved: {error}", error=error)


def step_undecoded(reason: str) -> str:
    """Return why a step cannot be saved: its frame cannot be decoded."""
    return tr("This step cannot be saved. {reason}", reason=reason).rstrip()


def step_is_the_picture() -> str:
    return tr("The last step is the finished picture, which is in the gallery already.")


def step_not_kept() -> str:
    return tr("This step was not kept and cannot be recomputed.")


def cannot_recompute(reason: str) -> str:
    return tr("The steps that were not kept cannot be recomputed: {reason}", reason=reason)


# ------------------------------------------------------------------------------------------------------------ exports
def exported(path: object) -> str:
    return tr("Exported as {path}.", path=path)


def export_failed(error: object) -> str:
    return tr("The run could not be exported: {error}", error=error)


def export_undecoded(reason: str) -> str:
    """Return why a run cannot be exported: none of its frames can be decoded."""
    return tr("This run cannot be exported. {reason}", reason=reason).rstrip()


def export_is_running() -> str:
    return tr("The last export is not finished yet.")


def no_steps() -> str:
    return tr("There are no steps to export yet.")


def no_picture() -> str:
    return tr("There is no picture to save yet.")


def picture_saved(path: object) -> str:
    return tr("Saved as {path}.", path=path)


def picture_unsaved(error: object) -> str:
    return tr("The picture could not be saved: {error}", error=error)


# -------------------------------------------------------------------------------------------------------------- panes
def computing() -> str:
    return tr("Computing")


def no_prediction() -> str:
    return tr("No prediction yet.")


def guidance_is_off() -> str:
    return tr("Guidance is off.")


def state_not_kept() -> str:
    return tr("The state before this step was not kept.")


def signed_range(limit: float) -> str:
    """Return the range of a colour scale from minus to plus ``limit``."""
    return tr("{least} to {most}", least=f"-{limit:.2f}", most=f"+{limit:.2f}")


def heat_range(least: float, most: float) -> str:
    """Return the range of a colour scale from dark to pale."""
    return tr("dark {least} to pale {most}", least=f"{least:.2f}", most=f"{most:.2f}")


# -------------------------------------------------------------------------------------------------------------- forks
def no_step() -> str:
    return tr("There is no step to fork from yet.")


def last_step() -> str:
    return tr("This is the last step of the run. Choose an earlier one.")


def reading_step() -> str:
    return tr("This step is being read.")


def recomputing() -> str:
    return tr("This step was not kept and is being recomputed.")


def no_state() -> str:
    return tr("The state of this step was not kept. Choose another step.")


def no_model(model: str) -> str:
    return tr("The model of this run, {model}, is no longer installed.", model=model)


def model_changed() -> str:
    return tr("The model has changed since this run (its hash differs), so the run cannot be continued.")


def nothing_to_fork() -> str:
    return tr("There is nothing to fork.")


def sampler_and_steps(sampler: str, steps: int) -> str:
    """Return how a run was made, in short."""
    name = sampler_title(sampler)
    return trn("{sampler}, {count} step", "{sampler}, {count} steps", steps, sampler=name)


def relative(one: Relative) -> str:
    """Return what a screen reader, and the tooltip, say of a run in the lineage."""
    values = {
        "prompt": one_line(one.prompt) or no_prompt(),
        "made": sampler_and_steps(one.sampler, one.steps),
        "origin": tr("the first run") if one.step is None else tr("forked at step {step}", step=one.step),
    }
    if one.is_this:
        return tr("{prompt}, {made}, {origin}, shown now", **values)
    return tr("{prompt}, {made}, {origin}", **values)


def sampler_tip() -> str:
    return tr("The method for the rest of the run.")


def steps_tip() -> str:
    return tr(
        "Steps for the rest of the run. With the run's own number the noise levels stay as they were; "
        "with another one the remaining noise levels are spaced again."
    )


def seed_tip() -> str:
    return tr(
        "The seed of the noise that is still to be drawn. The run's own seed draws the same noise as the run."
    )


def run_fork_tip() -> str:
    return tr("Continue from this step with these settings (Ctrl+Enter)")


def fork_title(step: int, steps: int) -> str:
    """Return the title of the fork panel."""
    return tr("Fork from step {step} of {steps}", step=step, steps=steps)


def fork_note(steps: int, calls: int, *, seed_matters: bool) -> str:
    """Return what a fork costs, and whether its seed has any effect."""
    cost = trn("{count} step, {calls} model calls", "{count} steps, {calls} model calls", steps, calls=calls)
    if seed_matters:
        return cost
    return tr("{cost}. No noise is drawn from here on, so the seed has no effect.", cost=cost)
