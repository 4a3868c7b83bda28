"""The plan of a sweep: the settings that can be swept, reading their values, the cells, and the jobs that make them."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.compare import MAX_PANES, CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, UnknownNameError, shorten
from studio.messages import message
from studio.prompts.lora_tags import find_tags, with_lora_weight
from studio.prompts.syntax import MAX_WEIGHT
from studio.ui.jobs.run_settings import reads_with_clip, resolved, with_model

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
        lora: the LoRA whose weight it is; "" if it is no weight of a LoRA.
    """

    title: str
    read: Callable[[str], Any]
    usual: str
    sampler: str = ""
    option: str = ""
    lora: str = ""

    def put(self, values: FormValues, name: str, value: Any, card_of: CardOf) -> FormValues:  # noqa: ANN401 - as FormValues has them
        """Return ``values`` with this setting set to ``value``.

        Raises:
            RequestError: the model is not installed, or this is an option of another sampler.
        """
        if name == "model":
            return with_model(values, card_of(values.model), card_of(str(value)), str(value))
        if name == "size":
            width, height = map(int, value.split("x"))
            return dataclasses.replace(values, width=width, height=height)
        if self.lora:
            if all(tag.lora.name != self.lora for tag in find_tags(values.prompt)):
                raise RequestError("prompt", message("does not use the LoRA {name}", name=repr(self.lora)))
            return dataclasses.replace(values, prompt=with_lora_weight(values.prompt, self.lora, value))
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


def _size(text: str) -> str:
    found = re.fullmatch(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})", text, re.IGNORECASE)
    if found is None:
        raise ValueError(text)
    return f"{int(found[1])}x{int(found[2])}"


def _lora_weight(text: str) -> float:
    weight = float(text)
    if not abs(weight) <= MAX_WEIGHT:
        raise ValueError(text)
    return weight


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
    "size": Field(title=message("Size"), read=_size, usual="512x512, 768x512"),
    **_options(),
}
LORA: Final = "lora:"
"""What the names of fields begin with that are the weight of a LoRA."""


def field_of(name: str) -> Field:
    """Return the setting of a name in `FIELDS`, or of `LORA` and a LoRA's name. Raises KeyError if there is none."""
    if name.startswith(LORA) and len(name) > len(LORA):
        lora = name.removeprefix(LORA)
        title = message("LoRA weight: {name}", name=shorten(lora, 40))
        return Field(title=title, read=_lora_weight, usual="0, 0.5, 1", lora=lora)
    return FIELDS[name]


def fields_for(values: FormValues, card: ModelInfo | None) -> dict[str, Field]:
    """Return the settings that can be swept from these values: also the weights of the LoRAs in the prompt."""
    tags = find_tags(values.prompt) if reads_with_clip(card) else ()
    loras = dict.fromkeys(LORA + tag.lora.name for tag in tags)
    return {**{name: field_of(name) for name in loras}, **FIELDS}


def usual_values(name: str, card: ModelInfo | None) -> str:
    """Return the values of a setting that are suggested for a model, as text."""
    if name == "size" and card is not None:
        return ", ".join(f"{width}x{height}" for width, height in card.sizes[:_USUAL_SIZES])
    return field_of(name).usual


_USUAL_SIZES: Final = 3


MAX_CELLS = 1024
BatchRequest: TypeAlias = CompareRequest | GenerateRequest


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A setting and its values along one axis.

    Attributes:
        field: a name that `field_of` knows.
        values: distinct values, from left to right or from top to bottom.
    """

    field: str
    values: tuple[Any, ...]

    @property
    def title(self) -> str:
        return field_of(self.field).title

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
            values.append(field_of(field).read(part))
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
            are not valid, or the pictures differ in size although no axis is the size.
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
            # The model first, since it brings its defaults; options need the sampler, and weights the prompt.
            changes = sorted([(across.field, right), (down.field, below)], key=_rank)
            values = replace(base, count=1)
            for field, value in changes:
                values = field_of(field).put(values, field, value, card_of)
            cells.append(resolved(values, card_of(values.model)))
    if "size" not in (across.field, down.field) and len({(cell.width, cell.height) for cell in cells}) > 1:
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
    first = ("model", "sampler", "prompt")
    return first.index(change[0]) if change[0] in first else len(first)
