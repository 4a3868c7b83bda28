"""What the page of comparisons says. Plain functions, no Qt.

What is said of how far runs come, and of how far batching took them. Plain functions, no Qt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.errors import shorten
from studio.ui.run.text import model_calls, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.requests.generate import GenerateRequest
    from studio.metrics import Score
    from studio.runs.memory import Quantity
    from studio.ui.compare.model import Alignment, Pane
    from studio.ui.compare.reference import Alone
    from studio.ui.jobs.job_state import Course


MODES = (
    (
        "side",
        "Side by side",
        "All pictures, each with its figures. Click one to make it B, with Shift A. Key S",
    ),
    ("wipe", "Wipe", "A beside B with a line between them to drag; X turns it. Key W"),
    ("blink", "Blink", "B, and A in its place as long as B or the mouse is held down. Key B"),
    (
        "difference",
        "Difference",
        "How far each pixel of A is from B's: the largest of its three channels. Key D",
    ),
    ("tile", "Tile", "All pictures as large as they fit. Key T"),
)
ALIGNMENTS = (
    ("level", "Noise level", "Steps of one noise level stand side by side; where none meets, the nearest."),
    ("step", "Step", "Steps of one number stand side by side, whatever noise is left at them."),
    ("calls", "Model calls", "What the same number of model calls has bought in each run."),
)
SIDES = (
    ("x0", "x0", "What the model takes the finished picture to be at this step (x0_hat)."),
    ("x_t", "x_t", "The state itself, with the noise that is still in it."),
)
SHARING = (
    ("batched", "Batched", "Runs of one model share each model call: faster, and the same but for rounding."),
    (
        "exact",
        "Exact",
        "No run shares a model call: each is bit for bit what it is alone, and all take longer.",
    ),
)
GAIN_TIP = "How many times a difference is enlarged before it is coloured."
EMPTY = "Several runs, step by step, side by side."
EMPTY_HOW = "Compare starts them from the same noise; each goes its next step before any goes the one after."
LOST = "cannot be decoded: its model is gone"
PROMPT_TIP = (
    "The form's, until a run is given its own; what is written for run 1 goes to all that have the same."
)
SEED_TIP = (
    "All start from the same noise, unless one has a seed of its own. The first column's leads the others."
)


def names(requests: Sequence[GenerateRequest]) -> tuple[str, ...]:
    """Return what each run is called: its sampler and steps, and whatever else is not the same for all."""
    parts = [parts_of(request) for request in requests]
    keys = list(dict.fromkeys(key for one in parts for key in one))
    differ = [key for key in keys if len({one.get(key) for one in parts if key in one}) > 1]
    found: list[str] = []
    for one in parts:
        name = ", ".join(
            one[key] for key in keys if one.get(key) and (key in ("sampler", "steps") or key in differ)
        )
        alike = sum(known == name or known.startswith(f"{name} (") for known in found)
        found.append(f"{name} ({alike + 1})" if alike else name)
    return tuple(found)


def parts_of(request: GenerateRequest) -> dict[str, str]:
    """Return everything that can set a run apart, each in a few words."""
    name = request.sampler or ""
    sampler = SAMPLERS.get(name)
    steps = request.steps or 0
    parts = {
        "sampler": sampler.title if sampler is not None else name,
        "steps": "1 step" if steps == 1 else f"{steps} steps",
        "guidance": f"guidance {request.guidance or 0:g}",
        "spacing": request.spacing or "",
        "seed": f"seed {request.seed}",
        "model": request.model,
        "prompt": f"“{shorten(request.prompt, 40)}”",
        "negative": f"without “{shorten(request.negative, 40)}”" if request.negative else "",
    }
    # Options of two samplers are two things, though they may be called alike.
    options = {f"{name} {key}": f"{key} {value}" for key, value in request.options.items()}
    return {**parts, **options}


def cost(pane: Pane) -> str:
    """Return what a run costs: its model calls at the step that is shown, of all."""
    total = pane.finished.model_calls if pane.finished is not None else model_calls(pane.request)
    if pane.shown is None or pane.shown.model_calls == total:
        return _calls(total)
    return f"{pane.shown.model_calls} of {_calls(total)}"


def where(pane: Pane, course: Course) -> str:
    """Return which step of a run is shown."""
    if pane.shown is None:
        if course.over:
            return "Stopped before the first step"
        return waiting(course) if course.started is None else "Waits for its first step"
    if pane.shown.step == 0:
        return "x_T, the noise it starts from"
    return f"step {pane.shown.step} of {pane.steps}, noise level {pane.shown.sigma:.2f}"


def gap(pane: Pane, alignment: Alignment) -> str:
    """Return how far the step that is shown is from what was asked for; "" where it is not."""
    if alignment == "level":
        if abs(pane.gap) < 0.005:
            return ""
        return f"{abs(pane.gap):.2f} {'noisier' if pane.gap > 0 else 'cleaner'}"
    if pane.gap == 0:
        return ""
    if alignment == "step":
        return "at its end" if pane.gap < 0 else "at its first step"
    return f"{_calls(round(abs(pane.gap)))} {'more' if pane.gap > 0 else 'fewer'}"


def for_now(pane: Pane, what: Quantity, *, lost: bool = False) -> str:
    """Return what is seen until the picture that is looked at is decoded, or if it cannot be; "" where it is that."""
    frame, shown = pane.frame, pane.shown
    if lost:
        return LOST
    if shown is None or shown.step == 0:
        return ""
    if frame is None:
        return "being decoded"
    if frame.side != what:
        return f"{frame.side} for now"
    return "" if frame.step == shown.step else f"step {frame.step} for now"


def facts(course: Course) -> str:
    """Return what the runs have in common."""
    requests = course.requests
    parts = []
    if len(seeds := {request.seed for request in requests}) == 1:
        parts.append(f"seed {seeds.pop()}")
    if len(weights := {request.guidance for request in requests}) == 1:
        parts.append(f"guidance {weights.pop() or 0:g}")
    if len(models := {request.model for request in requests}) == 1:
        parts.append(models.pop())
    return ", ".join(parts)


def noise(hashes: Sequence[str], count: int) -> tuple[str, bool]:
    """Return a word on the noise the runs start from, and whether it is the same; "" as long as it is not known.

    Args:
        hashes: of each run that it is known of.
        count: how many runs there are.
    """
    if len(hashes) < count:
        return "", False
    if len(set(hashes)) == 1:
        return f"identical x_T {hashes[0][:4]}…{hashes[0][-4:]}", True
    return "different x_T", False


def position(places: int, place: int, level: float | None) -> str:
    """Return where the scrubber stands, for those who do not see it."""
    at = f"position {place + 1} of {places}"
    return at if level is None else f"{at}, noise level {level:.2f}"


def unfinished(panes: Sequence[Pane]) -> str:
    """Return why a step of a longer run is no run of so many steps; "" where every run shows its last step."""
    for pane in sorted(panes, key=lambda pane: -pane.steps):
        if pane.shown is not None and 0 < pane.shown.step < pane.steps:
            step, left = pane.shown.step, pane.steps - pane.shown.step
            rest = "the last step was" if left == 1 else f"the remaining {left} steps were"
            article = "an" if str(step).startswith("8") or step in (11, 18) else "a"
            return (
                f"Step {step} of {pane.steps} is not {article} {step}-step run: it still carries the noise that "
                f"{rest} meant to remove."
            )
    return ""


def plan(requests: Sequence[GenerateRequest]) -> str:
    """Return what a comparison costs."""
    calls = sum(model_calls(request) for request in requests)
    return f"{len(requests)} runs, {calls:,} model calls"


def title(course: Course) -> str:
    """Return what the runs make: their prompt, or how many there are."""
    prompts = dict.fromkeys(request.prompt for request in course.requests)
    if len(prompts) > 1:
        return f"{len(prompts)} prompts: {', '.join(prompt or '(no prompt)' for prompt in prompts)}"
    return course.request.prompt or "(no prompt)"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


DISTANCE = "Distance of x0_hat to the finished picture of {name}"
NO_CURVES = "The curves come when {name} is finished."
PSNR_TIP = (
    "Peak signal-to-noise ratio to the reference's finished picture, in decibels; identical ones have no end."
)
SSIM_TIP = (
    "Structural similarity of the brightness to the reference's finished picture; 1 is identical. "
    "Wang et al. 2004, doi 10.1109/TIP.2003.819861"
)
CALLS_TIP = "How often the model was asked; guidance counts two."
SECONDS_TIP = "Time spent; runs that share their model calls share it."
ALONE_TIP = (
    "Runs that share their model calls differ from the same runs made alone by how the kernels round. Measuring makes "
    "each run once more, alone, and takes the largest difference of all numbers of its last state."
)
LONG_TIP = (
    "Make a long run from the same noise, and measure all others against it. It is kept like any picture."
)


def figures(pane: Pane, score: Score | None, *, reference: bool) -> tuple[str, str, str, str]:
    """Return a row of the table: PSNR, SSIM, calls and seconds; empty before the picture is finished.

    Args:
        pane: the run.
        score: how near it came; None as long as it is not known.
        reference: whether it is what the others are held against.
    """
    if pane.finished is None:
        return "", "", "", ""
    rest = f"{pane.finished.model_calls:,}", f"{pane.finished.seconds:.1f}"
    if reference:
        return "reference", "", *rest
    if score is None:
        return "", "", *rest
    if score.psnr is None or score.ssim is None:
        return "–", "–", *rest
    return "identical" if score.psnr == float("inf") else f"{score.psnr:.1f}", f"{score.ssim:.3f}", *rest


def long_name(request: GenerateRequest) -> str:
    """Return what a long run is called."""
    parts = parts_of(request)
    return f"{parts['sampler']}, {parts['steps']}"


def offer(offers: Sequence[GenerateRequest]) -> str:
    """Return what the button says that makes a long run."""
    return f"Make a reference of {offers[0].steps or 0} steps" if offers else ""


def making(course: Course | None) -> str:
    """Return how far a long run has come."""
    latest = course.latest(0) if course is not None else None
    return f"Step {latest.step} of {latest.steps}" if latest is not None else "Waits for its first step"


def alone(known: Alone) -> tuple[str, bool]:
    """Return what is known of how far batching took the runs, and whether that is a fault."""
    match known.standing:
        case "exact":
            return "Bit for bit what each run is alone", False
        case "unknown":
            return "Batched: difference from the same run alone not measured yet", False
        case "measuring":
            return "Batched: each run is being made alone, to measure the difference", False
        case "measured":
            largest = max(known.differences)
            if largest == 0:
                return "Batched, and bit for bit what each run is alone", False
            return f"Batched: largest difference from the same run alone: {small(largest)}", False
        case "failed":
            return f"The difference from the same run alone could not be measured: {known.fault}", True
    return "", False


def small(value: float) -> str:
    """Return a small number in one digit, such as 2e-5."""
    if value == 0:
        return "0"
    digits, _, power = f"{value:.0e}".partition("e")
    return f"{digits}e{int(power)}"
