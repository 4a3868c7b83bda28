"""The settings of a run in the form: the values, the rules between them, and their request.

Values come from the user, a model's defaults or a picture's request. Imports no Qt.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.checks import Seed  # noqa: TC001 - msgspec reads the annotations
from studio.engine.requests.generate import (
    MAX_STEPS,
    ClipSkip,
    Count,
    GenerateRequest,
    Guidance,
    ModelName,
    OptionValue,
    OptionValues,
    Prompt,
    Side,
    Steps,
    sampler_options,
)
from studio.errors import RequestError
from studio.families.interface import makes_size
from studio.prompts.emphasis import Emphasis  # noqa: TC001 - msgspec reads the annotations
from studio.prompts.syntax import parse
from studio.strict_json import fields_of, one_of, usable_fields
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtCore import SignalInstance

    from studio.families.interface import ModelInfo, Size


SUGGESTION = "a fox on a teal background"
"""The prompt of the first start."""


@dataclass(frozen=True, kw_only=True)
class FormValues:
    """The values of the form.

    Attributes:
        prompt: the prompt.
        negative: the negative prompt.
        model: the model's name; "" if no model is installed.
        sampler: a name in `SAMPLERS`.
        options: the options that were set, by sampler; a sampler keeps them while another one is chosen.
        steps: the number of denoising steps.
        guidance: the guidance weight; 1 is off.
        spacing: a name in `SPACINGS`.
        seed: of the first picture.
        seed_locked: whether Generate keeps the seed.
        seed_used: whether this seed was already used; unless it is locked, the next request gets a new one.
        width: pixels.
        height: pixels.
        count: the number of pictures.
        emphasis: the rule for weights in prompts, for models that read them with CLIP; None is the model's default.
        clip_skip: which layer's output of CLIP is used, as A1111 counts; None is the model's default.
    """

    prompt: Prompt = ""
    negative: Prompt = ""
    model: ModelName = ""
    sampler: Annotated[str, one_of(SAMPLERS)] = "ddim"
    options: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict, hash=False)
    steps: Steps = 30
    guidance: Guidance = 3.0
    spacing: Annotated[str, one_of(SPACINGS)] = "trailing"
    seed: Seed = 0
    seed_locked: bool = False
    seed_used: bool = False
    width: Side = 64
    height: Side = 64
    count: Count = 1
    emphasis: Emphasis | None = None
    clip_skip: ClipSkip | None = None

    def __post_init__(self) -> None:
        """Replace the options by an immutable copy."""
        copies = {name: OptionValues(values) for name, values in self.options.items()}
        object.__setattr__(self, "options", MappingProxyType(copies))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def options_of(self, sampler: str) -> dict[str, OptionValue]:
        """Return all options of a sampler by name; unset ones have their defaults.

        Raises:
            RequestError: an option has an invalid value.
        """
        return dataclasses.asdict(sampler_options(sampler, self.options.get(sampler, {})))

    def request(self) -> GenerateRequest:
        """Return the request of these values. It is validated when it is resolved for a model."""
        return GenerateRequest(
            prompt=self.prompt,
            negative=self.negative,
            model=self.model,
            sampler=self.sampler,
            options=self.options.get(self.sampler, {}),
            steps=self.steps,
            spacing=self.spacing,
            guidance=self.guidance,
            seed=self.seed,
            count=self.count,
            width=self.width,
            height=self.height,
            emphasis=self.emphasis,
            clip_skip=self.clip_skip,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON values."""
        options = {name: dict(values) for name, values in self.options.items()}
        return {**fields_of(self), "options": options}


class RunSettings(Protocol):
    """Read access to the form for other features; `studio.ui.create.form_model.FormModel` implements it."""

    @property
    def values(self) -> FormValues: ...

    @property
    def card(self) -> ModelInfo | None:
        """The card of the chosen model; None if the model is not installed or broken."""

    @property
    def changed(self) -> SignalInstance: ...


def read_values(saved: Mapping[str, Any], base: FormValues) -> FormValues:
    """Return the values that `FormValues.to_dict` wrote, with invalid or missing ones taken from ``base``.

    Args:
        saved: any JSON values, from a file that may be old or broken.
        base: the fallback values.
    """
    usable = usable_fields(saved, FormValues)
    if not {"width", "height"} <= usable.keys():
        usable.pop("width", None)
        usable.pop("height", None)
    return dataclasses.replace(base, **usable | {"options": _read_options(saved.get("options"))})


