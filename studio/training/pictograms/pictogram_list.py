"""The list of pictograms: code points, names, background colours, and what is held out of training.

The file is untrusted: every entry is checked, and every fault has its own sentence. Importable without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from studio.errors import RecipeError
from studio.messages import message
from studio.strict_json import LINE, InvalidJsonError, convert, must, parse, quoted, without_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

FORMAT = 1
MAX_BYTES = 4 << 20
MAX_NAMES = 4
MAX_NAME_LENGTH = 80
LANGUAGES = ("en", "ko")
LAYOUTS = ("plain", "small", "large", "left", "right", "two", "pair")

_NAMES = must(
    message(
        "must be at most {count} names of 1 to {length} characters", count=MAX_NAMES, length=MAX_NAME_LENGTH
    )
)
_Name = Annotated[str, Meta(max_length=MAX_NAME_LENGTH, pattern=LINE)]
_Code = Annotated[
    str,
    Meta(
        pattern=r"\A[0-9A-F]{1,6}\Z",
        extra=must(
            lambda code: message("must be a code point such as 1F415, not {value}", value=quoted(code))
        ),
    ),
]
_Color = Annotated[str, Meta(pattern=r"\A#[0-9a-f]{6}\Z")]
_Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Pictogram:
    """A pictogram and its names in English and, where known, in Korean; the first name is what a bare prompt uses."""

    code: _Code
    names: Annotated[tuple[_Name, ...], Meta(min_length=1, max_length=MAX_NAMES, extra=_NAMES)]
    ko: Annotated[tuple[_Name, ...], Meta(max_length=MAX_NAMES, extra=_NAMES)] = ()

    @property
    def char(self) -> str:
        """The character that the font draws."""
        return chr(int(self.code, 16))

    def named(self, language: str) -> tuple[str, ...]:
        """Return its names in a language of ``LANGUAGES``."""
        return self.ko if language == "ko" else self.names


@dataclass(frozen=True, kw_only=True)
class Pictograms:
    """The whole list. ``colors`` maps names, among them "white", to red, green, blue (0 to 255).

    Training skips what is held out, so that an evaluation can prompt for combinations that the model has never seen:
    ``held_out`` has pairs of a code and a colour, ``held_out_layouts`` of a code and one of ``LAYOUTS``,
    ``held_out_pairs`` of two codes that are never side by side, in either order.
    """

    entries: tuple[Pictogram, ...]
    colors: Mapping[str, tuple[int, int, int]]
    held_out: frozenset[tuple[str, str]]
    held_out_layouts: frozenset[tuple[str, str]] = frozenset()
    held_out_pairs: frozenset[tuple[str, str]] = frozenset()


class _File(msgspec.Struct):
    font: Annotated[str, Meta(min_length=1, max_length=200)]
    colors: Annotated[
        dict[_Name, _Color], Meta(extra=must(message("must give each colour as a name and #rrggbb")))
    ]
    pictograms: Annotated[
        tuple[Pictogram, ...], Meta(min_length=1, extra=must(message("must list at least one pictogram")))
    ]
    held_out: Annotated[_Pairs, Meta(extra=must(message("must be pairs of a code and a colour")))]
    held_out_layouts: Annotated[
        _Pairs, Meta(extra=must(message("must be pairs of a code and a layout")))
    ] = ()
    held_out_pairs: Annotated[_Pairs, Meta(extra=must(message("must be pairs of two codes")))] = ()


def load_pictograms(path: Path) -> Pictograms:
    """Read and check the list at ``path``.

    Raises:
        RecipeError: the file cannot be read, is no JSON, or breaks a rule; the sentence says which.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecipeError(path, message("cannot be read: {fault}", fault=error.strerror or error)) from error
    if len(content) > MAX_BYTES:
        reason = message(
            "is larger than {size} MiB, the limit for a list of pictograms", size=MAX_BYTES >> 20
        )
        raise RecipeError(path, reason)
    try:
        return _checked(convert(without_version(parse(content), FORMAT, "format"), _File))
    except InvalidJsonError as error:
        raise RecipeError(path, error.of_file()) from error


def _checked(file: _File) -> Pictograms:
    """Return the list; raises InvalidJsonError if its parts are inconsistent."""
    if "white" not in file.colors:
        raise InvalidJsonError("colors", message("must have a colour named white"))
    if len(set(file.colors.values())) != len(file.colors):
        raise InvalidJsonError("colors", message("gives one colour under two names"))
    codes = _check_entries(file.pictograms)
    colors = {name: tuple(bytes.fromhex(value[1:])) for name, value in file.colors.items()}
    return Pictograms(
        entries=file.pictograms,
        colors=MappingProxyType(colors),  # type: ignore[arg-type]  # three bytes each
        held_out=_held_out("held_out", file.held_out, codes, file.colors.keys() - {"white"}),
        held_out_layouts=_held_out("held_out_layouts", file.held_out_layouts, codes, LAYOUTS[1:-1]),
        held_out_pairs=_held_out("held_out_pairs", file.held_out_pairs, codes, codes),
    )


def _check_entries(entries: Iterable[Pictogram]) -> set[str]:
    """Return the codes. Raises InvalidJsonError for a code that is no character, or a code or name used twice."""
    codes, owners = set[str](), dict[str, str]()
    for place, entry in enumerate(entries):
        where = f"pictograms[{place}]"
        if not _is_character(int(entry.code, 16)):
            reason = message("must be a code point such as 1F415, not {value}", value=quoted(entry.code))
            raise InvalidJsonError(f"{where}.code", reason)
        if entry.code in codes:
            raise InvalidJsonError(
                f"{where}.code", message("lists the pictogram {code} twice", code=entry.code)
            )
        codes.add(entry.code)
        for name in (*entry.names, *entry.ko):
            owner = owners.get(name.casefold())
            in_both = name in entry.names and name in entry.ko
            if owner is not None and not (owner == entry.code and in_both):
                reason = message(
                    "gives the name {name} to {first} and again to {second}",
                    name=quoted(name),
                    first=owner,
                    second=entry.code,
                )
                raise InvalidJsonError(where, reason)
            owners[name.casefold()] = entry.code
    return codes


def _held_out(
    field: str, pairs: _Pairs, codes: Collection[str], others: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return pairs of a listed code and one of the others, each listed once; raises InvalidJsonError."""
    listed = set[tuple[str, str]]()
    for place, (code, other) in enumerate(pairs):
        if code not in codes or other not in others or code == other or (code, other) in listed:
            reason = message(
                "must be a listed pictogram and something to hold out with it, each pair once, not {code} and {other}",
                code=quoted(code),
                other=quoted(other),
            )
            raise InvalidJsonError(f"{field}[{place}]", reason)
        listed.add((code, other))
    return frozenset(listed)


def _is_character(point: int) -> bool:
    """Whether ``point`` is a printable character's: in Unicode's range, and no half of a surrogate pair."""
    return 0x20 < point < 0xD800 or 0xDFFF < point <= 0x10FFFF
