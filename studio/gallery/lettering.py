"""Text on exported pictures, in the interface's own font, so that a picture looks the same wherever it was made.

The shipped font has Latin, Greek, Cyrillic, Japanese syllables and all of Hangul. A character that it lacks is drawn
as the nearest thing there is, in this order: its compatibility form ("ﬁ" as "fi"), a font of the system that has it
(Chinese, for instance), its Unicode name in brackets ("(fox face)" for an emoji), an empty square.
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
"""Files of the fonts that systems bring for scripts the shipped font lacks, those for Chinese first."""
_FOLDERS: Final = {
    "win32": ("C:/Windows/Fonts",),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts"),
}
_LINUX_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts")
_NO_CHARACTER: Final = "\uffff"
"""No font has a glyph for it, so that what is drawn is the font's sign for a missing character."""
_SQUARE: Final = "\u25a1"
_SKIN_TONES: Final = frozenset("🏻🏼🏽🏾🏿")


class Letter(NamedTuple):
    """A character and the font file that draws it."""

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
    """Draw a text on one line, cut with an ellipsis where it would be wider than ``width`` pixels.

    Args:
        draw: what is drawn on.
        at: the upper left corner.
        text: any text; line breaks and other control characters are drawn as spaces, joiners not at all.
        width: the room there is, in pixels.
        size: the font's size in pixels.
        fill: the colour, RGB.
    """
    x, y = float(at[0]), at[1] + open_font(interface_font(), size).getmetrics()[0]
    for file, run in itertools.groupby(fitted(text, width, size), key=lambda letter: letter.file):
        part, font = "".join(letter.text for letter in run), open_font(file, size)
        draw.text((x, y), part, fill, font, anchor="ls")
        x += font.getlength(part)


def fitted(text: str, width: int, size: int) -> list[Letter]:
    """Return the letters of a line, cut with an ellipsis where they would be wider than ``width`` pixels."""
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
    """Return what is drawn for a character, never a font's sign for a missing one."""
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
    if unicodedata.category(character) in ("Mn", "Me"):  # a mark or a variation of the character before
        return ()
    for file in _system_fonts():
        if has_glyph(file, character):
            return (Letter(character, file),)
    if unicodedata.category(character) == "So":
        name = unicodedata.name(character, "").lower()
        return tuple(Letter(letter, shipped) for letter in f"({name})" if name)
    return (Letter(_SQUARE, shipped),)


@functools.lru_cache(maxsize=4096)
def has_glyph(file: Path, character: str) -> bool:
    """Return whether a font file draws a character otherwise than as a missing one."""
    font = open_font(file, 24)
    drawn, missing = font.getmask(character), font.getmask(_NO_CHARACTER)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


@functools.lru_cache(maxsize=32)
def open_font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    """Return a font file at a size in pixels."""
    # Raqm is not on every machine, and text must not be wider on some.
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=4096)
def _length(letter: Letter, size: int) -> float:
    return open_font(letter.file, size).getlength(letter.text)


@functools.cache
def _system_fonts() -> tuple[Path, ...]:
    """Return those of `_SYSTEM_FONTS` that are on this machine and can be opened, in their order."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS.get(sys.platform, _LINUX_FOLDERS):
        for path in Path(folder).expanduser().rglob("*"):
            if path.name in _SYSTEM_FONTS:
                found.setdefault(path.name, path)
    return tuple(found[name] for name in _SYSTEM_FONTS if name in found and _opens(found[name]))


def _opens(file: Path) -> bool:
    try:
        # Pillow takes another font of that name where it cannot read this one.
        return str(open_font(file, 24).path) == str(file)
    except OSError:
        return False
