"""A sampler's options: frozen dataclasses that validate themselves and describe their own controls.

    @dataclass(frozen=True, kw_only=True)
    class DDIMOptions(Options):
        eta: float = number(0.0, label=message("Eta"), help=message("..."), minimum=0.0, maximum=1.0, step=0.05)

A window builds its controls from ``dataclasses.fields(cls)``: the ``metadata`` of a field holds ``label`` and
``help``, and either ``minimum``, ``maximum`` and ``step`` or ``choices``. Imports no torch.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from studio.errors import UnknownNameError
from studio.strict_json import InvalidJsonError, convert, fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.messages import Message

NumberT = TypeVar("NumberT", int, float)


def number(
    default: NumberT, *, label: Message, help: Message, minimum: NumberT, maximum: NumberT, step: NumberT
) -> NumberT:
    """Declare a field that holds a number; an integer if ``default`` is one.

    Args:
        default: the value of an option that is not given.
        label: the name of the control.
        help: one sentence for the control's tooltip.
        minimum: the smallest value allowed.
        maximum: the largest value allowed.
        step: how much one press of an arrow key changes the value.
    """
    metadata = {"label": label, "help": help, "minimum": minimum, "maximum": maximum, "step": step}
    return dataclasses.field(default=default, metadata=metadata)


def choice(default: str, *, label: Message, help: Message, choices: tuple[str, ...]) -> str:
    """Declare a field that holds one of a few names.

    Args:
        default: the value of an option that is not given.
        label: the name of the control.
        help: one sentence for the control's tooltip.
        choices: the names allowed.
    """
    return dataclasses.field(default=default, metadata={"label": label, "help": help, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base class of all sampler options. Validates each field against its declaration.

    Raises:
        RequestError: a value has the wrong type, is not finite or is out of range; names the field.
        UnknownNameError: a name is not among the choices.
    """

    def __post_init__(self) -> None:
        try:
            checked = convert(fields_of(self), _checked(type(self)))  # type: ignore[arg-type]  # types are hashable
        except InvalidJsonError as error:
            raise error.of_request() from error
        for name in checked.__struct_fields__:
            # 1 and 1.0 are both accepted for a float; store one type, so that equal options are written alike.
            object.__setattr__(self, name, getattr(checked, name))


@functools.cache
def _checked(cls: type[Options]) -> type[msgspec.Struct]:
    """Return a structure with the fields of ``cls`` and the limits that they are declared with."""
    return msgspec.defstruct(
        cls.__name__, [(field.name, _type_of(field)) for field in dataclasses.fields(cls)]
    )


def _type_of(field: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - an annotation
    if "choices" in field.metadata:
        return Literal[field.metadata["choices"]]
    limits = msgspec.Meta(ge=field.metadata["minimum"], le=field.metadata["maximum"])
    return Annotated[type(field.default), limits]


OptionsT = TypeVar("OptionsT", bound=Options)


def parse(cls: type[OptionsT], values: Mapping[str, object]) -> OptionsT:
    """Build options from names and values, as they come from a command line or a file.

    Raises:
        UnknownNameError: the sampler has no such option.
        RequestError: a value is not valid.
    """
    known = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in known:
            raise UnknownNameError("option", str(name), known)
    return cls(**values)