def _read_options(saved: object) -> dict[str, dict[str, OptionValue]]:
    """Return the valid options by sampler."""
    options: dict[str, dict[str, OptionValue]] = {}
    for sampler, values in saved.items() if isinstance(saved, Mapping) else ():
        for name, value in values.items() if isinstance(values, Mapping) and sampler in SAMPLERS else ():
            try:
                options_now = dataclasses.asdict(sampler_options(sampler, {name: value}))
            except RequestError:
                continue
            options.setdefault(sampler, {})[name] = options_now[name]
    return options


def first_values(card: ModelInfo | None, seed: int) -> FormValues:
    """Return the values of the form at the first start.

    Args:
        card: the default model, None if there is none.
        seed: a random seed.
    """
    values = FormValues(prompt=SUGGESTION, seed=seed)
    if card is None:
        return values
    return replace(values, model=card.name, **_defaults(card))


def most_steps(card: ModelInfo | None) -> int:
    """Return the largest number of steps for a model: the number of times of its schedule."""
    return MAX_STEPS if card is None else min(card.T, MAX_STEPS)


def takes_text(card: ModelInfo | None) -> bool:
    """Whether the model takes a prompt; True if the model is unknown."""
    return card is None or card.text is not None


_RATIOS: Final = ((1, 1), (4, 3), (3, 2), (16, 9), (2, 1), (21, 9))
"""The aspect ratios that pictures and screens usually have."""


def aspect_ratio(size: Size) -> str:
    """Return the usual aspect ratio that is nearest to that of ``size``, such as "3:2" or "2:3"."""
    width, height = size
    shape = _shape(size)
    long, short = min(_RATIOS, key=lambda ratio: abs(math.log(ratio[0] / ratio[1]) - abs(shape)))
    return f"{long}:{short}" if width >= height else f"{short}:{long}"


def nearest_in_shape(size: Size, sizes: Iterable[Size]) -> Size:
    """Return the one of ``sizes`` whose aspect ratio is nearest to that of ``size``; of several, the first."""
    return min(sizes, key=lambda other: abs(_shape(other) - _shape(size)))


def fitting_size(size: Size, card: ModelInfo) -> Size:
    """Return ``size`` if the model makes it, else the nearest that it makes, or its default size if none is near."""
    rule = card.size_rule
    if makes_size(card, *size):
        return size
    if rule is not None and all(rule.minimum <= side <= rule.maximum for side in size):
        return rule.nearest(size[0]), rule.nearest(size[1])
    return card.sizes[0]


def size_for_model(size: Size, old: ModelInfo | None, new: ModelInfo) -> Size:
    """Return the size to use after another model was chosen.

    A size that the old model was trained at becomes one of the new model's, of about the same shape: pictures that are
    much larger than those a model was trained on repeat things.
    """
    if new.size_rule is not None and old is not None and size in old.sizes and size not in new.sizes:
        return nearest_in_shape(size, new.sizes)
    return fitting_size(size, new)


def _shape(size: Size) -> float:
    """Return the logarithm of the aspect ratio, so that 3:2 and 2:3 are as far from a square."""
    return math.log(size[0] / size[1])


def reads_with_clip(card: ModelInfo | None) -> bool:
    """Whether the model reads prompts with CLIP, as artists write them for Stable Diffusion."""
    return card is not None and card.text_defaults is not None


def resolved(values: FormValues, card: ModelInfo) -> GenerateRequest:
    """Return the request of ``values`` for a model, with everything filled in.

    Raises:
        RequestError: the model cannot run it, or a prompt has syntax that this program does not have.
    """
    request = values.request().resolve(card)
    check_prompts(card, request.prompt, request.negative if request.guidance != 1.0 else "")
    return request


def check_prompts(card: ModelInfo, prompt: str, negative: str) -> None:
    """Check that a model can read its prompts.

    Raises:
        RequestError: a prompt has syntax that this program does not have.
    """
    if reads_with_clip(card):
        parse(prompt)
        parse(negative, "negative")


