"""From the JSON of a card to the arguments of what it describes, by the types these declare. Torch-free.

A configuration may be well typed and still ask for a network of gigabytes or of 100,000 layers, so every number has
a cap. What passes here is then built without memory and compared with the file before anything is allocated.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studio.checkpoints.strict import Fields, quoted

if TYPE_CHECKING:
    from pathlib import Path

MAX_WHOLE = 4096
MAX_WHOLE_OF = {
    "T": 10_000,
    "buckets": 65_536,
    "words": 1024,
    "ngrams": 128,
    "layers": 64,
    "depth": 64,
    "blocks": 8,
}
"""Caps of fields, by name, that differ from `MAX_WHOLE`: tables are longer than layers are wide, stacks shorter."""
MAX_NUMBER = 1e6
MAX_ITEMS = 8
MAX_TEXT = 100


def arguments(target: Callable[..., object], values: object, path: Path, where: str) -> dict[str, Any]:
    """Return the keyword arguments for ``target`` that a JSON object spells.

    Args:
        target: a frozen dataclass or a function whose parameters are annotated with bool, int, float, str, or
            tuples of these.
        values: the JSON object.
        path: the file, for the sentence.
        where: the field of that file, likewise.

    Raises:
        CheckpointError: a parameter is unknown, lacking, of another type or beyond its cap.
    """
    fields = Fields(values, path, where)
    hints = typing.get_type_hints(target)
    given = values.keys() if isinstance(values, Mapping) else ()
    taken: dict[str, Any] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if name in given or parameter.default is inspect.Parameter.empty:
            taken[name] = _typed(fields, name, fields.take(name), hints[name])
    fields.finish()
    return taken


def _typed(fields: Fields, name: str, value: object, kind: Any) -> object:  # noqa: ANN401 - a type's annotation
    one = Fields({name: value}, fields.path, fields.where)
    if kind is bool:
        return one.flag(name)
    if kind is int:
        return one.whole(name, 0, MAX_WHOLE_OF.get(name, MAX_WHOLE))
    if kind is float:
        return one.number(name, -MAX_NUMBER, MAX_NUMBER)
    if kind is str:
        return one.text(name, MAX_TEXT)
    items = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return _items(fields, name, value, items)
    if typing.get_origin(kind) in (types.UnionType, typing.Union) and type(None) in items:
        (other,) = (item for item in items if item is not type(None))
        return None if value is None else _typed(fields, name, value, other)
    raise TypeError(f"{name}: {kind} is not a type that a configuration may have")


def _items(fields: Fields, name: str, value: object, kinds: tuple[Any, ...]) -> tuple[object, ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        raise fields.refuse(name, f"must be a list of at most {MAX_ITEMS} items, not {quoted(value)}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise fields.refuse(name, f"must be a list of {len(kinds)} items")
    return tuple(_typed(fields, name, item, kind) for item, kind in zip(value, kinds, strict=True))
