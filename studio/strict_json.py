"""JSON from a stranger, read strictly and refused in one plain sentence.

`parse` takes text apart and refuses what Python's reader lets through: a name given twice, NaN, numbers of 5,000
digits, nesting without end (on every Python alike). `convert` makes the value of a declared type of it, whose
annotations hold the limits (`msgspec.Meta`); a field that the type does not have is refused. `convert_fields` does the
same for the fields of a dataclass that was made in the program. All raise `InvalidJsonError`, which names the field.
`read_file` does it all for a file and raises a `StorageError`, or what error the caller wants.

A limit's sentence follows from the annotation ("must be a whole number from 1 to 9, not 12"); where that says too
little, the annotation carries its own: ``Meta(pattern=..., extra=must(message("must be a name in lower case")))``.
`text_up_to`, `one_of` and `SHA256` are ready-made annotations.
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
"""How deeply objects and lists may lie in each other before anything of them is built."""

T = TypeVar("T")

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*+"?', re.DOTALL)
_ONE_BRACKET = bytes.maketrans(b"{}", b"[]")
_PLAIN = {str, int, bool, type(None)}
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
UNSHOWABLE = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""Of a regular expression's set: control characters, lone surrogates, and marks that reorder the text around them."""
LINE = rf"\A[^\s{UNSHOWABLE}]+(?: [^\s{UNSHOWABLE}]+)*\Z"
"""The pattern of a text of one line that can be shown: words, separated by single spaces."""
_UNSHOWABLE_CHARACTER = re.compile(f"[{UNSHOWABLE}]")


class InvalidJsonError(Exception):
    """Why a JSON text or value was refused.

    Attributes:
        field: where, such as "defaults.steps"; "" for the whole.
        reason: a clause, such as "must be a whole number from 1 to 9, not 12".
        kind: "text" for what is no JSON at all, "missing" and "unknown" for fields, "newer" for what a newer version
            of the program wrote, else "wrong".
        known: the fields there are, of an unknown field; the names there are, of a value that is none of them.
        value: what was refused.
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
        """Return the clause that says of a file what is wrong with it."""
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
                return message("has a wrong field: {field} {reason}", field=self.field, reason=self.reason)
            case _:
                return self.reason

    def of_request(self, whole: str = "request") -> RequestError:
        """Return the error for a field of a request; an unknown name is answered with the closest.

        Args:
            whole: names what has no field.
        """
        if self.kind == "unknown":
            return UnknownNameError("field", self.field, self.known)
        if self.known and isinstance(self.value, str):
            return UnknownNameError(self.field, self.value, self.known)
        return RequestError(whole if self.kind == "newer" else shorten(self.field or whole), self.reason)


def must(reason: Message | Callable[[Any], Message]) -> dict[str, Any]:
    """Return the ``extra`` of a `msgspec.Meta` whose limits are to be explained by ``reason``: "must be ...".

    Of a text it explains the pattern; its type and length are explained without it. A function gets the value.
    """
    return {"must": reason}


def text_up_to(most: int, *, empty: bool = False) -> msgspec.Meta:
    """Return the annotation of a text of at most ``most`` characters, all of which can be shown.

    Args:
        most: the limit.
        empty: whether it may be empty, or only spaces.
    """
    least = "" if empty else r"(?=\s*\S)"
    pattern = rf"\A{least}[^{UNSHOWABLE}]*\Z"
    return msgspec.Meta(min_length=0 if empty else 1, max_length=most, pattern=pattern)


def one_of(names: Iterable[str]) -> msgspec.Meta:
    """Return the annotation of a text that must be one of ``names``."""
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
"""The annotation of a hash."""


def read_file(
    path: Path,
    kind: type[T],
    limit: int,
    error: Callable[[Path, str], StudioError] = StorageError,
) -> T:
    """Return what the JSON file at ``path`` holds.

    Args:
        path: the file.
        kind: what it is to hold.
        limit: the most bytes it may have.
        error: makes the error from the file and a clause.

    Raises:
        StudioError: what ``error`` made: it cannot be read, is no strict JSON, or holds something else.
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
    """Return what the bytes of a JSON file hold, as `read_file` does."""
    try:
        return convert(parse(data), kind)
    except InvalidJsonError as fault:
        raise error(path, fault.of_file()) from fault


