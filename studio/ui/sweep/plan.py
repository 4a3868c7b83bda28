"""The plan of a sweep: the settings that can be swept, reading their values, the cells, and the jobs that make them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.compare import MAX_PANES, CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, UnknownNameError, shorten
from studio.messages import message
from studio.ui.jobs.run_settings import resolved, with_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.families.interface import ModelInfo
    from studio.ui.jobs.run_settings import FormValues

    CardOf = Callable[[str], ModelInfo]
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Field:
    """A setting that can be swept.

    Attributes:
        title: its title.
        read: parses a value; raises ValueError or RequestError.
        usual: the values that are suggested, as text.
        sampler: the sampler whose option it is; "" if it is no sampler option.
        option: the option's name.
    """

    title: str
    read: Callable[[str], Any]
    usual: str
    sampler: str = ""
    option: str = ""

    def put(self, values: FormValues, name: str, value: Any, card_of: CardOf) -> FormValues:  # noqa: ANN401 - as FormValues has them
        """Return ``values`` with this setting set to ``value``.

        Raises:
            RequestError: the model is not installed, or this is an option of another sampler.
        """
        if name == "model":
            return with_model(values, card_of(values.model), card_of(str(value)), str(value))
        if not self.sampler:
            return dataclasses.replace(values, **{name: value})
        if values.sampler != self.sampler:
            raise RequestError(
                self.title,
                message(
                    "is an option of another sampler than {sampler}; choose that sampler",
                    sampler=SAMPLERS[values.sampler].title,
                ),
            )
        own = {**values.options.get(self.sampler, {}), self.option: value}
        return dataclasses.replace(values, options={**values.options, self.sampler: own})


def _sampler(text: str) -> str:
    for name, sampler in SAMPLERS.items():
        if text.lower() in (name, sampler.title.lower()):
            return name
    raise UnknownNameError("sampler", text, SAMPLERS)


def _spacing(text: str) -> str:
    if text.lower() not in SPACINGS:
        raise UnknownNameError("spacing", text, SPACINGS)
    return text.lower()


def _usual(option: dataclasses.Field[Any]) -> str:
    if "choices" in option.metadata:
        return ", ".join(option.metadata["choices"])
    default: Any = option.default
    most = option.metadata["maximum"]
    tried = (default / 2, default, default * 2) if default else (0, most / 2, most)
    kind = type(default)
    allowed = [min(max(kind(value), option.metadata["minimum"]), most) for value in tried]
    return ", ".join(dict.fromkeys(f"{value:g}" for value in allowed))


def _reader(option: dataclasses.Field[Any]) -> Callable[[str], Any]:
    kind: Callable[[str], Any] = type(option.default)
    return kind


def _options() -> dict[str, Field]:
    found = {}
    for name, sampler in SAMPLERS.items():
        for option in dataclasses.fields(sampler.Options):
            found[f"{name}.{option.name}"] = Field(
                title=message("{sampler}: {option}", sampler=sampler.title, option=option.metadata["label"]),
                read=_reader(option),
                usual=_usual(option),
                sampler=name,
                option=option.name,
            )
    return found


FIELDS: dict[str, Field] = {
    "steps": Field(title=message("Steps"), read=int, usual="5, 10, 20, 40"),
    "guidance": Field(title=message("Guidance"), read=float, usual="1, 2, 4, 8"),
    "seed": Field(title=message("Seed"), read=int, usual="1, 2, 3, 4"),
    "sampler": Field(title=message("Sampler"), read=_sampler, usual="ddpm, ddim"),
    "spacing": Field(title=message("Spacing"), read=_spacing, usual=", ".join(SPACINGS)),
    "prompt": Field(title=message("Prompt"), read=str, usual="a fox, a red apple, an owl"),
    "negative": Field(title=message("Negative prompt"), read=str, usual="blue, red"),
    "model": Field(title=message("Model"), read=str, usual="starter"),
    **_options(),
}


MAX_CELLS = 1024
BatchRequest: TypeAlias = CompareRequest | GenerateRequest


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A setting and its values along one axis.

    Attributes:
        field: a name in `FIELDS`.
        values: distinct values, from left to right or from top to bottom.
    """

    field: str
    values: tuple[Any, ...]

    @property
    def title(self) -> str:
        return FIELDS[self.field].title

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label(self.field, value) for value in self.values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Cells that one job makes.

    Attributes:
        places: their indices among all cells.
        request: the job's request.
    """

    places: tuple[int, ...]
    request: BatchRequest


def parse_axis(field: str, text: str) -> Axis:
    """Return the axis with the values in ``text``, separated by semicolons if it contains any, else by commas.

    Raises:
        RequestError: there is no value, or one is not valid.
    """
    parts = [part.strip() for part in text.split(";" if ";" in text else ",") if part.strip()]
    if not parts:
        raise RequestError(field, message("has no values: enter some, separated by commas"))
    values = []
    for part in parts:
        try:
            values.append(FIELDS[field].read(part))
        except ValueError as error:
            raise RequestError(field, message("cannot be {value}", value=repr(shorten(part)))) from error
    return Axis(field=field, values=tuple(dict.fromkeys(values)))


def format_axis(axis: Axis) -> str:
    """Return the text that `parse_axis` reads as this axis."""
    if not any("," in text for text in axis.labels):
        return ", ".join(axis.labels)
    return "; ".join(axis.labels) + ("" if len(axis.labels) > 1 else ";")


def label(field: str, value: object) -> str:
    """Return a value as text: a sampler by its title, a number without trailing zeros."""
    if field == "sampler":
        return SAMPLERS[str(value)].title
    return f"{value:g}" if isinstance(value, float) else str(value)


def requests(base: FormValues, card_of: CardOf, across: Axis, down: Axis) -> tuple[GenerateRequest, ...]:
    """Return the resolved request of every cell, row by row.

    Args:
        base: the settings that all cells share.
        card_of: returns the card of a model, or raises RequestError.
        across: the setting that changes from left to right.
        down: the setting that changes from top to bottom.

    Raises:
        RequestError: both axes have the same setting, the number of cells is not 2 to 1,024, the settings of a cell
            are not valid, or the pictures differ in size.
    """
    if across.field == down.field:
        raise RequestError(across.field, message("is on both axes; choose another setting for one of them"))
    count = len(across.values) * len(down.values)
    if not 2 <= count <= MAX_CELLS:
        raise RequestError(
            "sweep", message("must have 2 to {most:,} pictures, not {count:,}", most=MAX_CELLS, count=count)
        )
    cells = []
    for below in down.values:
        for right in across.values:
            # The model first, since it brings its defaults, then the sampler, since options need it.
            changes = sorted([(across.field, right), (down.field, below)], key=_rank)
            values = replace(base, count=1)
            for field, value in changes:
                values = FIELDS[field].put(values, field, value, card_of)
            cells.append(resolved(values, card_of(values.model)))
    if len({(cell.width, cell.height) for cell in cells}) > 1:
        raise RequestError(
            "model",
            message("makes pictures of another size than the others; all cells must have the same size"),
        )
    return tuple(cells)


def batches(cells: Sequence[GenerateRequest], places: Sequence[int]) -> tuple[Batch, ...]:
    """Return the jobs that make some of the cells, in order, with about the same number of cells each.

    Args:
        cells: the requests of all cells.
        places: the indices of the cells to make.
    """
    parts = math.ceil(len(places) / MAX_PANES)
    sizes = [len(places) // parts + (number < len(places) % parts) for number in range(parts)]
    made, first = [], 0
    for size in sizes:
        some = tuple(places[first : first + size])
        made.append(Batch(places=some, request=_request(tuple(cells[place] for place in some))))
        first += size
    return tuple(made)


def _request(requests: tuple[GenerateRequest, ...]) -> BatchRequest:
    return CompareRequest(requests=requests) if len(requests) > 1 else requests[0]


def _rank(change: tuple[str, object]) -> int:
    return ("model", "sampler").index(change[0]) if change[0] in ("model", "sampler") else 2
