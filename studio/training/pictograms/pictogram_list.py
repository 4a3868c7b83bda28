"""The list of pictograms: code points, names, background colours, and what is held out of training.

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
MORE_KEYS = ("held_out_layouts", "held_out_pairs")  # may be left out
LANGUAGES = ("en", "ko")
LAYOUTS = ("plain", "small", "large", "left", "right", "two", "pair")


@dataclass(frozen=True, kw_only=True)
class Pictogram:
    """One drawing and what it is called in English and, where known, in Korean.

    The first name is the one a bare prompt uses.
    """

    code: str
    names: tuple[str, ...]
    ko: tuple[str, ...] = ()

    @property
    def char(self) -> str:
        """The one character that the font draws."""
        return chr(int(self.code, 16))

    def named(self, language: str) -> tuple[str, ...]:
        """Return its names in a language of ``LANGUAGES``."""
        return self.ko if language == "ko" else self.names


@dataclass(frozen=True, kw_only=True)
class Pictograms:
    """The whole list. ``colors`` maps a name to red, green, blue (0 to 255) and holds "white".

    Training skips what is held out, so that evaluation can ask for what was never seen: ``held_out`` has pairs of a
    code and a colour, ``held_out_layouts`` of a code and one of ``LAYOUTS``, ``held_out_pairs`` of two codes that are
    never side by side, in either order.
    """

    entries: tuple[Pictogram, ...]
    colors: Mapping[str, tuple[int, int, int]]
    held_out: frozenset[tuple[str, str]]
    held_out_layouts: frozenset[tuple[str, str]] = frozenset()
    held_out_pairs: frozenset[tuple[str, str]] = frozenset()


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
    if not isinstance(data, dict) or not set(KEYS) <= set(data) <= {*KEYS, *MORE_KEYS}:
        raise _FaultError(
            f"must be an object with the keys {', '.join(KEYS)}, and at most {' and '.join(MORE_KEYS)} beside them"
        )
    if type(data["format"]) is not int or data["format"] != FORMAT:
        raise _FaultError(
            f"has the format {shorten(repr(data['format']))}; this program reads format {FORMAT}"
        )
    if not isinstance(data["font"], str) or not data["font"]:
        raise _FaultError("must name its font")
    colors = _read_colors(data["colors"])
    entries = _read_entries(data["pictograms"])
    codes = {entry.code for entry in entries}
    layouts, pairs = data.get("held_out_layouts", []), data.get("held_out_pairs", [])
    return Pictograms(
        entries=entries,
        colors=MappingProxyType(colors),
        held_out=_read_held_out("held_out", data["held_out"], codes, set(colors) - {"white"}, "colour"),
        held_out_layouts=_read_held_out("held_out_layouts", layouts, codes, set(LAYOUTS[1:-1]), "layout"),
        held_out_pairs=_read_held_out("held_out_pairs", pairs, codes, codes, "other code"),
    )


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
        for name in (*entry.names, *entry.ko):
            owner = owners.get(name.casefold())
            if owner is not None and not (owner == entry.code and name in entry.names and name in entry.ko):
                raise _FaultError(
                    f"gives the name {shorten(repr(name))} to {owner} and again to {entry.code}"
                )
            owners[name.casefold()] = entry.code
    return entries


def _read_entry(item: object, number: int) -> Pictogram:
    if not isinstance(item, dict) or not {"code", "names"} <= set(item) <= {"code", "names", "ko"}:
        raise _FaultError(
            f'has a pictogram (number {number}) that is not an object with "code", "names" and perhaps "ko"'
        )
    code = item["code"]
    if not isinstance(code, str) or not CODE.fullmatch(code) or not _is_character(int(code, 16)):
        raise _FaultError(f"has a pictogram (number {number}) with {shorten(repr(code))} for a code point")
    return Pictogram(
        code=code, names=_read_names(code, item["names"]), ko=_read_names(code, item.get("ko"), least=0)
    )


def _read_names(code: str, names: object, least: int = 1) -> tuple[str, ...]:
    if names is None and not least:
        return ()
    if not isinstance(names, list) or not least <= len(names) <= MAX_NAMES or not all(map(_is_name, names)):
        raise _FaultError(f"must give {code} 1 to {MAX_NAMES} names of 1 to {MAX_NAME_LENGTH} characters")
    return tuple(names)


def _read_held_out(
    key: str, data: object, codes: set[str], others: set[str], what: str
) -> frozenset[tuple[str, str]]:
    """Read pairs of a listed code and one of the others."""
    if not isinstance(data, list):
        raise _FaultError(f'must have a list "{key}"')
    pairs = set[tuple[str, str]]()
    for item in data:
        if not isinstance(item, list) or len(item) != 2 or not all(isinstance(part, str) for part in item):
            raise _FaultError(f"holds out {shorten(repr(item))}, which is not a code and a {what}")
        code, other = item
        if code not in codes or other not in others or (code, other) in pairs or code == other:
            raise _FaultError(
                f"holds out {shorten(repr(item))}, which is not a listed pictogram and a {what} that can be held out, "
                "named once"
            )
        pairs.add((code, other))
    return frozenset(pairs)


def _is_name(value: object) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_LENGTH:
        return False
    return value == value.strip() and value.isprintable()


def _is_character(point: int) -> bool:
    """Whether ``point`` can stand alone in a text: in Unicode's range, and no half of a surrogate pair."""
    return 0x20 < point < 0xD800 or 0xDFFF < point <= 0x10FFFF
