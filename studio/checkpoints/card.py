"""A model's card: what its weights are, what they were made from, and how well they do.

The card is the file ``card.json`` beside the weights. Models are untrusted, so it is read strictly: every field has a
type and a range, unknown fields are refused, and each refusal is one sentence that names the file and the field.
Importable without torch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from msgspec import Meta

from studio.diffusion.prediction import TrainedKind  # noqa: TC001 - msgspec reads the annotations
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.errors import CheckpointError
from studio.messages import Message, message
from studio.strict_json import (
    InvalidJsonError,
    convert,
    convert_fields,
    frozen,
    must,
    one_of,
    parse,
    quoted,
    text_up_to,
    thawed,
    without_version,
)
from studio.weights.files import as_checkpoint_error

if TYPE_CHECKING:
    from studio.families.interface import SizeRule, TextDefaults

_FIGURES: Sequence[tuple[Message, tuple[str, ...]]] = (
    (message("top-1"), ("top1",)),
    (message("top-5"), ("top5",)),
    (message("Korean top-1"), ("languages", "ko", "top1")),
    (message("background"), ("background",)),
    (message("count"), ("compositions", "count")),
    (message("position"), ("compositions", "position")),
    (message("size"), ("compositions", "size")),
)


def headline_figures(evaluation: Mapping[str, Any]) -> list[tuple[Message, float]]:
    """Return the main results of a card's evaluation, shares from 0 to 1, each with its name; those that it has."""
    found = [(name, _share_at(evaluation, path)) for name, path in _FIGURES]
    return [(name, value) for name, value in found if value is not None]


def _share_at(value: object, path: Sequence[str]) -> float | None:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


FORMAT_VERSION = 1
MAX_CARD_BYTES = 1_000_000

MAX_SIDE_PX = 2048
MAX_SIZES = 32
MAX_LATENT_CHANNELS = 256
MAX_PARAMETERS = 10**11
_DEFAULT_T = 1000

_UNNAMED = Path("card.json")

