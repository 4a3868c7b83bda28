"""The settings that can be swept: what each is called, how its values are read, and those it is usually tried with.

Knows no Qt.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.errors import RequestError, UnknownNameError
from studio.ui.jobs.run_settings import with_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.checkpoints.card import ModelCard
    from studio.ui.jobs.run_settings import FormValues

    CardOf = Callable[[str], ModelCard]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One setting.

    Attributes:
        title: what it is called.
        read: returns the value that a text means. Raises ValueError or RequestError.
        usual: the values it is tried with, as a text.
        sampler: the sampler whose option it is; "" where it is a setting of any run.
        option: the option's name.
    """

    title: str
    read: Callable[[str], Any]
    usual: str
    sampler: str = ""
    option: str = ""

    def put(self, values: FormValues, name: str, value: Any, card_of: CardOf) -> FormValues:  # noqa: ANN401 - as FormValues has them
        """Return ``values`` with this setting at ``value``.

        Raises:
            RequestError: the model is not here, or another sampler is chosen than the one whose option this is.
        """
        if name == "model":
            return with_model(values, card_of(values.model), card_of(str(value)), str(value))
        if not self.sampler:
            return dataclasses.replace(values, **{name: value})
        if values.sampler != self.sampler:
            raise RequestError(
                self.title, f"is of another sampler than {SAMPLERS[values.sampler].title}; choose that one"
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
                title=f"{sampler.title}: {option.metadata['label']}",
                read=_reader(option),
                usual=_usual(option),
                sampler=name,
                option=option.name,
            )
    return found


FIELDS: dict[str, Field] = {
    "steps": Field(title="Steps", read=int, usual="5, 10, 20, 40"),
    "guidance": Field(title="Guidance", read=float, usual="1, 2, 4, 8"),
    "seed": Field(title="Seed", read=int, usual="1, 2, 3, 4"),
    "sampler": Field(title="Sampler", read=_sampler, usual="ddpm, ddim"),
    "spacing": Field(title="Spacing", read=_spacing, usual=", ".join(SPACINGS)),
    "prompt": Field(title="Prompt", read=str, usual="a fox, a red apple, an owl"),
    "negative": Field(title="Negative prompt", read=str, usual="blue, red"),
    "model": Field(title="Model", read=str, usual="starter"),
    **_options(),
}
