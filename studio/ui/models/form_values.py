"""What stands in the form: a value, how it is kept as JSON, and the request it makes. Knows no Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.checks import check_name, check_number, check_text, check_whole
from studio.engine.option_values import OptionValue, OptionValues
from studio.engine.requests import (
    MAX_COUNT,
    MAX_GUIDANCE,
    MAX_PATH,
    MAX_PROMPT,
    MAX_SEED,
    MAX_SIDE_PX,
    MAX_STEPS,
    GenerateRequest,
    check_known,
    sampler_options,
)
from studio.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

SUGGESTION = "a fox on a teal background"
"""The prompt of the first start."""


@dataclass(frozen=True, kw_only=True)
class FormValues:
    """Everything the form holds.

    Attributes:
        prompt: what to make.
        negative: what to keep away from.
        model: the model's name; "" where there is no model at all.
        sampler: a name in `SAMPLERS`.
        options: by sampler, what was set of its own options; each sampler's are kept while another is chosen.
        steps: how many times are visited.
        guidance: 1 is off.
        spacing: which times are visited.
        seed: of the first picture.
        seed_locked: whether Generate keeps the seed.
        seed_used: whether a picture was asked for with this seed; unless it is locked, the next takes a new one.
        width: pixels.
        height: pixels.
        count: how many pictures.
    """

    prompt: str = ""
    negative: str = ""
    model: str = ""
    sampler: str = "ddim"
    options: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict, hash=False)
    steps: int = 30
    guidance: float = 3.0
    spacing: str = "trailing"
    seed: int = 0
    seed_locked: bool = False
    seed_used: bool = False
    width: int = 64
    height: int = 64
    count: int = 1

    def __post_init__(self) -> None:
        """Keep a copy of the options that cannot change."""
        copies = {name: OptionValues(values) for name, values in self.options.items()}
        object.__setattr__(self, "options", MappingProxyType(copies))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def options_of(self, sampler: str) -> dict[str, OptionValue]:
        """Return all options of a sampler by name, those not set with their defaults.

        Raises:
            RequestError: one holds a value that the sampler does not take.
        """
        return dataclasses.asdict(sampler_options(sampler, self.options.get(sampler, {})))

    def request(self) -> GenerateRequest:
        """Return the request these values make; whether it can be run is for the request to say."""
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
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON values."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {**fields, "options": {name: dict(values) for name, values in self.options.items()}}


def read_values(saved: Mapping[str, Any], base: FormValues) -> FormValues:
    """Return the values that `FormValues.to_dict` wrote; each that cannot be used is that of ``base``.

    Args:
        saved: JSON values of any kind, from a file that may be old or broken.
        base: what stands where ``saved`` says nothing of use.
    """
    taken: dict[str, Any] = {}
    for name, check in _CHECKS.items():
        try:
            check(name, saved[name])
        except (KeyError, RequestError):
            continue
        taken[name] = saved[name]
    if not {"width", "height"} <= taken.keys():
        taken.pop("width", None)
        taken.pop("height", None)
    if "guidance" in taken:
        taken["guidance"] = float(taken["guidance"])
    return dataclasses.replace(base, **taken, options=_read_options(saved.get("options")))


def _read_options(saved: object) -> dict[str, dict[str, OptionValue]]:
    """Return by sampler those options that it takes."""
    options: dict[str, dict[str, OptionValue]] = {}
    for sampler, values in saved.items() if isinstance(saved, Mapping) else ():
        for name, value in values.items() if isinstance(values, Mapping) and sampler in SAMPLERS else ():
            try:
                options_now = dataclasses.asdict(sampler_options(sampler, {name: value}))
            except RequestError:
                continue
            options.setdefault(sampler, {})[name] = options_now[name]
    return options


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise RequestError(name, "must be true or false")


def _whole(least: int, most: int) -> Callable[[str, object], None]:
    return lambda name, value: check_whole(name, value, least, most)


def _text(name: str, value: object) -> None:
    check_text(name, value, MAX_PROMPT)


_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "prompt": _text,
    "negative": _text,
    "model": lambda name, value: check_name(name, value, MAX_PATH),
    "sampler": lambda name, value: check_known(name, value, SAMPLERS),
    "steps": _whole(1, MAX_STEPS),
    "guidance": lambda name, value: check_number(name, value, 0, MAX_GUIDANCE),
    "spacing": lambda name, value: check_known(name, value, SPACINGS),
    "seed": _whole(0, MAX_SEED),
    "seed_locked": _flag,
    "seed_used": _flag,
    "width": _whole(1, MAX_SIDE_PX),
    "height": _whole(1, MAX_SIDE_PX),
    "count": _whole(1, MAX_COUNT),
}
