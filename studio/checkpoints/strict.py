"""JSON from a stranger: read strictly, refused in one plain sentence. Standard library only.

`parse` refuses what Python's reader lets through (a name given twice, NaN, numbers of 5,000 digits, nesting
without end). `Fields` then takes an object apart: every field is asked for by name and type, and what was not
asked for is refused. `frozen` and `thawed` turn JSON values into ones that cannot change, and back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio import strict_json
from studio.errors import CheckpointError
from studio.strict_json import is_showable as showable
from studio.strict_json import quoted, unshowable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Fields", "frozen", "parse", "quoted", "showable", "thawed"]

MAX_DEPTH = 8
MAX_NESTING = strict_json.MAX_DEPTH
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse(data: bytes, path: Path, *, part: str = "") -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return the value that ``data`` spells in JSON.

    Args:
        data: UTF-8.
        path: the file, for the sentence.
        part: put before the reason, such as "has a header that ".

    Raises:
        CheckpointError: it is not strict JSON.
    """
    try:
        return strict_json.parse(data)
    except strict_json.InvalidJsonError as error:
        raise CheckpointError(path, f"{part}{error.reason}") from error


def frozen(value: object, path: Path, where: str, depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401
    """Return a JSON value made of read-only mappings and tuples.

    Raises:
        CheckpointError: it is not a JSON value, or nests deeper than ``depth``.
    """
    if depth < 0:
        raise CheckpointError(path, f"nests {where!r} too deeply")
    if isinstance(value, Mapping):
        for name in value:
            _check_text(name, path, where)
        return MappingProxyType({name: frozen(item, path, where, depth - 1) for name, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(item, path, where, depth - 1) for item in value)
    if isinstance(value, str):
        _check_text(value, path, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise CheckpointError(path, f"holds {value} in {where!r}, which is not a number")
    elif value is not None and not isinstance(value, bool | int | float):
        raise CheckpointError(path, f"holds {quoted(value)} in {where!r}, which JSON cannot hold")
    return value


def thawed(value: object) -> Any:  # noqa: ANN401
    """Return what `frozen` froze as dicts and lists."""
    if isinstance(value, Mapping):
        return {name: thawed(item) for name, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, list | tuple) else value


def _check_text(value: object, path: Path, where: str) -> None:
    if not isinstance(value, str):
        raise CheckpointError(path, f"names something in {where!r} by {quoted(value)}, which is no text")
    if found := unshowable(value):
        raise CheckpointError(path, f"holds a character in {where!r} that cannot be shown: {found!a}")


class Fields:
    """The fields of one JSON object, taken out one by one; each refusal names the field."""

    def __init__(self, value: object, path: Path, where: str = "") -> None:
        """Take the object and where it lies: the file, and within it the field (empty: the whole file)."""
        self.path, self.where = path, where
        if not isinstance(value, Mapping):
            raise CheckpointError(path, f"must hold a JSON object{f' in {where!r}' if where else ''}")
        self._left = dict(value)

    def refuse(self, name: str, reason: str) -> CheckpointError:
        """Return the error for the field ``name``; the reason is a clause such as "must be text"."""
        return CheckpointError(self.path, f"has a wrong field: {self._place(name)} {reason}")

    def _place(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def take(self, name: str) -> Any:  # noqa: ANN401
        """Return the field's value, whatever it is."""
        if name not in self._left:
            raise CheckpointError(self.path, f"lacks the field {self._place(name)!r}")
        return self._left.pop(name)

    def text(self, name: str, limit: int = 200, *, empty: bool = False) -> str:
        """Return a text of 1 to ``limit`` characters (or none, where ``empty``)."""
        value = self.take(name)
        if not isinstance(value, str) or len(value) > limit or not (value.strip() or empty):
            raise self.refuse(name, f"must be text of {'at most' if empty else '1 to'} {limit:,} characters")
        _check_text(value, self.path, self._place(name))
        return value

    def sha256(self, name: str, *, empty: bool = False) -> str:
        """Return a hash in lower-case hexadecimal (or nothing, where ``empty``)."""
        value = self.text(name, 64, empty=empty)
        if not (_SHA256.fullmatch(value) or (empty and not value)):
            raise self.refuse(name, "must be 64 lower-case hexadecimal digits")
        return value

    def whole(self, name: str, minimum: int, maximum: int) -> int:
        """Return a whole number from ``minimum`` to ``maximum``."""
        value = self.take(name)
        if type(value) is not int or not minimum <= value <= maximum:
            span = f"{minimum:,} to {maximum:,}"
            raise self.refuse(name, f"must be a whole number from {span}, not {quoted(value)}")
        return value

    def number(self, name: str, minimum: float, maximum: float) -> float:
        """Return a number from ``minimum`` to ``maximum`` as a float; NaN is outside."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self.refuse(name, f"must be a number from {minimum:g} to {maximum:g}, not {quoted(value)}")
        return float(value)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.refuse(name, f"must be true or false, not {quoted(value)}")
        return value

    def choice(self, name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
        """Return one of the known names."""
        value = self.take(name)
        if not isinstance(value, str) or value not in known:
            raise self.refuse(name, f"must be one of {', '.join(known)}, not {quoted(value)}")
        return value

    def mapping(self, name: str, *, optional: bool = False) -> Mapping[str, Any]:
        """Return a JSON object that cannot change; where it is ``optional`` and lacking, an empty one."""
        value = {} if optional and name not in self._left else self.take(name)
        if not isinstance(value, Mapping):
            raise self.refuse(name, "must be a JSON object")
        return frozen(value, self.path, self._place(name))  # type: ignore[no-any-return]

    def wholes(self, name: str, count: int, minimum: int, maximum: int) -> tuple[int, ...]:
        """Return exactly ``count`` whole numbers from ``minimum`` to ``maximum``."""
        value = self.take(name)
        good = isinstance(value, list | tuple) and len(value) == count
        if not good or not all(type(item) is int and minimum <= item <= maximum for item in value):
            raise self.refuse(name, f"must be {count} whole numbers from {minimum:,} to {maximum:,}")
        return tuple(value)

    def finish(self) -> None:
        """Refuse what was not asked for."""
        if self._left:
            name = next(iter(self._left))
            place = quoted(self._place(name) if isinstance(name, str) else name)
            raise CheckpointError(self.path, f"has the field {place}, which this program does not know")
