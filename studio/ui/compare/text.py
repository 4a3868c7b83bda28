"""Texts of the comparison: layouts and terms, names and costs of the runs, results, and the recorded runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.jobs.text import model_calls, settings_of, step_count, waiting
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.previews import Quantity
    from studio.metrics import Score
    from studio.ui.compare.model import Alignment, ComparedRun
    from studio.ui.compare.reference import BatchingError
    from studio.ui.core.job_state import JobState

Choice = tuple[str, str, str]
"""A choice of a switch: key, text, tooltip."""


# ---------------------------------------------------------------------------------------------------------- the page
def modes() -> list[Choice]:
    """Return the layouts of the pictures."""
    return [
        (
            "side",
            tr("Side by side"),
            tr("All pictures with their figures. Click one to make it B, Shift+click to make it A. Key S"),
        ),
        (
            "wipe",
            tr("Wipe"),
            tr("A and B with a line between them that can be dragged. X turns the line. Key W"),
        ),
        ("blink", tr("Blink"), tr("Shows B; hold B or the mouse button to see A. Key B")),
        (
            "difference",
            tr("Difference"),
            tr(
                "The difference between A and B at every pixel: the largest of the three colour channels. Key D"
            ),
        ),
        ("tile", tr("Tile"), tr("All pictures as large as they fit. Key T")),
    ]


def alignments() -> list[Choice]:
    """Return by what the steps of the runs are aligned."""
    return [
        (
            "level",
            tr("Noise level"),
            tr("Shows steps with the same noise level; if a run has no such step, the nearest one."),
        ),
        ("step", tr("Step"), tr("Shows steps with the same number, whatever their noise level.")),
        ("calls", tr("Model calls"), tr("Shows what each run reached with the same number of model calls.")),
    ]


def quantities() -> list[Choice]:
    """Return what can be shown of a step."""
    return [
        ("x0", "x0", tr("The predicted clean picture at this step (x0_hat).")),
        ("x_t", "x_t", tr("The state of the sampler itself, with the noise that is still in it.")),
    ]


def sharing() -> list[Choice]:
    """Return whether runs share model calls."""
    return [
        (
            "batched",
            tr("Batched"),
            tr("Runs of the same model share each model call: faster, and equal except for rounding."),
        ),
        (
            "exact",
            tr("Exact"),
            tr("Runs do not share model calls: slower, and bit for bit the same as each run alone."),
        ),
    ]


def gain_tip() -> str:
    return tr("How many times a difference is amplified before it is coloured.")


def empty() -> str:
    return tr("Several runs side by side, step by step")


def empty_hint() -> str:
    return tr("Compare starts all runs from the same noise; they advance one step at a time, together.")


def prompt_tip() -> str:
    return tr(
        "The form's prompt, until a run gets its own. A change in run 1 applies to all runs with the same prompt."
    )


def seed_tip() -> str:
    return tr(
        "All runs start from the same noise unless one has its own seed. The seed of run 1 applies to the others."
    )


def no_prompt() -> str:
    return tr("(no prompt)")


# ---------------------------------------------------------------------------------------------------------- the runs
def run_number(number: int) -> str:
    return tr("Run {number}", number=number)


def remove_run(number: int) -> str:
    return tr("Remove run {number}", number=number)


def names(requests: Sequence[GenerateRequest]) -> tuple[str, ...]:
    """Return a name for each run: the settings that are not the same for all, or sampler and steps if there are none.

    The setting with the most different values comes first, since long names are cut at their end.
    """
    parts = [settings_of(request) for request in requests]
    keys = dict.fromkeys(key for one in parts for key in one)
    values = {key: len({one[key] for one in parts if key in one}) for key in keys}
    differ = sorted((key for key in keys if values[key] > 1), key=lambda key: -values[key])
    found: list[str] = []
    for one in parts:
        name = ", ".join(one[key] for key in differ if one.get(key)) or f"{one['sampler']}, {one['steps']}"
        alike = sum(known == name or known.startswith(f"{name} (") for known in found)
        found.append(f"{name} ({alike + 1})" if alike else name)
    return tuple(found)


def cost(run: ComparedRun) -> str:
    """Return the cost of a run: its model calls up to the step that is shown, of the total."""
    total = run.finished.model_calls if run.finished is not None else model_calls(run.request)
    if run.shown is None or run.shown.model_calls == total:
        return _calls(total)
    return tr("{made} of {calls}", made=run.shown.model_calls, calls=_calls(total))


def where(run: ComparedRun, job_state: JobState) -> str:
    """Return the step of a run that is shown."""
    if run.shown is None:
        if job_state.over:
            return tr("Stopped before the first step")
        return waiting(job_state) if job_state.started is None else tr("Waiting for the first step")
    if run.shown.step == 0:
        return tr("x_T, the initial noise")
    return tr(
        "step {step} of {steps}, noise level {level:.2f}",
        step=run.shown.step,
        steps=run.steps,
        level=run.shown.level,
    )


def gap(run: ComparedRun, alignment: Alignment) -> str:
    """Return the difference between the step that is shown and the requested position; "" if there is none."""
    if alignment == "level":
        if abs(run.gap) < 0.005:
            return ""
        amount = abs(run.gap)
        return (
            tr("{amount:.2f} noisier", amount=amount)
            if run.gap > 0
            else tr("{amount:.2f} cleaner", amount=amount)
        )
    if run.gap == 0:
        return ""
    if alignment == "step":
        return tr("at its last step") if run.gap < 0 else tr("at its first step")
    count = round(abs(run.gap))
    if run.gap > 0:
        return trn("{count} more call", "{count} more calls", count)
    return trn("{count} fewer call", "{count} fewer calls", count)


def for_now(run: ComparedRun, quantity: Quantity, *, lost: bool = False) -> str:
    """Return what is shown until the requested picture is decoded, or why it cannot be decoded; "" once it is shown."""
    frame, shown = run.frame, run.shown
    if lost:
        return tr("cannot be decoded: its model is no longer installed")
    if shown is None or shown.step == 0:
        return ""
    if frame is None:
        return tr("decoding…")
    if frame.quantity != quantity:
        return tr("{quantity} for now", quantity=frame.quantity)
    return "" if frame.step == shown.step else tr("step {step} for now", step=frame.step)


def facts(job_state: JobState) -> str:
    """Return the settings that are the same for all runs."""
    parts = [settings_of(request) for request in job_state.requests]
    keys = ("sampler", "steps", "seed", "guidance", "model", "negative")
    shared = [parts[0][key] for key in keys if len({one[key] for one in parts}) == 1]
    return ", ".join(filter(None, shared))


def noise(hashes: Sequence[str], count: int) -> tuple[str, bool]:
    """Return a note on the initial noise x_T of the runs, and whether it is identical; "" until it is known.

    Args:
        hashes: SHA-256 of the noise of each run for which it is known.
        count: the number of runs.
    """
    if len(hashes) < count:
        return "", False
    if len(set(hashes)) == 1:
        return tr("identical x_T {first}…{last}", first=hashes[0][:4], last=hashes[0][-4:]), True
    return tr("different x_T"), False


def position(places: int, place: int, level: float | None) -> str:
    """Return the scrubber's position, for screen readers."""
    if level is None:
        return tr("position {position} of {positions}", position=place + 1, positions=places)
    return tr(
        "position {position} of {positions}, noise level {level:.2f}",
        position=place + 1,
        positions=places,
        level=level,
    )


