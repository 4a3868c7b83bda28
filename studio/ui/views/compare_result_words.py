"""What is said of how far runs come, and of how far batching took them. Plain functions, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.views.compare_words import parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.requests import GenerateRequest
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.compare_alone import Alone
    from studio.ui.models.compare_curves import Score
    from studio.ui.models.compare_pane import Pane

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
