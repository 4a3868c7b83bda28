"""Which installed models are the checkpoints of a training, and the request that compares them. No Qt."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from studio.engine.requests.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.errors import RequestError
from studio.messages import message
from studio.ui.jobs.run_settings import with_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.ui.core.catalog import Catalog
    from studio.ui.jobs.run_settings import RunSettings

Item = TypeVar("Item")


def checkpoints_of(training: str, models: Iterable[str]) -> tuple[str, ...]:
    """Return the models that are checkpoints of a training, by step, and last its final model if there is one.

    Args:
        training: the name of the final model.
        models: names of models.
    """
    pattern = re.compile(re.escape(training) + r"-(\d+)")
    names = set(models)
    steps = {name: int(match[1]) for name in names if (match := pattern.fullmatch(name)) is not None}
    ordered = sorted(steps, key=lambda name: steps[name])
    return (*ordered, training) if training in names else tuple(ordered)


def spread(items: Sequence[Item], limit: int) -> tuple[Item, ...]:
    """Return at most ``limit`` of the items, evenly spread, including the first and the last."""
    if len(items) <= limit:
        return tuple(items)
    places = [round(place * (len(items) - 1) / (limit - 1)) for place in range(limit)]
    return tuple(items[place] for place in places)


def compare_checkpoints(
    names: Sequence[str], prompt: str, settings: RunSettings, catalog: Catalog
) -> CompareRequest:
    """Return the comparison of checkpoints with one prompt, one noise and the other settings of the form.

    Args:
        names: the checkpoints; at most six, evenly spread, are compared.
        prompt: the prompt.
        settings: those of the form.
        catalog: the installed models.

    Raises:
        RequestError: there are too few checkpoints, or they cannot make this picture.
    """
    cards = [card for name in names if (card := catalog.card(name)) is not None]
    if len(cards) < MIN_PANES:
        raise RequestError("checkpoints", message("cannot be compared before there are two of them"))
    values = replace(settings.values, prompt=prompt, count=1)
    taken = spread([card.name for card in cards], MAX_PANES)
    requests = []
    for card in cards:
        if card.name in taken:
            own = with_model(values, settings.card, card, card.name)
            requests.append(own.request().resolve(card))
    return CompareRequest(requests=tuple(requests)).validate()
