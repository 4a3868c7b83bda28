"""The request for pictures: a frozen value that contains everything a picture depends on.

A request is validated twice at the border and trusted afterwards. `GenerateRequest.validate` needs no model: it rejects
what no model could make. `GenerateRequest.resolve` takes a model's card, fills in what was left open (size, sampler,
steps, guidance, the sampler's options) and rejects what that model cannot make. A resolved request makes the same
picture today and later, whatever the defaults will be then.

Importable without torch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Self

from msgspec import Meta

from studio import strict_json
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.options import Options, parse
from studio.diffusion.seeds import MAX_SEED
from studio.diffusion.spacings import SPACINGS, check_start
from studio.engine.requests.checks import (
    Line,
    Seed,
    Text,
    as_request_error,
    check_fields,
    check_whole,
    read_request,
)
from studio.errors import RequestError, UnknownNameError
from studio.families.interface import makes_size
from studio.messages import message
from studio.prompts.emphasis import Emphasis  # noqa: TC001 - msgspec reads the annotations
from studio.strict_json import must

if TYPE_CHECKING:
    from studio.families.interface import ModelInfo
    from studio.messages import Message


OptionValue = int | float | str


class OptionValues(Mapping[str, OptionValue]):
    """A sampler's options by name: an immutable, hashable mapping."""

    __slots__ = ("_items",)

    def __init__(self, values: Mapping[str, OptionValue]) -> None:
        """Copy ``values``; their order is irrelevant."""
        self._items = dict(sorted(values.items()))

    def __getitem__(self, name: str) -> OptionValue:
        """Return the value of an option."""
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in alphabetical order."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return the number of options."""
        return len(self._items)

    def __hash__(self) -> int:
        """Hash the names and values."""
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        """Return the representation of a dict."""
        return repr(self._items)


MAX_STEPS = 1000
MAX_GUIDANCE = 30.0
MAX_COUNT = 1000
MAX_PROMPT = 2_000
MAX_SIDE_PX = 8192
MAX_JSON = 1_000_000
MAX_PATH = 4096
MAX_CLIP_SKIP = 12
FORMAT_VERSION = 2
"""Of requests with a field of `_ADDED_FIELDS`; the others are written as version 1, which older programs read too."""
_ADDED_FIELDS = ("emphasis", "clip_skip")

