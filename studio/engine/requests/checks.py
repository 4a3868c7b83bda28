"""What the fields of requests, runs and pictures may hold, and the error of one that holds something else.

Importable without torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from msgspec import Meta

from studio import strict_json
from studio.diffusion.seeds import MAX_SEED
from studio.messages import Message, message
from studio.strict_json import InvalidJsonError, must, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

MAX_NAME = 200
_NO_TEXT = "\0\ud800-\udfff"
# What `str.isprintable` refuses, without the characters that a later Unicode may give a meaning.
_UNPRINTABLE = (
    "\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\uf8ff\ufeff\ufff9-\ufffb\U000e0001-\U000e007f\U000f0000-\U0010ffff"
)


def _text_fault(text: str) -> Message:
    position = next(place for place, one in enumerate(text, 1) if one == "\0" or "\ud800" <= one <= "\udfff")
    if text[position - 1] == "\0":
        return message("contains a NUL character at position {position}; remove it", position=position)
    return message("contains half a character at position {position}; type it again", position=position)


def _name_fault(text: str) -> Message:
    return message("must be a name, not {value}", value=quoted(text))


Text = Annotated[str, Meta(pattern=rf"\A[^{_NO_TEXT}]*\Z", extra=must(_text_fault))]
"""Any text that can be written to a file."""
_LINE = rf"(?=.*[^ ])[^{_UNPRINTABLE}]*"
Line = Annotated[str, Meta(min_length=1, pattern=rf"\A{_LINE}\Z", extra=must(_name_fault))]
"""A printable text of one line that is not blank."""
Name = Annotated[Line, Meta(max_length=MAX_NAME)]
NameOrEmpty = Annotated[str, Meta(max_length=MAX_NAME, pattern=rf"\A(?:{_LINE})?\Z", extra=must(_name_fault))]
Seed = Annotated[int, strict_json.up_to(MAX_SEED)]
Sha256 = Annotated[str, strict_json.SHA256]
Versions = Annotated[
    Mapping[Name, Name], Meta(max_length=20, extra=must(message("must be at most 20 names with versions")))
]
Precisions = Annotated[
    Mapping[Name, Name], Meta(max_length=20, extra=must(message("must be at most 20 parts with precisions")))
]

Time = Annotated[
    datetime, Meta(tz=True, extra=must(message("must be a time such as 2026-01-31T12:00:00+00:00")))
]
MIN_YEAR, MAX_YEAR = 1970, 9998


def in_utc(field: str, time: datetime) -> datetime:
    """Return a time in UTC.

    Raises:
        InvalidJsonError: its year is none that a clock shows or every time zone can reach; the error names ``field``.
    """
    with contextlib.suppress(OverflowError):
        shifted = time.astimezone(UTC)
        if MIN_YEAR <= shifted.year <= MAX_YEAR:
            return shifted
    reason = message("must be a time from the year {low} to the year {high}", low=MIN_YEAR, high=MAX_YEAR)
    raise InvalidJsonError(field, reason)


@contextlib.contextmanager
def as_request_error(whole: str = "request") -> Iterator[None]:
    """Raise an `InvalidJsonError` as a RequestError; ``whole`` names what has no field."""
    try:
        yield
    except InvalidJsonError as error:
        raise error.of_request(whole) from error


def read_request(values: Mapping[str, Any], kind: type[T], version: int) -> T:
    """Return the request of ``kind`` with these fields, in a format up to ``version``. Raises RequestError."""
    with as_request_error():
        fields = strict_json.without_version(values, version, "version", optional=True)
        return strict_json.convert(fields, kind)


def check_fields(request: object) -> None:
    """Check that every field of a dataclass holds what its annotation allows. Raises RequestError."""
    with as_request_error():
        strict_json.convert_fields(strict_json.fields_of(request), type(request))


def check_value(field: str, value: object, kind: Any) -> None:  # noqa: ANN401 - an annotation
    """Check that a value is what an annotation allows. Raises a RequestError that names ``field``."""
    with as_request_error():
        strict_json.convert(value, kind, field)


def check_whole(field: str, value: object, minimum: int, maximum: int) -> None:
    """Check that a value is a whole number from ``minimum`` to ``maximum``. Raises RequestError."""
    check_value(field, value, Annotated[int, Meta(ge=minimum, le=maximum)])
