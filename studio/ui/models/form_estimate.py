"""What the form's request costs, before it is made. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests import sampler_options
from studio.ui.models.form_rules import takes_text

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.ui.models.form_values import FormValues
    from studio.ui.models.timings import Timings


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a request costs.

    Attributes:
        pictures: how many.
        queries: a sampler's questions, of one picture.
        calls_per_query: model calls that answer one: 2 with guidance, else 1.
        model_calls: of all pictures together.
        seconds: of all pictures together, as measured on this machine; None where nothing was measured yet.
    """

    pictures: int
    queries: int
    calls_per_query: int
    model_calls: int
    seconds: float | None


def estimate(
    values: FormValues, card: ModelCard | None, timings: Timings | None, device: str | None
) -> Estimate:
    """Return what the values' request costs.

    Args:
        values: what stands in the form.
        card: of the chosen model; None where it is not known.
        timings: what was measured; None gives no time.
        device: as `Timings` calls it; None is the one used last.
    """
    options = sampler_options(values.sampler, values.options.get(values.sampler, {}))
    queries = SAMPLERS[values.sampler].count_queries(options, values.steps)
    each = 2 if takes_text(card) and values.guidance != 1.0 else 1
    calls = queries * each * values.count
    seconds = None
    if card is not None and timings is not None:
        measured = timings.seconds_per_call(model_sha256=card.weights_sha256, size=values.size, device=device)
        seconds = None if measured is None else measured * calls
    return Estimate(
        pictures=values.count, queries=queries, calls_per_query=each, model_calls=calls, seconds=seconds
    )


def calls_per_step(sampler: str, values: FormValues) -> int:
    """Return a sampler's questions at each step but the last, with its options as they stand in the form."""
    options = sampler_options(sampler, values.options.get(sampler, {}))
    count = SAMPLERS[sampler].count_queries
    return count(options, 3) - count(options, 2)