Prompt = Annotated[Text, Meta(max_length=MAX_PROMPT)]
ModelName = Annotated[Line, Meta(max_length=MAX_PATH)]
Steps = Annotated[int, Meta(ge=1, le=MAX_STEPS)]
Guidance = Annotated[float, Meta(ge=0, le=MAX_GUIDANCE)]
Count = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
Side = Annotated[int, Meta(ge=1, le=MAX_SIDE_PX)]
ClipSkip = Annotated[int, Meta(ge=1, le=MAX_CLIP_SKIP)]


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """Make ``count`` pictures of ``prompt``.

    Attributes:
        prompt: what to make: any Unicode text of at most 2,000 characters; empty for an unconditional picture.
        negative: what to avoid; replaces the empty prompt in guidance (unused at guidance 1).
        model: name of an installed model, or path of a model's folder.
        sampler: a name in `SAMPLERS`; None is the model's default.
        options: the sampler's options by name; the others have their defaults.
        steps: number of visited times t, 1 to 1000; None is the model's default.
        spacing: which t are visited, a name in `SPACINGS`; None is the model's default.
        guidance: w in ``uncond + w * (cond - uncond)``, 0 to 30, 1 is off; None is the model's default.
        seed: 0 to 2^64 - 1; picture i uses seed + i.
        count: number of pictures, 1 to 1000.
        width: in pixels; None (with ``height``) is the model's default.
        height: in pixels.
        emphasis: the rule for the weights in prompts, a name in `EMPHASES`; None is the model's default. A resolved
            request of a model without CLIP has None.
        clip_skip: which layer's output of the text encoders is used, as A1111 counts, 1 to 12: 1 is the last; None is
            the model's default, likewise.
    """

    prompt: Prompt = ""
    negative: Prompt = ""
    model: ModelName = "starter"
    sampler: str | None = None
    options: Annotated[Mapping[str, Any], Meta(extra=must(message("must be names with values")))] = field(
        default_factory=dict
    )
    steps: Steps | None = None
    spacing: str | None = None
    guidance: Guidance | None = None
    seed: Seed = 0
    count: Count = 1
    width: Side | None = None
    height: Side | None = None
    emphasis: Emphasis | None = None
    clip_skip: ClipSkip | None = None

    def __post_init__(self) -> None:
        """Store an immutable copy of the options."""
        if isinstance(self.options, Mapping):  # anything else is rejected by validate()
            object.__setattr__(self, "options", OptionValues(self.options))

    def validate(self) -> Self:
        """Return the request itself if there could be a model that can run it.

        Raises:
            RequestError: a field is invalid for every model; the sentence names the field.
        """
        if isinstance(self.sampler, str) and isinstance(self.options, Mapping):
            check_known("sampler", self.sampler, SAMPLERS)
            sampler_options(self.sampler, self.options)
        check_fields(self)
        if self.spacing is not None:
            check_known("spacing", self.spacing, SPACINGS)
        if self.seed + self.count - 1 > MAX_SEED:
            reason = message(
                "must be at most {high} for a count of {count}",
                high=MAX_SEED - self.count + 1,
                count=self.count,
            )
            raise RequestError("seed", reason)
        if (self.width is None) != (self.height is None):
            missing = "height" if self.height is None else "width"
            raise RequestError(missing, message("is missing: give both width and height, or neither"))
        return self

    def resolve(self, card: ModelInfo, *, from_noise: bool = True) -> Self:
        """Return the request with everything filled in that was left to the model.

        If the model takes no text, guidance is off; if its prompts are not read by CLIP, emphasis and clip skip are
        None.

        Args:
            card: the card of the model named by ``model``.
            from_noise: whether it must start near the noisiest time (`check_start`); not if it continues from another
                state or reproduces what an earlier version made.

        Raises:
            RequestError: as `validate`, or this model cannot run it (for a size, the sentence lists those allowed).
        """
        self.validate()
        defaults = card.defaults
        size = card.sizes[0] if self.width is None or self.height is None else (self.width, self.height)
        if not makes_size(card, *size):
            raise RequestError("size", _wrong_size(card, *size))
        guidance = float(defaults.guidance if self.guidance is None else self.guidance)
        filled = replace(
            self,
            sampler=defaults.sampler if self.sampler is None else self.sampler,
            steps=defaults.steps if self.steps is None else self.steps,
            spacing=defaults.spacing if self.spacing is None else self.spacing,
            guidance=1.0 if card.text is None else guidance,
            width=size[0],
            height=size[1],
            **self._text_fields(card),
        ).validate()
        check_whole("steps", filled.steps, 1, card.T)
        if from_noise:
            check_start(card.T, filled.steps or 0, filled.spacing or "")
        options = sampler_options(filled.sampler or "", self.options)
        return replace(filled, options=dataclasses.asdict(options))

    def _text_fields(self, card: ModelInfo) -> dict[str, Any]:
        """Return the fields about how CLIP reads prompts, resolved."""
        defaults = card.text_defaults
        if defaults is None:
            return {"emphasis": None, "clip_skip": None}
        clip_skip = defaults.clip_skip if self.clip_skip is None else self.clip_skip
        if clip_skip > defaults.largest_clip_skip:
            reason = message(
                "must be 1 to {high} with the model {model}, not {value}",
                high=defaults.largest_clip_skip,
                model=repr(card.name),
                value=clip_skip,
            )
            raise RequestError("clip_skip", reason)
        return {"emphasis": self.emphasis or defaults.emphasis, "clip_skip": clip_skip}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, with the format version; the fields of `_ADDED_FIELDS` only if set."""
        values = {**strict_json.fields_of(self), "options": dict(self.options)}
        unset = [name for name in _ADDED_FIELDS if values[name] is None]
        for name in unset:
            del values[name]
        return {"version": 1 if len(unset) == len(_ADDED_FIELDS) else FORMAT_VERSION, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the validated request that `to_dict` wrote; missing fields have their defaults.

        Raises:
            RequestError: a field is unknown or wrong, or the version is not one this program reads.
        """
        return read_request(values, cls, FORMAT_VERSION).validate()

    @classmethod
    def of_picture(cls, values: Mapping[str, Any], seed: int) -> Self:
        """Return the validated request for one picture of those that `to_dict` wrote a request for.

        Args:
            values: the whole request.
            seed: of that picture.

        Raises:
            RequestError: as `from_dict`.
        """
        return replace(cls.from_dict(values), seed=seed, count=1).validate()

    def to_json(self) -> str:
        """Return the request as one line of strict JSON (ASCII, no NaN)."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the validated request that `to_json` wrote.

        Raises:
            RequestError: the text is not strict JSON (NaN and repeated names are refused), or as `from_dict`.
        """
        if len(text) > MAX_JSON:
            raise RequestError(
                "request", message("must be at most {most:,} characters of JSON", most=MAX_JSON)
            )
        with as_request_error():
            return cls.from_dict(strict_json.parse(text))


def _wrong_size(card: ModelInfo, width: int, height: int) -> Message:
    if card.size_rule is not None:
        return message(
            "{width}x{height} is not one that the model {model} makes (both sides must be multiples of {multiple} "
            "from {low} to {high})",
            width=width,
            height=height,
            model=repr(card.name),
            multiple=card.size_rule.multiple,
            low=card.size_rule.minimum,
            high=card.size_rule.maximum,
        )
    return message(
        "{width}x{height} is not one that the model {model} makes (allowed: {allowed})",
        width=width,
        height=height,
        model=repr(card.name),
        allowed=", ".join(f"{one}x{other}" for one, other in card.sizes),
    )


def count_model_calls(sampler: str, values: Mapping[str, OptionValue], steps: int, *, guided: bool) -> int:
    """Return how many backbone evaluations a picture takes.

    Args:
        sampler: a name in `SAMPLERS`.
        values: its options by name.
        steps: number of steps to take.
        guided: whether each query takes two evaluations: the guidance is not 1, and the model takes text.

    Raises:
        RequestError: as `sampler_options`.
    """
    queries: int = SAMPLERS[sampler].count_queries(sampler_options(sampler, values), steps)
    return queries * (2 if guided else 1)


def sampler_options(sampler: str, values: Mapping[str, OptionValue]) -> Options:
    """Return a sampler's options dataclass, filled from ``values``.

    Args:
        sampler: a name in `SAMPLERS`.
        values: options by name.

    Raises:
        RequestError: an option is unknown to this sampler, has the wrong type or is out of range.
    """
    options_type: type[Options] = SAMPLERS[sampler].Options
    return parse(options_type, values)


def check_known(field_name: str, name: str, known: Iterable[str]) -> None:
    """Reject a name that is not among ``known``, suggesting the closest."""
    if name not in known:
        raise UnknownNameError(field_name, name, known)
