"""Strict parsing of untrusted JSON, with one-sentence errors.

`parse` decodes text and rejects what Python's decoder accepts: duplicate names, NaN, numbers of 5,000 digits and, on
every version of Python, deep nesting. `convert` converts the result to a declared type, whose annotations contain the
limits (`msgspec.Meta`); unknown fields are rejected. `convert_fields` does the same for the fields of a dataclass that
the program itself constructs. All raise `InvalidJsonError`, which names the field. `read_file` does all of this for a
file and raises a `StorageError` or the error that the caller chooses.

The error sentence is derived from the annotation ("must be a whole number from 1 to 9, not 12"), unless that contains
one: ``Meta(pattern=..., extra=must(message("must be a name in lower case")))``. `text_up_to`, `one_of` and `SHA256`
are predefined annotations.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from studio.errors import RequestError, StorageError, StudioError, UnknownNameError, shorten
from studio.messages import Message, message
from studio.storage import read_small

if TYPE_CHECKING:
    from pathlib import Path

MAX_DIGITS = 25
MAX_DEPTH = 100
"""Maximum nesting depth of objects and lists; checked before anything is decoded."""

T = TypeVar("T")

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*+"?', re.DOTALL)
_ONE_BRACKET = bytes.maketrans(b"{}", b"[]")
_PLAIN = {str, bool, type(None)}
_LARGE = 2**63  # from here on msgspec cannot limit whole numbers
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
UNSHOWABLE = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""For a character class of a regular expression: control characters, lone surrogates and bidirectional controls."""
LINE = rf"\A[^\s{UNSHOWABLE}]+(?: [^\s{UNSHOWABLE}]+)*\Z"
"""The pattern of a single line of displayable text: words separated by single spaces."""
_UNSHOWABLE_CHARACTER = re.compile(f"[{UNSHOWABLE}]")


class InvalidJsonError(Exception):
    """Why a JSON text or value was rejected.

    Attributes:
        field: the path of the field, such as "defaults.steps"; "" for the whole value.
        reason: a clause, such as "must be a whole number from 1 to 9, not 12".
        kind: "text" for invalid JSON, "missing" and "unknown" for fields, "newer" for a file that a newer version of
            the program wrote, else "wrong".
        known: for an unknown field the known fields; for an unknown name the known names.
        value: the rejected value.
    """

    def __init__(
        self,
        field: str,
        reason: Message,
        kind: Literal["text", "missing", "unknown", "newer", "wrong"] = "wrong",
        known: Iterable[str] = (),
        value: object = None,
    ) -> None:
        super().__init__(field, reason)
        self.field, self.reason, self.kind = field, reason, kind
        self.known, self.value = tuple(known), value

    def of_file(self) -> Message:
        """Return the reason as a clause about a file."""
        match self.kind:
            case "text" | "newer":
                return self.reason
            case "missing":
                return message("lacks the field {field!r}", field=self.field)
            case "unknown":
                return message(
                    "has the field {field}, which this program does not know", field=quoted(self.field)
                )
            case "wrong" if self.field:
                return message("has an invalid field: {field} {reason}", field=self.field, reason=self.reason)
            case _:
                return self.reason

    def of_request(self, whole: str = "request") -> RequestError:
        """Return the error for a field of a request; for an unknown name it suggests the closest known one.

        Args:
            whole: the name used if the error concerns no single field.
        """
        if self.kind == "unknown":
            return UnknownNameError("field", self.field, self.known)
        if self.known and isinstance(self.value, str):
            return UnknownNameError(self.field, self.value, self.known)
        return RequestError(whole if self.kind == "newer" else shorten(self.field or whole), self.reason)


def must(reason: Message | Callable[[Any], Message]) -> dict[str, Any]:
    """Return the ``extra`` of a `msgspec.Meta` with ``reason``, a clause "must be ...", as its error message.

    For text the reason only explains the pattern; errors of type and length have their own. A function is called with
    the value.
    """
    return {"must": reason}


def up_to(most: int) -> msgspec.Meta:
    """Return the annotation of a whole number from 0 to ``most``, which may be beyond the 63 bits that ``le`` takes."""
    return msgspec.Meta(ge=0, extra={"most": most})


