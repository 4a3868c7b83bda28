"""Texts about the cost of a request, and about what costs less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.engine.memory_plan import RUNG_LABELS
from studio.errors import shorten
from studio.ui.jobs.text import size_text
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.engine.memory_plan import MemoryPlan
    from studio.families.interface import ModelInfo
    from studio.ui.jobs.cost import Estimate


def cost(estimate: Estimate) -> str:
    """Return the cost of a request: model calls, and the time once it was measured."""
    each = estimate.model_calls // estimate.pictures
    if estimate.pictures > 1:
        calls = trn(
            "{pictures} × {calls} model call",
            "{pictures} × {calls} model calls",
            each,
            pictures=estimate.pictures,
            calls=f"{each:,}",
        )
    else:
        calls = trn("{calls} model call", "{calls} model calls", each, calls=f"{each:,}")
    if estimate.seconds is None:
        return calls
    if estimate.scaled_from is not None:
        return tr("{calls}, {time} by another size", calls=calls, time=quantity.estimate(estimate.seconds))
    return tr("{calls}, {time} on this machine", calls=calls, time=quantity.estimate(estimate.seconds))


def cost_tip(estimate: Estimate, steps: int) -> str:
    """Return how the number of model calls follows from the settings, and where the time is from."""
    if estimate.scaled_from is None:
        return _calls_tip(estimate, steps)
    return (
        _calls_tip(estimate, steps)
        + " "
        + tr(
            "The time is that measured at {size}, scaled by the multiplications of the network.",
            size=size_text(estimate.scaled_from),
        )
    )


def memory_cost(plan: MemoryPlan) -> str:
    """Return how much memory a request needs, and whether it fits."""
    needed = quantity.size(plan.peak)
    if plan.budget is not None and not plan.fits:
        return tr(
            "Needs about {needed} of memory; {free} are free",
            needed=needed,
            free=quantity.size(max(plan.budget, 0)),
        )
    if plan.rungs:
        return tr("About {needed} of memory, slower to fit", needed=needed)
    return tr("About {needed} of memory", needed=needed)


def memory_tip(plan: MemoryPlan) -> str:
    """Return what is done so that a request fits in memory; "" if nothing is."""
    if not plan.rungs:
        return ""
    return tr("To fit: {ways}", ways=", ".join(tr(RUNG_LABELS[rung]) for rung in plan.rungs))


def slow_on_cpu() -> str:
    """Return that a picture is slow, for a model that was never measured."""
    return tr("On a CPU this is likely to take many minutes")


def use_size(size: tuple[int, int]) -> str:
    """Return the text of the button that chooses a smaller size."""
    return tr("Use {size}", size=size_text(size))


def use_model(card: ModelInfo) -> str:
    """Return the text of the button that chooses another model."""
    return tr("Use {model}", model=shorten(card.title, 24))


def _calls_tip(estimate: Estimate, steps: int) -> str:
    if estimate.calls_per_query > 1:
        return tr(
            "The model is called {calls} times in {steps} steps for each picture: once with the prompt and once "
            "without it, for guidance.",
            calls=f"{estimate.queries * estimate.calls_per_query:,}",
            steps=steps,
        )
    return tr(
        "The model is called {calls} times in {steps} steps for each picture.",
        calls=f"{estimate.queries:,}",
        steps=steps,
    )