def unfinished(runs: Sequence[ComparedRun]) -> str:
    """Return why step k of a longer run is not a run of k steps; "" if every run shows its last step."""
    for run in sorted(runs, key=lambda run: -run.steps):
        if run.shown is not None and 0 < run.shown.step < run.steps:
            return trn(
                "Step {step} of {steps} is not the result of a run with {length}: it still contains the noise that "
                "the last step would have removed.",
                "Step {step} of {steps} is not the result of a run with {length}: it still contains the noise that "
                "the remaining {count} steps would have removed.",
                run.steps - run.shown.step,
                length=step_count(run.shown.step),
                step=run.shown.step,
                steps=run.steps,
            )
    return ""


def plan(requests: Sequence[GenerateRequest]) -> str:
    """Return the cost of a comparison, and the negative prompt, which is the form's."""
    calls = sum(model_calls(request) for request in requests)
    cost = trn(
        "{count} run, {calls} model calls",
        "{count} runs, {calls} model calls",
        len(requests),
        calls=f"{calls:,}",
    )
    return ", ".join(filter(None, (cost, settings_of(requests[0])["negative"])))


def title(job_state: JobState) -> str:
    """Return the prompt of the runs, or the number of prompts and a list of them."""
    prompts = dict.fromkeys(request.prompt for request in job_state.requests)
    if len(prompts) > 1:
        return trn(
            "{count} prompt: {prompts}",
            "{count} prompts: {prompts}",
            len(prompts),
            prompts=", ".join(prompt or no_prompt() for prompt in prompts),
        )
    return job_state.request.prompt or no_prompt()