def text_up_to(most: int, *, empty: bool = False) -> msgspec.Meta:
    """Return the annotation of displayable text of at most ``most`` characters.

    Args:
        most: the limit.
        empty: whether the text may be empty or only whitespace.
    """
    least = "" if empty else r"(?=\s*\S)"
    pattern = rf"\A{least}[^{UNSHOWABLE}]*\Z"
    return msgspec.Meta(min_length=0 if empty else 1, max_length=most, pattern=pattern)


def one_of(names: Iterable[str]) -> msgspec.Meta:
    """Return the annotation of text that must be one of ``names``."""
    known = tuple(names)
    return msgspec.Meta(
        pattern=rf"\A(?:{'|'.join(map(re.escape, known))})\Z",
        extra=must(
            lambda name: message(
                "must be one of {names}, not {value}", names=", ".join(known), value=quoted(name)
            )
        ),
    )


SHA256 = msgspec.Meta(
    pattern=r"\A[0-9a-f]{64}\Z", extra=must(message("must be 64 lower-case hexadecimal digits"))
)
"""The annotation of a SHA-256 hash in hexadecimal."""


def read_file(
    path: Path,
    kind: type[T],
    limit: int,
    error: Callable[[Path, str], StudioError] = StorageError,
) -> T:
    """Return the content of the JSON file at ``path``.

    Args:
        path: the file.
        kind: the type to convert it to.
        limit: its maximum size in bytes.
        error: makes the error from the path and a clause.

    Raises:
        StudioError: made by ``error``: the file cannot be read, is not strict JSON, or does not fit ``kind``.
    """
    try:
        data = read_small(path, limit)
    except StorageError as fault:
        raise error(fault.path, fault.reason) from fault
    return read_bytes(data, path, kind, error)


def read_bytes(
    data: bytes,
    path: Path,
    kind: type[T],
    error: Callable[[Path, str], StudioError] = StorageError,
) -> T:
    """Return the content of a JSON file from its bytes, as `read_file` does."""
    try:
        return convert(parse(data), kind)
    except InvalidJsonError as fault:
        raise error(path, fault.of_file()) from fault


# -------------------------------------------------------------------------------------------------------- from text
class _Refused(Exception):
    """Passes a reason through the JSON decoder from one of its hooks."""


