"""A sampler's options: frozen values that check themselves and say how to show them.

    @dataclass(frozen=True, kw_only=True)
    class DDIMOptions(Options):
        eta: float = number(0.0, label="eta", help="...", minimum=0.0, maximum=1.0, step=0.05)

A window builds its controls from ``dataclasses.fields(cls)``: each field's ``metadata`` holds label and help,
and either minimum, maximum and step or choices. Imports no torch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from studio.errors import RequestError, UnknownNameError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

NumberT = TypeVar("NumberT", int, float)


def number(
    default: NumberT, *, label: str, help: str, minimum: NumberT, maximum: NumberT, step: NumberT
) -> NumberT:
    """Declare a field that holds a number; whole if ``default`` is.

    Args:
        default: the value when none is given.
        label: the control's name.
        help: one sentence for the control's tip.
        minimum: the least value allowed.
        maximum: the greatest value allowed.
        step: what one press of an arrow key changes.
    """
    metadata = {"label": label, "help": help, "minimum": minimum, "maximum": maximum, "step": step}
    return dataclasses.field(default=default, metadata=metadata)


def choice(default: str, *, label: str, help: str, choices: tuple[str, ...]) -> str:
    """Declare a field that holds one of a few names.

    Args:
        default: the value when none is given.
        label: the control's name.
        help: one sentence for the control's tip.
        choices: the names allowed.
    """
    return dataclasses.field(default=default, metadata={"label": label, "help": help, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every sampler's options: checks each field against what it was declared with.

    Raises:
        RequestError: a value is of the wrong kind, not finite or out of range; names the field.
        UnknownNameError: a name is not among the choices.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "choices" in field.metadata:
                _check_choice(field.name, value, field.metadata["choices"])
            else:
                _check_number(field.name, value, field)
                # An integer is as good as a float; keep one type, so that equal options are written alike.
                object.__setattr__(
                    self, field.name, int(value) if isinstance(field.default, int) else float(value)
                )


OptionsT = TypeVar("OptionsT", bound=Options)


def parse(cls: type[OptionsT], values: Mapping[str, object]) -> OptionsT:
    """Build options from names and values, as a command line or a file has them.

    Raises:
        UnknownNameError: the sampler has no such option.
        RequestError: a value cannot be used.
    """
    known = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in known:
            raise UnknownNameError("option", str(name), known)
    return cls(**values)


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices."""
    if not isinstance(value, str):
        raise RequestError(name, f"must be one of {', '.join(choices)}, not {shorten(str(value))}")
    if value not in choices:
        raise UnknownNameError(name, value, choices)


def _check_number(name: str, value: object, field: dataclasses.Field[object]) -> None:
    """Refuse a value that is not a number of the field's kind within its range."""
    least, most, whole = field.metadata["minimum"], field.metadata["maximum"], isinstance(field.default, int)
    kinds = (int,) if whole else (int, float)
    if (
        type(value) not in kinds or not least <= value <= most
    ):  # NaN is not within any range, a bool is no number
        kind = "a whole number" if whole else "a number"
        raise RequestError(name, f"must be {kind} from {least:g} to {most:g}, not {shorten(str(value))}")
