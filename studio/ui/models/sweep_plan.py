"""A sweep: every value of one setting with every value of another, and how that becomes comparisons. Knows no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS
from studio.engine.compare import MAX_PANES, CompareRequest
from studio.errors import RequestError, UnknownNameError, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.checkpoints.card import ModelCard
    from studio.engine.requests import GenerateRequest
    from studio.ui.models.form_values import FormValues

MAX_CELLS = 36


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One setting and the values it takes.

    Attributes:
        field: a name in `FIELDS`.
        values: from left to right, or from top to bottom; none twice.
    """

    field: str
    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What each value is called."""
        return tuple(label(self.field, value) for value in self.values)


def _sampler(text: str) -> str:
    for name, sampler in SAMPLERS.items():
        if text.lower() in (name, sampler.title.lower()):
            return name
    raise UnknownNameError("sampler", text, SAMPLERS)


FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "steps": ("Steps", int),
    "guidance": ("Guidance", float),
    "seed": ("Seed", int),
    "sampler": ("Sampler", _sampler),
}
"""The settings that can be swept: what they are called, and how a value is read."""


def read_axis(field: str, text: str) -> Axis:
    """Return the axis that a list with commas describes.

    Raises:
        RequestError: there is no value, or one cannot be read.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise RequestError(field, "has no values: write some, with commas between them")
    values = []
    for part in parts:
        try:
            values.append(FIELDS[field][1](part))
        except ValueError as error:
            raise RequestError(field, f"cannot be {shorten(part)!r}") from error
    return Axis(field=field, values=tuple(dict.fromkeys(values)))


def label(field: str, value: object) -> str:
    """Return what a value is called."""
    if field == "sampler":
        return SAMPLERS[str(value)].title
    return f"{value:g}" if isinstance(value, float) else str(value)


def requests(base: FormValues, card: ModelCard, across: Axis, down: Axis) -> tuple[GenerateRequest, ...]:
    """Return what every cell is made with, row by row, everything filled in.

    Args:
        base: what all cells share.
        card: of the model.
        across: what changes from left to right.
        down: what changes from top to bottom.

    Raises:
        RequestError: both axes are one setting, there are too many cells or only one, or one cannot be made.
    """
    if across.field == down.field:
        raise RequestError(across.field, "is on both axes; choose another for one of them")
    count = len(across.values) * len(down.values)
    if not 2 <= count <= MAX_CELLS:
        raise RequestError("sweep", f"must have 2 to {MAX_CELLS} pictures, not {count}")
    cells = [{across.field: right, down.field: below} for below in down.values for right in across.values]
    return tuple(replace(base, **cell, count=1).request().resolve(card) for cell in cells)


def batches(cells: Sequence[GenerateRequest]) -> tuple[CompareRequest, ...]:
    """Return the comparisons that make all cells, in their order and as equal in number as may be."""
    parts = math.ceil(len(cells) / MAX_PANES)
    sizes = [len(cells) // parts + (number < len(cells) % parts) for number in range(parts)]
    made, first = [], 0
    for size in sizes:
        made.append(CompareRequest(requests=tuple(cells[first : first + size])))
        first += size
    return tuple(made)