def parse(data: bytes | str, *, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of ``data``, JSON as text or as UTF-8 bytes.

    Raises:
        InvalidJsonError: it is not strict JSON, or nests deeper than ``max_depth``.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        _check_depth(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"), max_depth)
        return json.loads(
            text,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_constant,
            object_pairs_hook=_no_repeats,
        )
    except UnicodeDecodeError as error:
        raise InvalidJsonError("", message("is not UTF-8 text"), "text") from error
    except json.JSONDecodeError as error:
        reason = message(
            "is not valid JSON ({fault} at line {line}, column {column})",
            fault=error.msg,
            line=error.lineno,
            column=error.colno,
        )
        raise InvalidJsonError("", reason, "text") from error
    except RecursionError as error:
        raise InvalidJsonError("", _TOO_DEEP, "text") from error
    except _Refused as error:
        raise InvalidJsonError("", error.args[0], "text") from error


_TOO_DEEP = message("contains JSON that is nested too deeply")


def _check_depth(data: bytes, most: int) -> None:
    """Reject deep nesting before decoding, because the limit of Python's decoder depends on its version."""
    if data.count(b"{") + data.count(b"[") <= most:
        return
    left = without_texts(data).translate(_ONE_BRACKET, _NO_BRACKETS)
    for _ in range(most):
        left, before = left.replace(b"[]", b""), len(left)  # removes the innermost pairs
        if len(left) == before:
            break
    if b"[]" in left or left.count(b"[") > most:
        raise _Refused(_TOO_DEEP)


def without_texts(data: bytes) -> bytes:
    """Return JSON without its texts: their brackets and commas are not those of the JSON."""
    return _TEXT.sub(b"", data)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Refused(message("contains a number with {digits:,} digits", digits=len(text)))
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(message("contains {text}, which is too large for a number", text=shorten(text, 20)))
    return value


def _no_constant(text: str) -> NoReturn:
    raise _Refused(message("contains {text}, which is not a JSON number", text=text))


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Refused(message("contains the field {field} twice", field=quoted(twice)))
    return values


# ------------------------------------------------------------------------------------------------ to a declared type
def convert(value: object, kind: type[T], where: str = "", *, complete: bool = False) -> T:
    """Convert a JSON value to the type ``kind``: a `msgspec.Struct`, a dataclass, or the type of one of their fields.

    Unknown fields are rejected, for dataclasses too, and so are NaN and infinity.

    Args:
        value: a JSON value.
        kind: the type.
        where: the path of the value, prepended to the names of fields.
        complete: whether fields with a default are required too.

    Raises:
        InvalidJsonError: the value does not fit the type.
    """
    try:
        if not _is_plain(value):
            _check_names(_type_info(kind), value, where, complete=complete)  # type: ignore[arg-type]
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if (cause := error.__cause__) is not None and cause.args and isinstance(cause.args[0], Message):
            # Raised by a `__post_init__`.
            raise InvalidJsonError(_join(where, _place_of(str(error))), cause.args[0]) from error
        raise _explained(str(error), _type_info(kind), value, where) from error  # type: ignore[arg-type]
    except UnicodeEncodeError as error:  # from the pattern of `one_of`
        raise InvalidJsonError(where, message("contains half a character (a lone surrogate)")) from error


@functools.cache
def _type_info(kind: Any) -> inspect.Type:  # noqa: ANN401 - any type that msgspec supports
    return inspect.type_info(kind)


def convert_fields(values: Mapping[str, object], kind: type) -> dict[str, Any]:
    """Return the fields of the dataclass ``kind``, each converted from its value in ``values``, which has all of them.

    For values from the program itself: a dataclass can validate itself with this in its ``__post_init__``.

    Raises:
        InvalidJsonError: a value does not fit its annotation.
    """
    struct = _struct_of(kind)
    made = convert({name: values[name] for name in struct.__struct_fields__}, struct)
    return {name: getattr(made, name) for name in struct.__struct_fields__}


def fields_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the fields of a dataclass by name; ``vars`` would lack those that `convert` left at their defaults."""
    return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}


def usable_fields(values: Mapping[str, object], kind: type) -> dict[str, Any]:
    """Return the ``values`` that fit the fields of the dataclass ``kind``, converted; others are left out.

    For files whose values are independent of each other, such as settings.
    """
    usable = {}
    for name, one in _hints(kind).items():
        with contextlib.suppress(KeyError, InvalidJsonError):
            usable[name] = convert(values[name], one, name)
    return usable


@functools.cache
def _struct_of(kind: type) -> type[msgspec.Struct]:
    """Return a struct with the fields of a dataclass, for validating them without constructing the dataclass."""
    return msgspec.defstruct(kind.__name__, _hints(kind).items())


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def without_version(
    value: object, known: int, name: str = "format_version", *, optional: bool = False
) -> dict[str, Any]:
    """Check the format version of a JSON object, 1 to ``known``, and return the object without that field.

    Args:
        value: a JSON value.
        known: the newest version.
        name: the name of the field.
        optional: whether an object without a version counts as one of the newest version.

    Raises:
        InvalidJsonError: the value is not an object or has another version; the kind is "newer" for a newer one.
    """
    if not isinstance(value, Mapping):
        raise InvalidJsonError("", message("must be a JSON object"))
    values = dict(value)
    if name not in values and not optional:
        raise InvalidJsonError(name, message("is missing"), "missing")
    version = values.pop(name, known)
    if type(version) is int and version > known:
        reason = message(
            "has version {version}, written by a newer Stepwise Studio (this one reads up to version {known})",
            version=quoted(version),
            known=known,
        )
        raise InvalidJsonError(name, reason, "newer")
    if type(version) is not int or version < 1:
        must_be = _must(inspect.IntType(ge=1, le=known), version)
        raise InvalidJsonError(name, must_be)
    return values


def _check_names(info: inspect.Type, value: object, where: str, *, complete: bool) -> None:
    """Reject unknown fields, missing ones if all are required, floats that are not finite, and too large numbers."""
    whole, info = info, _inner(info)
    if isinstance(info, inspect.StructType | inspect.DataclassType) and isinstance(value, Mapping):
        fields = {field.encode_name: field for field in info.fields}
        for name in value:
            if name not in fields:
                shown = name if isinstance(name, str) else quoted(name)
                raise InvalidJsonError(_join(where, shown), message("is not known"), "unknown", fields)
        for name in fields if complete else ():
            if name not in value:
                raise InvalidJsonError(_join(where, name), message("is missing"), "missing")
        for name, item in value.items():
            if not _is_plain(item):
                _check_names(fields[name].type, item, _join(where, name), complete=complete)
    elif isinstance(value, list | tuple) and isinstance(info, inspect.CollectionType):
        for place, item in enumerate(value):
            if not _is_plain(item):
                _check_names(info.item_type, item, f"{where}[{place}]", complete=complete)
    elif value > _most(whole) if type(value) is int else type(value) is float and not math.isfinite(value):
        raise InvalidJsonError(where, _must(whole, value))


def _most(info: inspect.Type) -> float:
    """Return the limit that `up_to` sets."""
    return (info.extra or {}).get("most", math.inf) if isinstance(info, inspect.Metadata) else math.inf


def _is_plain(value: object) -> bool:
    """Whether `_check_names` can skip a value; most values are plain, and this test is fast."""
    if type(value) is int:
        return value < _LARGE
    return type(value) in _PLAIN or (type(value) is float and math.isfinite(value))


def _explained(said: str, info: inspect.Type, value: object, where: str) -> InvalidJsonError:
    """Return the error for msgspec's error text, from the type and the value at the path that the text names."""
    place, steps = _place_of(said), []
    for step in _STEP.finditer(place):
        inner = _inner(info, value)
        if step[1] is not None and isinstance(inner, inspect.StructType | inspect.DataclassType):
            info = next(field.type for field in inner.fields if field.encode_name == step[1])
            value = value.get(step[1]) if isinstance(value, Mapping) else None
            steps.append(step[1])
        elif step[2] is not None and isinstance(value, list | tuple):
            # A list of plain values is explained as a whole: "must be 2 whole numbers".
            if not isinstance(inner, inspect.CollectionType) or not _is_object(inner.item_type):
                break
            info, value = inner.item_type, value[int(step[2])]
            steps.append(f"[{step[2]}]")
        else:
            break
    field = where
    for name in steps:
        field = f"{field}{name}" if name.startswith("[") else _join(field, name)
    if found := re.match(r"Object missing required field `(.*?)`", said):
        return InvalidJsonError(_join(field, found[1]), message("is missing"), "missing")
    inner = _inner(info, value)
    known = map(str, inner.values) if isinstance(inner, inspect.LiteralType) else ()
    return InvalidJsonError(field, _must(info, value), known=known, value=value)


def _place_of(said: str) -> str:
    found = _PLACE.search(said)
    return found[1] if found else ""


def _join(where: str, name: str) -> str:
    name = name.removeprefix(".")
    return f"{where}.{name}" if where and name else where or name


def _is_object(info: inspect.Type) -> bool:
    return isinstance(_inner(info), inspect.StructType | inspect.DataclassType)


def _inner(info: inspect.Type, value: object = ...) -> inspect.Type:
    """Return the type without its annotations and, unless ``value`` is None, without "or null"."""
    while True:
        if isinstance(info, inspect.Metadata):
            info = info.type
        elif isinstance(info, inspect.UnionType) and value is not None:
            others = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            if len(others) != 1:
                return info
            info = others[0]
        else:
            return info


def _must(info: inspect.Type, value: object) -> Message:
    """Return the clause "must be ..." for a type and the value that does not fit it."""
    if isinstance(info, inspect.Metadata):
        extra = info.extra or {}
        if "most" in extra:
            return _must(inspect.IntType(ge=0, le=extra["most"]), value)
        own = extra.get("must")
        if own is None or (isinstance(info.type, inspect.StrType) and not _has_length(info.type, value)):
            return _must(info.type, value)
        return own(value) if callable(own) else own  # type: ignore[no-any-return]
    given = quoted(value)
    match info:
        case inspect.StrType() if _has_length(info, value) and (found := unshowable(str(value))):
            return message("must not contain {character}, which cannot be shown", character=ascii(found))
        case inspect.UnionType():
            others = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            said = _must(others[0], value)
            return said if "value" in said.values else message("{must}, or null", must=said)
        case inspect.BoolType():
            return message("must be true or false, not {value}", value=given)
        case inspect.IntType(ge=low, le=high) if low is not None and low == high:
            return message("must be {only}, not {value}", only=low, value=given)
        case inspect.IntType(ge=low, le=high) if low is not None and high is not None:
            return message(
                "must be a whole number from {low:,} to {high:,}, not {value}",
                low=low,
                high=high,
                value=given,
            )
        case inspect.IntType():
            return message("must be a whole number, not {value}", value=given)
        case inspect.FloatType(ge=low, le=high) if low is not None and high is not None:
            return message(
                "must be a number from {low:g} to {high:g}, not {value}", low=low, high=high, value=given
            )
        case inspect.FloatType():
            return message("must be a number, not {value}", value=given)
        case inspect.StrType(max_length=most) if most is not None and info.min_length:
            return message("must be text of 1 to {most:,} characters", most=most)
        case inspect.StrType(max_length=most) if most is not None and isinstance(value, str):
            return message("must be at most {most:,} characters, not {count:,}", most=most, count=len(value))
        case inspect.StrType():
            return message("must be text, not {value}", value=given)
        case inspect.LiteralType(values=values):
            return message(
                "must be one of {names}, not {value}", names=", ".join(map(str, values)), value=given
            )
        case inspect.DictType() | inspect.StructType() | inspect.DataclassType():
            return message("must be a JSON object")
        case inspect.TupleType(item_types=kinds) if all(
            isinstance(_inner(kind), inspect.IntType) for kind in kinds
        ):
            return message(
                "must be {count} whole numbers{span}", count=len(kinds), span=_span(_inner(kinds[0]))
            )
        case inspect.TupleType(item_types=kinds):
            return message("must be a list of {count} items", count=len(kinds))
        case inspect.CollectionType(min_length=low, max_length=most) if most is not None:
            if isinstance(_inner(info.item_type), inspect.IntType):
                return message("must be {low:,} to {most:,} whole numbers", low=low or 0, most=most)
            return message("must be a list of {low:,} to {most:,} items", low=low or 0, most=most)
        case _:
            return message("must be something else than {value}", value=given)


def _has_length(info: inspect.StrType, value: object) -> bool:
    """Whether a value is text of an allowed length."""
    least, most = info.min_length or 0, math.inf if info.max_length is None else info.max_length
    return isinstance(value, str) and least <= len(value) <= most


def _span(info: inspect.Type) -> Message | str:
    if isinstance(info, inspect.IntType) and info.ge is not None and info.le is not None:
        return message(" from {low:,} to {high:,}", low=info.ge, high=info.le)
    return ""


# ------------------------------------------------------------------------------------------------ any JSON value
def frozen(value: object, where: str = "", depth: int = 8) -> Any:  # noqa: ANN401 - any JSON value
    """Return an immutable copy of a JSON value, made of read-only mappings and tuples.

    Raises:
        InvalidJsonError: it is not a JSON value, contains text that cannot be shown, or nests deeper than ``depth``.
    """
    if depth < 0:
        raise InvalidJsonError(where, message("is nested too deeply"))
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise InvalidJsonError(where, message("has a field whose name is not text"))
            frozen(name, where)
        return MappingProxyType({name: frozen(item, where, depth - 1) for name, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(item, where, depth - 1) for item in value)
    finite = not isinstance(value, float) or math.isfinite(value)
    if not finite or not (value is None or isinstance(value, bool | int | float | str)):
        raise InvalidJsonError(where, message("must be JSON, but contains {value}", value=quoted(value)))
    if isinstance(value, str) and (found := unshowable(value)):
        reason = message("must not contain {character}, which cannot be shown", character=ascii(found))
        raise InvalidJsonError(where, reason)
    return value


def thawed(value: object) -> Any:  # noqa: ANN401
    """Return a copy of a value from `frozen` with dicts and lists."""
    if isinstance(value, Mapping):
        return {name: thawed(item) for name, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, list | tuple) else value


# ----------------------------------------------------------------------------------------------------------- texts
def unshowable(text: str) -> str:
    """Return the first character of ``text`` that cannot be displayed; "" if there is none."""
    found = _UNSHOWABLE_CHARACTER.search(text)
    return found.group() if found else ""


def quoted(value: object) -> str:
    """Return a short representation of any value: text in quotes, with special characters escaped."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_DIGITS:
        return message("a number with more than {digits} digits", digits=MAX_DIGITS)
    if isinstance(value, str):
        return repr(shorten(value))
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return message("a list")
    return message("an object") if isinstance(value, Mapping) else type(value).__name__
