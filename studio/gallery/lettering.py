"""Text on exported pictures, in the font that the program ships, so that exports look the same on every machine.

The font has Latin, Greek, Cyrillic, kana and all of Hangul. For a character that it lacks, the first that is possible
is drawn: its compatibility form ("ﬁ" as "fi"), the character in a font of the system (Chinese, for instance), its
Unicode name in brackets ("(fox face)" for an emoji), an empty square.
"""

from __future__ import annotations

import functools
import itertools
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import ImageFont

from studio.folders import interface_font

if TYPE_CHECKING:
    from PIL import ImageDraw

_SYSTEM_FONTS: Final = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "msyh.ttc",
    "seguisym.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
)
"""Font files that systems have for scripts the shipped font lacks, those for Chinese first."""
_FOLDERS: Final = {
    "win32": ("C:/Windows/Fonts",),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts"),
}
_LINUX_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts")
_NO_CHARACTER: Final = "\uffff"
"""A noncharacter: no font has a glyph for it, so the font's glyph for missing characters is drawn."""
_SQUARE: Final = "\u25a1"
_SKIN_TONES: Final = frozenset("🏻🏼🏽🏾🏿")


class Letter(NamedTuple):
    """A character, and the font file that it is drawn with."""

    text: str
    file: Path


def draw_line(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    *,
    width: int,
    size: int,
    fill: tuple[int, int, int],
) -> None:
    """Draw a text on one line, elided if it would be wider than ``width`` pixels.

    Args:
        draw: the image to draw on.
        at: the upper left corner, in pixels.
        text: any text; line breaks and other control characters are drawn as spaces, joiners are left out.
        width: the maximum width in pixels.
        size: the font size in pixels.
        fill: the colour, RGB.
    """
    x, y = float(at[0]), at[1] + open_font(interface_font(), size).getmetrics()[0]
    for file, run in itertools.groupby(elided(text, width, size), key=lambda letter: letter.file):
        part, font = "".join(letter.text for letter in run), open_font(file, size)
        draw.text((x, y), part, fill, font, anchor="ls")
        x += font.getlength(part)


def elided(text: str, width: int, size: int) -> list[Letter]:
    """Return the letters of a line, elided if they would be wider than ``width`` pixels."""
    composed = unicodedata.normalize("NFC", text)
    letters = list(itertools.chain.from_iterable(map(letters_for, composed)))
    ends = list(itertools.accumulate(_length(letter, size) for letter in letters))
    if not ends or ends[-1] <= width:
        return letters
    ellipsis = Letter("…", interface_font())
    room = width - _length(ellipsis, size)
    return [*(letter for letter, end in zip(letters, ends, strict=True) if end <= room), ellipsis]


@functools.lru_cache(maxsize=4096)
def letters_for(character: str) -> tuple[Letter, ...]:
    """Return the letters that are drawn for a character; each has a glyph in its font."""
    shipped = interface_font()
    if character in _SKIN_TONES or unicodedata.category(character) == "Cf":
        return ()
    if not character.isprintable():
        return (Letter(" ", shipped),)
    if has_glyph(shipped, character):
        return (Letter(character, shipped),)
    plain = unicodedata.normalize("NFKC", character)
    if all(has_glyph(shipped, letter) for letter in plain):
        return tuple(Letter(letter, shipped) for letter in plain)
    if unicodedata.category(character) in ("Mn", "Me"):  # a combining mark or a variation selector
        return ()
    for file in system_fonts():
        if has_glyph(file, character):
            return (Letter(character, file),)
    if unicodedata.category(character) == "So":
        name = unicodedata.name(character, "").lower()
        return tuple(Letter(letter, shipped) for letter in f"({name})" if name)
    return (Letter(_SQUARE, shipped),)


@functools.lru_cache(maxsize=4096)
def has_glyph(file: Path, character: str) -> bool:
    """Return whether a font has a glyph for a character."""
    font = open_font(file, 24)
    drawn, missing = font.getmask(character), font.getmask(_NO_CHARACTER)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


@functools.lru_cache(maxsize=32)
def open_font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    """Return a font at a size in pixels."""
    # The Raqm layout engine is not on every machine, and gives other widths.
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=4096)
def _length(letter: Letter, size: int) -> float:
    return open_font(letter.file, size).getlength(letter.text)


@functools.cache
def system_fonts() -> tuple[Path, ...]:
    """Return the `_SYSTEM_FONTS` that are installed and can be opened, in their order."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS.get(sys.platform, _LINUX_FOLDERS):
        for path in Path(folder).expanduser().rglob("*"):
            if path.name in _SYSTEM_FONTS:
                found.setdefault(path.name, path)
    return tuple(found[name] for name in _SYSTEM_FONTS if name in found and _opens(found[name]))


def _opens(file: Path) -> bool:
    try:
        # If Pillow cannot read this file, it looks for another of the same name.
        return str(open_font(file, 24).path) == str(file)
    except OSError:
        return False