def _calls(count: int) -> str:
    return trn("{number} call", "{number} calls", count, number=f"{count:,}")


# ------------------------------------------------------------------------------------------------------- the results
def columns() -> list[tuple[str, str]]:
    """Return header and tooltip of each column of the table."""
    return [
        (
            tr("PSNR"),
            tr(
                "Peak signal-to-noise ratio to the final picture of the reference, in decibels; infinite for identical "
                "pictures."
            ),
        ),
        (
            tr("SSIM"),
            tr(
                "Structural similarity of the brightness to the final picture of the reference; 1 is identical. "
                "Wang et al. 2004, doi 10.1109/TIP.2003.819861"
            ),
        ),
        (tr("calls"), tr("Number of model calls; guidance doubles them.")),
        (tr("seconds"), tr("Time taken; runs that share model calls share the time.")),
        (tr("alone"), batching_tip()),
    ]


def batching_tip() -> str:
    return tr(
        "Runs that share model calls differ slightly from the same runs alone, because the calculations are rounded "
        "differently. Measure makes each run again, alone, and shows the largest difference in its final state."
    )


def reference_tip() -> str:
    return tr(
        "Makes a run with many steps from the same noise and measures the others against it. It is saved like any "
        "picture."
    )


def distance(name: str) -> str:
    return tr("Distance of x0_hat from the final picture of {name}", name=name)


def no_curves(name: str) -> str:
    return tr("The curves appear when {name} is finished.", name=name)


def figures(run: ComparedRun, score: Score | None, *, reference: bool) -> tuple[str, str, str, str]:
    """Return a row of the table: PSNR, SSIM, calls and seconds; empty until the picture is finished.

    Args:
        run: the run.
        score: how close it is to the reference; None until it is known.
        reference: whether the others are measured against it.
    """
    if run.finished is None:
        return "", "", "", ""
    rest = f"{run.finished.model_calls:,}", f"{run.finished.seconds:.1f}"
    if reference:
        return tr("reference"), "", *rest
    if score is None:
        return "", "", *rest
    if score.psnr is None or score.ssim is None:
        return "–", "–", *rest
    psnr = tr("identical") if score.psnr == float("inf") else f"{score.psnr:.1f}"
    return psnr, f"{score.ssim:.3f}", *rest


def long_name(request: GenerateRequest) -> str:
    """Return the name of a run made as a reference."""
    parts = settings_of(request)
    return f"{parts['sampler']}, {parts['steps']}"


def offer(offers: Sequence[GenerateRequest]) -> str:
    """Return the text of the button that makes a reference."""
    if not offers:
        return ""
    return trn(
        "Make a reference with {count} step", "Make a reference with {count} steps", offers[0].steps or 0
    )


