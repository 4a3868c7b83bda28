"""Options by name as a value. Importable without torch.

What to make: a frozen value that holds everything that matters to a picture.

A request is checked twice at the border and trusted inside. `GenerateRequest.validate` needs no model: it refuses what
no model could make. `GenerateRequest.resolve` takes a model's card, fills in what was left open (size, sampler, steps,
guidance, the sampler's options) and refuses what that model cannot make. A resolved request makes the same picture
today and later, whatever the defaults are by then.

Importable without torch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.options import Options, parse
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.checks import check_name, check_number, check_text, check_whole
from studio.errors import RequestError, UnknownNameError

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard


OptionValue = int | float | str


class OptionValues(Mapping[str, OptionValue]):
    """A sampler's options by name: a mapping that cannot change and can be hashed."""

    __slots__ = ("_items",)

    def __init__(self, values: Mapping[str, OptionValue]) -> None:
        """Copy ``values``; their order does not matter."""
        self._items = dict(sorted(values.items()))

    def __getitem__(self, name: str) -> OptionValue:
        """Return the value of the option ``name``."""
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in alphabetical order."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return how many options are set."""
        return len(self._items)

    def __hash__(self) -> int:
        """Hash the names and values."""
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        """Show it as a dict is shown."""
        return repr(self._items)


MAX_STEPS = 1000
MAX_GUIDANCE = 30.0
MAX_COUNT = 1000
MAX_SEED = 2**32 - 1
MAX_PROMPT = 2_000
MAX_SIDE_PX = 8192
MAX_JSON = 1_000_000
MAX_PATH = 4096
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """Make ``count`` pictures of ``prompt``.

    Attributes:
        prompt: what to make, any Unicode text of at most 2,000 characters; empty asks for any picture.
        negative: what to keep away from; takes the place of the empty prompt in guidance (unused at guidance 1).
        model: a name in the catalogue of models, or the path of a model's folder.
        sampler: a name in `SAMPLERS`; None is the model's default.
        options: the sampler's own options by name; those not named have their defaults.
        steps: how many times t are visited, 1 to 1000; None is the model's default.
        spacing: which t are visited, a name in `SPACINGS`; None is the model's default.
        guidance: w in ``uncond + w * (cond - uncond)``, 0 to 30, 1 is off; None is the model's default.
        seed: picture i starts from seed + i; 0 to 2^32 - 1.
        count: how many pictures, 1 to 1000.
        width: pixels; None (with ``height``) is the model's default.
        height: pixels.
    """

    prompt: str = ""
    negative: str = ""
    model: str = "starter"
    sampler: str | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    steps: int | None = None
    spacing: str | None = None
    guidance: float | None = None
    seed: int = 0
    count: int = 1
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        """Keep a copy of the options that cannot change."""
        if isinstance(self.options, Mapping):  # anything else is refused by validate()
            object.__setattr__(self, "options", OptionValues(self.options))

    def validate(self) -> Self:
        """Return the request itself if some model could run it.

        Raises:
            RequestError: a field holds what no model can use; the sentence names the field.
        """
        check_text("prompt", self.prompt, MAX_PROMPT)
        check_text("negative", self.negative, MAX_PROMPT)
        check_name("model", self.model, MAX_PATH)
        check_whole("steps", self.steps, 1, MAX_STEPS, optional=True)
        if self.spacing is not None:
            check_known("spacing", self.spacing, SPACINGS)
        check_number("guidance", self.guidance, 0, MAX_GUIDANCE, optional=True)
        check_whole("seed", self.seed, 0, MAX_SEED)
        check_whole("count", self.count, 1, MAX_COUNT)
        if self.seed + self.count - 1 > MAX_SEED:
            raise RequestError(
                "seed", f"must be at most {MAX_SEED - self.count + 1} for a count of {self.count}"
            )
        if (self.width is None) != (self.height is None):
            missing = "height" if self.height is None else "width"
            raise RequestError(missing, "is missing: give both width and height, or neither")
        check_whole("width", self.width, 1, MAX_SIDE_PX, optional=True)
        check_whole("height", self.height, 1, MAX_SIDE_PX, optional=True)
        if not isinstance(self.options, Mapping):
            raise RequestError("options", "must be names with values")
        if self.sampler is not None:
            check_known("sampler", self.sampler, SAMPLERS)
            sampler_options(self.sampler, self.options)
        return self

    def resolve(self, card: ModelCard) -> Self:
        """Return the request with everything filled in that was left to the model.

        Where the model takes no text, guidance is off: there is nothing to guide by.

        Args:
            card: the card of the model named by ``model``.

        Raises:
            RequestError: as `validate`, or the model cannot do it (the sentence lists the sizes it allows).
        """
        self.validate()
        defaults = card.defaults
        size = card.sizes[0] if self.width is None or self.height is None else (self.width, self.height)
        if size not in card.sizes:
            allowed = ", ".join(f"{width}x{height}" for width, height in card.sizes)
            wanted = f"{size[0]}x{size[1]}"
            raise RequestError(
                "size", f"{wanted} is not one that the model {card.name!r} makes (allowed: {allowed})"
            )
        guidance = float(defaults.guidance if self.guidance is None else self.guidance)
        filled = replace(
            self,
            sampler=defaults.sampler if self.sampler is None else self.sampler,
            steps=defaults.steps if self.steps is None else self.steps,
            spacing=defaults.spacing if self.spacing is None else self.spacing,
            guidance=1.0 if card.text is None else guidance,
            width=size[0],
            height=size[1],
        ).validate()
        times = card.schedule.config.get("T", MAX_STEPS)
        if isinstance(times, int):
            check_whole("steps", filled.steps, 1, times)
        options = sampler_options(filled.sampler or "", self.options)
        return replace(filled, options=dataclasses.asdict(options))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, with the version of this format."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {"version": FORMAT_VERSION, **fields, "options": dict(self.options)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the validated request that `to_dict` wrote; fields that are not named have their defaults.

        Raises:
            RequestError: a field is unknown or wrong, or the version is not one this program reads.
        """
        values = dict(values)
        version = values.pop("version", FORMAT_VERSION)
        if type(version) is not int or version != FORMAT_VERSION:
            raise RequestError(
                "version", f"must be {FORMAT_VERSION}; a newer program may have written this request"
            )
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            check_known("field", name, known)
        return cls(**values).validate()

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
            raise RequestError("request", f"must be at most {MAX_JSON:,} characters of JSON")
        try:
            values = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated)
        except RequestError:
            raise
        except (ValueError, RecursionError) as error:
            raise RequestError("request", "is not valid JSON") from error
        if not isinstance(values, dict):
            raise RequestError("request", "must be a JSON object")
        return cls.from_dict(values)


def sampler_options(sampler: str, values: Mapping[str, OptionValue]) -> Options:
    """Return the sampler's own options dataclass, filled from ``values``.

    Args:
        sampler: a name in `SAMPLERS`.
        values: options by name.

    Raises:
        RequestError: an option is not one of this sampler's, has the wrong type or is out of range.
    """
    options_type: type[Options] = SAMPLERS[sampler].Options
    return parse(options_type, values)


def check_known(field_name: str, name: object, known: Mapping[str, object] | list[str]) -> None:
    """Refuse a name that is not among ``known``, offering the nearest."""
    if not isinstance(name, str):
        raise RequestError(field_name, "must be a name")
    if name not in known:
        raise UnknownNameError(field_name, name, known)


def _refuse_constant(text: str) -> object:
    raise RequestError("request", f"holds {text}, which is not a JSON number")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise RequestError("request", "names a field twice")
    return values