_Side = Annotated[int, Meta(ge=1, le=MAX_SIDE_PX)]
_Kind = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z][a-z0-9_]{0,31}\Z",
        extra=must(lambda kind: message("must be a short lower-case name, not {value}", value=quoted(kind))),
    ),
]
_Name = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\Z",
        extra=must(
            lambda name: message(
                "must be 1 to 64 characters of a-z, 0-9, '.', '_' and '-', not {value}", value=quoted(name)
            )
        ),
    ),
]
_Sizes = Annotated[
    tuple[tuple[_Side, _Side], ...],
    Meta(
        min_length=1,
        max_length=MAX_SIZES,
        extra=must(
            message(
                "must be 1 to {count} pairs of width and height, whole numbers from 1 to {side:,}",
                count=MAX_SIZES,
                side=MAX_SIDE_PX,
            )
        ),
    ),
]
Parameters = Annotated[int, Meta(ge=0, le=MAX_PARAMETERS)]


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of a model.

    Attributes:
        kind: its name in the registry of such parts, such as "unet".
        config: JSON values; what that kind is built from, checked when it is.
    """

    kind: _Kind
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """The values of settings that a request leaves open.

    Attributes:
        sampler: a sampler's name.
        steps: number of sampling steps.
        guidance: w in ``uncond + w * (cond - uncond)``; 1 is off.
        spacing: a spacing's name.
    """

    sampler: Annotated[str, one_of(SAMPLERS)] = "ddim"
    steps: Annotated[int, Meta(ge=1, le=1000)] = 30
    guidance: Annotated[float, Meta(ge=0, le=30)] = 1.0
    spacing: Annotated[str, one_of(SPACINGS)] = "trailing"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything about a model but its weights. Always valid: constructing one checks it as reading one does.

    Implements `studio.families.interface.ModelInfo`.

    Attributes:
        name: lower-case letters, digits, ``.``, ``_`` and ``-``; what ``--model`` takes.
        title: the display name.
        backbone: the network that denoises.
        text: the text encoder; None: the model is unconditional.
        codec: maps pictures to latents and back.
        schedule: the noise schedule it was trained with.
        prediction: what the backbone predicts: "eps", "v" or "x0".
        sizes: (width, height) in pixels of the pictures it makes; the first is the default.
        downscale: pixels per latent along each side.
        latent_shape: (C, H, W) of the latents at the default size.
        clip: whether x0_hat is clipped to [-1, 1] (for pixel models).
        defaults: settings for what a request leaves open.
        licence: the terms under which the weights may be used.
        training_data: what it was trained on, and the licence of that.
        recipe: the name of the recipe that trains it.
        evaluation: results of its evaluation, JSON values.
        training: how it was trained in the program: recipe, hash of the data, step; JSON values.
        parameters: number of values in the weights file; set when saved.
        weights_sha256: the hash of the weights file, lower-case hexadecimal; set when saved, empty before.

    Raises:
        CheckpointError: a field is malformed.
    """

    name: _Name
    title: Annotated[str, text_up_to(200)]
    backbone: Component
    text: Component | None
    codec: Component
    schedule: Component
    prediction: TrainedKind
    sizes: _Sizes
    downscale: Annotated[int, Meta(ge=1, le=64)]
    latent_shape: tuple[_Side, _Side, _Side]
    clip: bool
    defaults: Defaults
    licence: Annotated[str, text_up_to(2000)]
    training_data: Annotated[str, text_up_to(20_000)]
    recipe: Annotated[str, text_up_to(200, empty=True)] = ""
    evaluation: Mapping[str, Any] = field(default_factory=dict, hash=False)
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parameters: Parameters = 0
    weights_sha256: Annotated[
        str,
        Meta(
            pattern=r"\A(?:[0-9a-f]{64})?\Z", extra=must(message("must be 64 lower-case hexadecimal digits"))
        ),
    ] = ""

    def __post_init__(self) -> None:
        with as_checkpoint_error(_UNNAMED):
            for name, value in convert_fields(json_values(self), ModelCard).items():
                object.__setattr__(self, name, _frozen(value, name))
            self._check_shapes()

    def _check_shapes(self) -> None:
        channels, height, width = self.latent_shape
        if channels > MAX_LATENT_CHANNELS:
            reason = message("must have at most {count} channels", count=MAX_LATENT_CHANNELS)
            raise InvalidJsonError("latent_shape", reason)
        if (width * self.downscale, height * self.downscale) != self.sizes[0]:
            reason = message(
                "times {downscale} must be the default size {width}x{height}",
                downscale=self.downscale,
                width=self.sizes[0][0],
                height=self.sizes[0][1],
            )
            raise InvalidJsonError("latent_shape", reason)
        if any(side % self.downscale for size in self.sizes for side in size):
            reason = message("must all be multiples of {downscale}", downscale=self.downscale)
            raise InvalidJsonError("sizes", reason)

    @property
    def T(self) -> int:
        """The number of times of the schedule: as its configuration says, or else the default of every schedule.

        A number that no schedule accepts counts as the default here; building the schedule reports it.
        """
        times = self.schedule.config.get("T")
        return times if type(times) is int and times >= 1 else _DEFAULT_T

    @property
    def text_defaults(self) -> TextDefaults | None:
        """None: no model of this format reads prompts with CLIP."""
        return None

    @property
    def size_rule(self) -> SizeRule | None:
        """None: a model makes only the sizes of its card."""
        return None

    def latent_shape_for(self, width: int, height: int) -> tuple[int, int, int]:
        """Return (C, H, W) of the latents of pictures of ``width`` x ``height`` pixels."""
        return self.latent_shape[0], height // self.downscale, width // self.downscale

    def to_dict(self) -> dict[str, Any]:
        return {"format_version": FORMAT_VERSION, **json_values(self)}

    def to_json(self) -> str:
        """Return the card as the text of ``card.json``."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, value: object, path: Path = _UNNAMED) -> Self:
        """Return the card that JSON values describe.

        Args:
            value: what `to_dict` returns.
            path: the file they came from, for the sentence.

        Raises:
            CheckpointError: they are no card of this version.
        """
        try:
            with as_checkpoint_error(path):
                values = without_version(value, FORMAT_VERSION)
                return convert({"training": {}, **values}, cls, complete=True)
        except CheckpointError as error:
            raise CheckpointError(path, error.reason) from error

    @classmethod
    def from_json(cls, data: str | bytes, path: Path = _UNNAMED) -> Self:
        """Return the card that the text of a ``card.json`` describes.

        Raises:
            CheckpointError: it is not strict JSON, longer than a card can be, or as `from_dict`.
        """
        data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if len(data) > MAX_CARD_BYTES:
            reason = message("is larger than a card can be ({count:,} bytes)", count=MAX_CARD_BYTES)
            raise CheckpointError(path, reason)
        with as_checkpoint_error(path):
            return cls.from_dict(parse(data), path)


def json_values(value: object) -> Any:  # noqa: ANN401
    """Return a card or a part of one as JSON values."""
    if dataclasses.is_dataclass(value):
        return {one.name: json_values(getattr(value, one.name)) for one in dataclasses.fields(value)}
    return thawed(value)


def _frozen(value: object, where: str) -> object:
    """Return a field's value with nothing in it that can change."""
    if isinstance(value, Component):
        return dataclasses.replace(value, config=frozen(value.config, f"{where}.config"))
    return value if isinstance(value, Defaults) else frozen(value, where)
