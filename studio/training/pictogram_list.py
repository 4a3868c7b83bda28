"""The list of pictograms: code points, names, background colours, and the pairs held out of training.

The file is data that anybody may edit or send, so it is read with suspicion: every entry is checked and each
fault gets one sentence. Nothing but the standard library is imported.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.errors import RecipeError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
MAX_BYTES = 4 << 20
MAX_NAMES = 4
MAX_NAME_LENGTH = 80
CODE = re.compile(r"[0-9A-F]{1,6}", re.ASCII)
COLOR = re.compile(r"#[0-9a-f]{6}", re.ASCII)
KEYS = ("format", "font", "colors", "pictograms", "held_out")


@dataclass(frozen=True, kw_only=True)
class Pictogram:
    """One drawing and what it is called; the first name is the one a bare prompt uses."""

    code: str
    names: tuple[str, ...]

    @property
    def char(self) -> str:
        """The one character that the font draws."""
        return chr(int(self.code, 16))


@dataclass(frozen=True, kw_only=True)
class Pictograms:
    """The whole list. ``colors`` maps a name to red, green, blue (0 to 255) and holds "white".

    ``held_out`` holds (code, colour) pairs that training skips, so that evaluation can ask for what was
    never seen.
    """

    entries: tuple[Pictogram, ...]
    colors: Mapping[str, tuple[int, int, int]]
    held_out: frozenset[tuple[str, str]]


class _FaultError(ValueError):
    """A fault in the list; its text is the clause for the sentence."""


def load_pictograms(path: Path) -> Pictograms:
    """Read and check the list at ``path``.

    Raises:
        RecipeError: the file cannot be read, is no JSON, or breaks a rule; the sentence says which.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _FaultError(f"is larger than {MAX_BYTES >> 20} MiB, which no list of pictograms is")
        return _read(json.loads(content.decode("utf-8"), object_pairs_hook=_once))
    except OSError as error:
        raise RecipeError(path, f"cannot be read: {error.strerror or error}") from error
    except _FaultError as fault:
        raise RecipeError(path, str(fault)) from fault
    except UnicodeDecodeError as error:
        raise RecipeError(path, "is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(path, f"is not valid JSON ({shorten(str(error))})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a key given twice (plain ``json`` keeps the last without a word)."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _FaultError("gives a key twice in one object")
    return made


def _read(data: object) -> Pictograms:
    if not isinstance(data, dict) or set(data) != set(KEYS):
        raise _FaultError(f"must be an object with exactly the keys {', '.join(KEYS)}")
    if type(data["format"]) is not int or data["format"] != FORMAT:
        raise _FaultError(
            f"has the format {shorten(repr(data['format']))}; this program reads format {FORMAT}"
        )
    if not isinstance(data["font"], str) or not data["font"]:
        raise _FaultError("must name its font")
    colors = _read_colors(data["colors"])
    entries = _read_entries(data["pictograms"])
    held_out = _read_held_out(data["held_out"], {entry.code for entry in entries}, set(colors))
    return Pictograms(entries=entries, colors=MappingProxyType(colors), held_out=held_out)


def _read_colors(data: object) -> dict[str, tuple[int, int, int]]:
    if not isinstance(data, dict) or "white" not in data:
        raise _FaultError('must have an object "colors" that holds "white"')
    colors = {}
    for name, value in data.items():
        if not _is_name(name) or not isinstance(value, str) or not COLOR.fullmatch(value):
            raise _FaultError(f"has a colour {shorten(repr(name))} that is not written as a name and #rrggbb")
        red, green, blue = bytes.fromhex(value[1:])
        colors[name] = (red, green, blue)
    if len(set(colors.values())) != len(colors):
        raise _FaultError("gives one colour under two names")
    return colors


def _read_entries(data: object) -> tuple[Pictogram, ...]:
    if not isinstance(data, list) or not data:
        raise _FaultError("must list at least one pictogram")
    entries = tuple(_read_entry(item, number) for number, item in enumerate(data, 1))
    codes, owners = set[str](), dict[str, str]()
    for entry in entries:
        if entry.code in codes:
            raise _FaultError(f"lists the pictogram {entry.code} twice")
        codes.add(entry.code)
        for name in entry.names:
            owner = owners.get(name.casefold())
            if owner is not None:
                raise _FaultError(
                    f"gives the name {shorten(repr(name))} to {owner} and again to {entry.code}"
                )
            owners[name.casefold()] = entry.code
    return entries


def _read_entry(item: object, number: int) -> Pictogram:
    if not isinstance(item, dict) or set(item) != {"code", "names"}:
        raise _FaultError(f'has a pictogram (number {number}) that is not an object with "code" and "names"')
    code, names = item["code"], item["names"]
    if not isinstance(code, str) or not CODE.fullmatch(code) or not _is_character(int(code, 16)):
        raise _FaultError(f"has a pictogram (number {number}) with {shorten(repr(code))} for a code point")
    if not isinstance(names, list) or not 1 <= len(names) <= MAX_NAMES or not all(map(_is_name, names)):
        raise _FaultError(f"must give {code} 1 to {MAX_NAMES} names of 1 to {MAX_NAME_LENGTH} characters")
    return Pictogram(code=code, names=tuple(names))


def _read_held_out(data: object, codes: set[str], colors: set[str]) -> frozenset[tuple[str, str]]:
    if not isinstance(data, list):
        raise _FaultError('must have a list "held_out"')
    pairs = set[tuple[str, str]]()
    for item in data:
        if not isinstance(item, list) or len(item) != 2 or not all(isinstance(part, str) for part in item):
            raise _FaultError(f"holds out {shorten(repr(item))}, which is not a code and a colour")
        code, color = item
        if code not in codes or color not in colors or color == "white" or (code, color) in pairs:
            raise _FaultError(
                f"holds out {shorten(repr(item))}, which is not a listed pictogram on a listed colour other "
                "than white, named once"
            )
        pairs.add((code, color))
    return frozenset(pairs)


def _is_name(value: object) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_LENGTH:
        return False
    return value == value.strip() and value.isprintable()


def _is_character(point: int) -> bool:
    """Whether ``point`` can stand alone in a text: in Unicode's range, and no half of a surrogate pair."""
    return 0x20 < point < 0xD800 or 0xDFFF < point <= 0x10FFFF
