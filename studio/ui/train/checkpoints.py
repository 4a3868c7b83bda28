"""The checkpoints of a training as models that are there. No Qt."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from studio.engine.requests.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.errors import RequestError
from studio.ui.jobs.run_settings import with_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel

Item = TypeVar("Item")


def checkpoints_of(training: str, models: Iterable[str]) -> tuple[str, ...]:
    """Return those of the models that are checkpoints of a training, by step, and last the finished one if it is there.

    Args:
        training: the name of the model that it makes.
        models: names of models.
    """
    form = re.compile(re.escape(training) + r"-(\d+)")
    names = set(models)
    steps = {name: int(match[1]) for name in names if (match := form.fullmatch(name)) is not None}
    ordered = sorted(steps, key=lambda name: steps[name])
    return (*ordered, training) if training in names else tuple(ordered)


def spread(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """Return at most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return tuple(items)
    places = [round(place * (len(items) - 1) / (most - 1)) for place in range(most)]
    return tuple(items[place] for place in places)


def compare_checkpoints(
    names: Sequence[str], prompt: str, form: FormModel, catalog: Catalog
) -> CompareRequest:
    """Return what lays checkpoints side by side: one prompt, one noise, and else what the form of pictures says.

    Args:
        names: of the models; at most six of them are taken, evenly spread.
        prompt: what all of them draw.
        form: the settings.
        catalog: the models there are.

    Raises:
        RequestError: there are too few of them, or they cannot make it.
    """
    cards = [card for name in names if (card := catalog.card(name)) is not None]
    if len(cards) < MIN_PANES:
        raise RequestError("checkpoints", "cannot be compared before there are two of them")
    values = replace(form.values, prompt=prompt, count=1)
    taken = spread([card.name for card in cards], MAX_PANES)
    requests = []
    for card in cards:
        if card.name in taken:
            own = with_model(values, form.card, card, card.name)
            requests.append(own.request().resolve(card))
    return CompareRequest(requests=tuple(requests)).validate()