# -------------------------------------------------------------------------------------------------------- from text
class _Refused(Exception):
    """Carries a reason out of the JSON reader's hooks."""


def parse(data: bytes | str, *, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return the value that ``data`` (UTF-8 where it is bytes) spells in JSON.

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


_TOO_DEEP = message("nests its JSON too deeply")


def _check_depth(data: bytes, most: int) -> None:
    """Refuse deep nesting before the reader meets it: how deep that can go differs between versions of Python."""
    if data.count(b"{") + data.count(b"[") <= most:
        return
    left = _TEXT.sub(b"", data).translate(_ONE_BRACKET, _NO_BRACKETS)
    for _ in range(most):
        left, before = left.replace(b"[]", b""), len(left)  # the innermost of each
        if len(left) == before:
            break
    if b"[]" in left or left.count(b"[") > most:
        raise _Refused(_TOO_DEEP)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Refused(message("holds a number of {digits:,} digits", digits=len(text)))
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(message("holds {text}, which is too large for a number", text=shorten(text, 20)))
    return value


def _no_constant(text: str) -> NoReturn:
    raise _Refused(message("holds {text}, which is not a JSON number", text=text))


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Refused(message("names {field} twice", field=quoted(twice)))
    return values


# ------------------------------------------------------------------------------------------------ to a declared type
def convert(value: object, kind: type[T], where: str = "", *, complete: bool = False) -> T:
    """Return a JSON value as one of the type ``kind``: a `msgspec.Struct`, a dataclass, or what these are made of.

    Fields that ``kind`` does not have are refused, of dataclasses too. NaN and infinity are no JSON.

    Args:
        value: a JSON value.
        kind: what is wanted of it.
        where: put before the names of fields.
        complete: whether fields that have a default must be given too.

    Raises:
        InvalidJsonError: it is something else.
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
    except UnicodeEncodeError as error:  # where one of some names is expected
        raise InvalidJsonError(where, message("contains half a character (a lone surrogate)")) from error


@functools.cache
def _type_info(kind: Any) -> inspect.Type:  # noqa: ANN401 - whatever msgspec knows
    return inspect.type_info(kind)


def convert_fields(values: Mapping[str, object], kind: type) -> dict[str, Any]:
    """Return the fields of the dataclass ``kind``, each converted from its value in ``values``, which holds them all.

    For values that were made in the program: a dataclass can check itself with this in its ``__post_init__``.

    Raises:
        InvalidJsonError: one of them does not fit its annotation.
    """
    struct = _struct_of(kind)
    made = convert({name: values[name] for name in struct.__struct_fields__}, struct)
    return {name: getattr(made, name) for name in struct.__struct_fields__}


def fields_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the fields of a dataclass by name; its ``vars`` lack those that `convert` left at their defaults."""
    return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}


def usable_fields(values: Mapping[str, object], kind: type) -> dict[str, Any]:
    """Return those of ``values`` that fit the fields of the dataclass ``kind``, converted; the others are left out.

    For a file whose every value stands alone, such as one of settings.
    """
    usable = {}
    for name, one in _hints(kind).items():
        with contextlib.suppress(KeyError, InvalidJsonError):
            usable[name] = convert(values[name], one, name)
    return usable