def fitted(values: FormValues, card: ModelInfo | None) -> FormValues:
    """Return the values with unsupported ones (size, steps, clip skip) replaced by ones that the model supports."""
    if card is None:
        return values
    width, height = fitting_size(values.size, card)
    steps, skip = min(values.steps, most_steps(card)), values.clip_skip
    text = card.text_defaults
    if text is not None and skip is not None and skip > text.largest_clip_skip:
        skip = None
    return replace(values, steps=steps, width=width, height=height, clip_skip=skip)


def with_model(values: FormValues, old: ModelInfo | None, new: ModelInfo | None, name: str) -> FormValues:
    """Return the values after another model was chosen.

    Values equal to the old model's defaults become the new one's; values that the user set stay if supported.
    """
    values = replace(values, model=name)
    if new is None:
        return values
    before = {} if old is None else _defaults(old)
    moved = {key: value for key, value in _defaults(new).items() if before.get(key) == getattr(values, key)}
    if not {"width", "height"} <= moved.keys():  # a size is one value
        moved["width"], moved["height"] = size_for_model(values.size, old, new)
    return fitted(replace(values, **moved), new)


def with_request(
    values: FormValues, request: GenerateRequest, card: ModelInfo | None
) -> tuple[FormValues, str]:
    """Return the values that repeat a request, and a sentence naming what the model cannot do; usually "".

    Args:
        values: the current values.
        request: such as a picture's; fields that it leaves open get the model's defaults.
        card: of the request's model, None if that model is not installed.
    """
    defaults = _defaults(card) if card is not None else {}
    wanted: dict[str, Any] = {
        "prompt": request.prompt,
        "negative": request.negative,
        "model": request.model,
        "sampler": request.sampler or defaults.get("sampler", values.sampler),
        "steps": request.steps or defaults.get("steps", values.steps),
        "guidance": defaults.get("guidance", values.guidance)
        if request.guidance is None
        else request.guidance,
        "spacing": request.spacing or defaults.get("spacing", values.spacing),
        "width": request.width or defaults.get("width", values.width),
        "height": request.height or defaults.get("height", values.height),
        "seed": request.seed,
        "seed_locked": False,
        "seed_used": False,
        "count": request.count,
        **_text_values(values, request, card),
    }
    options = {**values.options, wanted["sampler"]: request.options}
    requested = replace(values, **wanted, options=options)
    supported = fitted(requested, card)
    return supported, _unsupported(requested, supported)


def _text_values(values: FormValues, request: GenerateRequest, card: ModelInfo | None) -> dict[str, Any]:
    """Return how CLIP reads the prompts of a request; the model's defaults as None, so that they follow the model."""
    text = None if card is None else card.text_defaults
    if text is None:
        return {"emphasis": values.emphasis, "clip_skip": values.clip_skip}
    return {
        "emphasis": None if request.emphasis == text.emphasis else request.emphasis,
        "clip_skip": None if request.clip_skip == text.clip_skip else request.clip_skip,
    }


def _unsupported(requested: FormValues, supported: FormValues) -> str:
    if requested.size != supported.size:
        return tr(
            "{model} cannot make pictures of {asked} pixels; the size is now {size}.",
            model=supported.model,
            asked=f"{requested.width} × {requested.height}",
            size=f"{supported.width} × {supported.height}",
        )
    if requested.steps != supported.steps:
        return tr(
            "{model} takes at most {most} steps, not {asked}.",
            model=supported.model,
            most=supported.steps,
            asked=requested.steps,
        )
    return ""


def _defaults(card: ModelInfo) -> dict[str, Any]:
    width, height = card.sizes[0]
    return {
        "sampler": card.defaults.sampler,
        "steps": card.defaults.steps,
        "guidance": float(card.defaults.guidance),
        "spacing": card.defaults.spacing,
        "width": width,
        "height": height,
    }


def calls_per_step(sampler: str, values: FormValues) -> int:
    """Return the sampler queries of every step but the last, with the sampler's options in ``values``."""
    options = sampler_options(sampler, values.options.get(sampler, {}))
    count = SAMPLERS[sampler].count_queries
    return count(options, 3) - count(options, 2)
