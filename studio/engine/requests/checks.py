"""Checks of single values: each refuses in one sentence that names the field. Standard library only."""

from __future__ import annotations

from studio.errors import RequestError, shorten

MAX_NAME = 200


def check_whole(field: str, value: object, minimum: int, maximum: int, *, optional: bool = False) -> None:
    """Refuse anything but a whole number from ``minimum`` to ``maximum`` (and None where ``optional``)."""
    if optional and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise RequestError(field, f"must be a whole number from {minimum} to {maximum}, not {show(value)}")


def check_number(
    field: str, value: object, minimum: float, maximum: float, *, optional: bool = False
) -> None:
    """Refuse anything but a number from ``minimum`` to ``maximum``; NaN and infinity are outside."""
    if optional and value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise RequestError(field, f"must be a number from {minimum:g} to {maximum:g}, not {show(value)}")


def check_text(field: str, value: object, limit: int) -> None:
    """Refuse what is no text, what is longer than ``limit`` characters, and what no file could hold."""
    if not isinstance(value, str):
        raise RequestError(field, f"must be text, not {show(value)}")
    if len(value) > limit:
        raise RequestError(field, f"must be at most {limit:,} characters, not {len(value):,}")
    for place, character in enumerate(value, start=1):
        if character == "\0":
            raise RequestError(field, f"holds a NUL character at place {place}; remove it")
        if "\ud800" <= character <= "\udfff":
            raise RequestError(field, f"holds half a character at place {place}; type it again")


def check_name(field: str, value: object, limit: int = MAX_NAME) -> None:
    """Refuse what is no name: empty, longer than ``limit`` characters, or not printable."""
    check_text(field, value, limit)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise RequestError(field, f"must be a name, not {show(value)}")


def show(value: object) -> str:
    """Return a short, printable picture of any value, however large."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return "a number of more than 30 digits"  # Python refuses to spell one of more than 4,300
    if value is None or isinstance(value, bool | int | float | str):
        return shorten(repr(value)[:200])
    return type(value).__name__
