"""Checks of single values; each error is one sentence that names the field. Needs the standard library only."""

from __future__ import annotations

from studio.errors import RequestError, shorten
from studio.messages import message

MAX_NAME = 200


def check_whole(field: str, value: object, minimum: int, maximum: int, *, optional: bool = False) -> None:
    """Reject anything but a whole number from ``minimum`` to ``maximum`` (and None if ``optional``)."""
    if optional and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        reason = message(
            "must be a whole number from {low} to {high}, not {value}",
            low=minimum,
            high=maximum,
            value=show(value),
        )
        raise RequestError(field, reason)


def check_number(
    field: str, value: object, minimum: float, maximum: float, *, optional: bool = False
) -> None:
    """Reject anything but a number from ``minimum`` to ``maximum`` (and None if ``optional``)."""
    if optional and value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not minimum <= value <= maximum:
        reason = message(
            "must be a number from {low:g} to {high:g}, not {value}",
            low=minimum,
            high=maximum,
            value=show(value),
        )
        raise RequestError(field, reason)


def check_text(field: str, value: object, limit: int) -> None:
    """Reject what is not text, what is longer than ``limit`` characters, and what cannot be written to a file."""
    if not isinstance(value, str):
        raise RequestError(field, message("must be text, not {value}", value=show(value)))
    if len(value) > limit:
        reason = message("must be at most {high:,} characters, not {value:,}", high=limit, value=len(value))
        raise RequestError(field, reason)
    for position, character in enumerate(value, start=1):
        if character == "\0":
            reason = message("contains a NUL character at position {position}; remove it", position=position)
            raise RequestError(field, reason)
        if "\ud800" <= character <= "\udfff":
            reason = message(
                "contains half a character at position {position}; type it again", position=position
            )
            raise RequestError(field, reason)


def check_name(field: str, value: object, limit: int = MAX_NAME) -> None:
    """Reject what is not a name: empty text, more than ``limit`` characters, or not printable."""
    check_text(field, value, limit)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise RequestError(field, message("must be a name, not {value}", value=show(value)))


def show(value: object) -> str:
    """Return a short, printable representation of any value, however large."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return message("a number of more than 30 digits")  # str() fails beyond 4,300 digits
    if value is None or isinstance(value, bool | int | float | str):
        return shorten(repr(value)[:200])
    return type(value).__name__