@functools.cache
def _struct_of(kind: type) -> type[msgspec.Struct]:
    """Return a structure with the fields of a dataclass: to check one by it does not construct another."""
    return msgspec.defstruct(kind.__name__, _hints(kind).items())


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def without_version(
    value: object, known: int, name: str = "format_version", *, optional: bool = False
) -> dict[str, Any]:
    """Return a JSON object without the field ``name``, the version of its format: 1 to ``known``.

    Args:
        value: a JSON value.
        known: the newest version.
        name: of the field.
        optional: whether an object without a version is taken for one of the newest.

    Raises:
        InvalidJsonError: it is no object, or of another version; a newer one is said to be newer.
    """
    if not isinstance(value, Mapping):
        raise InvalidJsonError("", message("must be a JSON object"))
    values = dict(value)
    if name not in values and not optional:
        raise InvalidJsonError(name, message("is missing"), "missing")
    version = values.pop(name, known)
    if type(version) is int and version > known:
        reason = message(
            "is of version {version}: a newer Stepwise Studio wrote it (this one reads version {known})",
            version=quoted(version),
            known=known,
        )
        raise InvalidJsonError(name, reason, "newer")
    if type(version) is not int or version < 1:
        must_be = _must(inspect.IntType(ge=1, le=known), version)
        raise InvalidJsonError(name, must_be)
    return values


def _check_names(info: inspect.Type, value: object, where: str, *, complete: bool) -> None:
    """Refuse unknown fields, missing ones where all must be given, and floats that are not finite."""
    info = _inner(info)
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
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidJsonError(where, _must(info, value))


def _is_plain(value: object) -> bool:
    """Whether there is nothing to look for in a value but its type: most are so, and this is quick."""
    return type(value) in _PLAIN or (type(value) is float and math.isfinite(value))


def _explained(said: str, info: inspect.Type, value: object, where: str) -> InvalidJsonError:
    """Return the refusal for what msgspec said, from the type and the value at the place that it names."""
    place, steps = _place_of(said), []
    for step in _STEP.finditer(place):
        inner = _inner(info, value)
        if step[1] is not None and isinstance(inner, inspect.StructType | inspect.DataclassType):
            info = next(field.type for field in inner.fields if field.encode_name == step[1])
            value = value.get(step[1]) if isinstance(value, Mapping) else None
            steps.append(step[1])
        elif step[2] is not None and isinstance(value, list | tuple):
            # Of a list of plain values the whole is explained: "must be 2 whole numbers".
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
    """Return the type behind its annotation, and of one that may be null the other."""
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
    """Return what a value of a type must be, as a clause."""
    if isinstance(info, inspect.Metadata):
        own = (info.extra or {}).get("must")
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
    """Whether a value is a text of an allowed length."""
    least, most = info.min_length or 0, math.inf if info.max_length is None else info.max_length
    return isinstance(value, str) and least <= len(value) <= most


def _span(info: inspect.Type) -> Message | str:
    if isinstance(info, inspect.IntType) and info.ge is not None and info.le is not None:
        return message(" from {low:,} to {high:,}", low=info.ge, high=info.le)
    return ""


# ------------------------------------------------------------------------------------------------ any JSON value
def frozen(value: object, where: str = "", depth: int = 8) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return a JSON value made of read-only mappings and tuples.

    Raises:
        InvalidJsonError: it is not a JSON value, contains text that cannot be shown, or nests deeper than ``depth``.
    """
    if depth < 0:
        raise InvalidJsonError(where, message("nests too deeply"))
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
        raise InvalidJsonError(where, message("must be JSON, and contains {value}", value=quoted(value)))
    if isinstance(value, str) and (found := unshowable(value)):
        reason = message("must not contain {character}, which cannot be shown", character=ascii(found))
        raise InvalidJsonError(where, reason)
    return value


def thawed(value: object) -> Any:  # noqa: ANN401
    """Return what `frozen` froze as dicts and lists."""
    if isinstance(value, Mapping):
        return {name: thawed(item) for name, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, list | tuple) else value


# ----------------------------------------------------------------------------------------------------------- texts
def unshowable(text: str) -> str:
    """Return the first character of ``text`` that cannot be shown; "" where there is none."""
    found = _UNSHOWABLE_CHARACTER.search(text)
    return found.group() if found else ""


def quoted(value: object) -> str:
    """Return any value in a short form: a text in quotes, with what cannot be shown escaped."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_DIGITS:
        return message("a number of more than {digits} digits", digits=MAX_DIGITS)
    if isinstance(value, str):
        return repr(shorten(value))
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return message("a list")
    return message("an object") if isinstance(value, Mapping) else type(value).__name__