def making(job_state: JobState | None) -> str:
    """Return the progress of the reference."""
    latest = job_state.latest(0) if job_state is not None else None
    if latest is None:
        return tr("Waiting for the first step")
    return tr("Step {step} of {steps}", step=latest.step, steps=latest.steps)


def batching_error(known: BatchingError) -> tuple[str, bool]:
    """Return the batching error in words, and whether measuring it failed."""
    match known.status:
        case "exact":
            return tr("Bit for bit the same as each run alone"), False
        case "unknown":
            return tr("Batched: difference from the same runs alone not measured yet"), False
        case "measuring":
            return tr("Batched: measuring the difference from the same runs alone"), False
        case "measured":
            largest = max(known.differences)
            if largest == 0:
                return tr("Batched, and bit for bit the same as each run alone"), False
            return (
                tr(
                    "Batched: largest difference from the same run alone: {difference}",
                    difference=small(largest),
                ),
                False,
            )
        case "failed":
            return (
                tr(
                    "The difference from the same runs alone could not be measured: {reason}",
                    reason=known.fault,
                ),
                True,
            )
    return "", False


def small(value: float) -> str:
    """Return a small number with one digit, such as 2e-5."""
    if value == 0:
        return "0"
    digits, _, power = f"{value:.0e}".partition("e")
    return f"{digits}e{int(power)}"


def labelled_name(letter: str, name: str) -> str:
    """Return the label of A or B over its picture."""
    return tr("{letter}  {name}", letter=letter, name=name)


def difference(largest: float, mean: float) -> str:
    """Return the size of a difference in percent; arguments are 0 to 1."""
    if not largest:
        return tr("identical, pixel by pixel")
    return tr("largest {largest:.3g} %, mean {mean:.2g} %", largest=100 * largest, mean=100 * mean)


# -------------------------------------------------------------------------------------------------- the recorded runs
def chosen(count: int, most: int) -> str:
    """Return how many runs are selected, and what to do."""
    if count == 0:
        return tr("Select two to {most} recorded runs", most=most)
    if count == 1:
        return tr("1 selected; select at least one more")
    return tr("{count} of {most} selected", count=count, most=most)


def no_runs(*, searched: bool) -> str:
    """Return why the list of recorded runs is empty."""
    if searched:
        return tr("No recorded run matches.")
    return tr("There are no recorded runs yet. Every new picture is recorded (see Settings).")


def too_many(most: int) -> str:
    return tr("At most {count} runs can be compared; deselect one first.", count=most)


def not_comparable(number: int, reason: str) -> str:
    return tr("Run {number} cannot be compared. {reason}", number=number, reason=reason)


def without_run(missing: int, count: int) -> str:
    return trn(
        "{missing} of {count} pictures has no recorded run to compare.",
        "{missing} of {count} pictures have no recorded run to compare.",
        missing,
        missing=missing,
        count=count,
    )


def steps_deleted() -> str:
    return tr("Its steps were deleted to free space.")


def left_out(number: int, reason: str) -> str:
    return tr("Run {number} is left out: {reason}", number=number, reason=reason)


def note(number: int, sentence: str) -> str:
    return tr("Run {number}: {note}", number=number, note=sentence)


def not_decoded(reason: str) -> str:
    return tr("{reason} Its steps cannot be decoded without the model.", reason=reason)


def recorded(request: GenerateRequest, number: int, fault: str) -> str:
    """Return the settings of a recorded run in a few words."""
    if fault:
        return tr("Run {number}, steps deleted", number=number)
    parts = settings_of(request)
    return f"{parts['sampler']}, {parts['steps']}, {parts['seed']}"


def recorded_tip(request: GenerateRequest, number: int, fault: str) -> str:
    """Return all settings of a recorded run, for its tooltip."""
    parts = settings_of(request)
    size = f"{request.width} × {request.height}"
    made = ", ".join(
        filter(None, (*(parts[key] for key in parts if key not in ("prompt", "negative")), size))
    )
    return "\n".join(
        filter(None, (request.prompt, tr("Run {number}: {settings}", number=number, settings=made), fault))
    )
