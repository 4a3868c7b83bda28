"""File names of pictures: ``000042-1234-a-red-apple.png``.

The number counts the pictures of a folder and orders them, then come the seed and the first words of the
prompt. A name is safe on Linux, macOS and Windows by construction: it starts with digits (so it is no reserved
name such as CON), holds only letters, marks, digits and ``-`` before its extension, is in NFC and takes at most
110 bytes of UTF-8.
"""

from __future__ import annotations

import re
import unicodedata

SLUG_BYTES = 80
PART_SUFFIX = ".part"

# At most seven digits: a picture of another program named after a date (20260131-...) is not taken for ours.
_PICTURE = re.compile(r"([0-9]{6,7})-[0-9]{1,10}(-.*)?\.png", re.IGNORECASE | re.DOTALL)
_PART = re.compile(r"\.stepwise-[0-9]{6,7}\.part")


def slug(prompt: str, limit_bytes: int = SLUG_BYTES) -> str:
    """Return the first words of ``prompt`` in lower case, joined by ``-``; "" where there are none.

    Args:
        prompt: any text at all.
        limit_bytes: the most bytes of UTF-8 the result may take.

    Letters, digits and the marks that belong to them stay, in every script; all else (separators,
    punctuation, pictograms, control and bidirectional characters, halves of characters) becomes ``-``.
    """
    kept: list[str] = []
    size = 0
    for character in unicodedata.normalize("NFC", prompt[: 8 * limit_bytes].lower()):
        kind = unicodedata.category(character)[0]
        after_gap = not kept or kept[-1] == "-"
        if not (kind in "LN" or (kind == "M" and not after_gap)):
            if after_gap:
                continue
            character = "-"
        size += len(character.encode("utf-8"))
        if size > limit_bytes:
            break
        kept.append(character)
    return "".join(kept).strip("-")


def picture_name(counter: int, seed: int, prompt: str = "") -> str:
    """Return the file name of picture number ``counter`` (from 1) of a folder."""
    words = slug(prompt)
    return f"{counter:06d}-{seed}-{words}.png" if words else f"{counter:06d}-{seed}.png"


def counter_of(name: str) -> int | None:
    """Return the number a picture's file name starts with, or None where the name is not one of ours."""
    match = _PICTURE.fullmatch(name)
    return int(match[1]) if match else None


def part_name(counter: int) -> str:
    """Return the name a picture has while it is being written; hidden where a leading dot hides."""
    return f".stepwise-{counter:06d}{PART_SUFFIX}"


def is_part(name: str) -> bool:
    """Return whether ``name`` is one `part_name` gives."""
    return _PART.fullmatch(name) is not None
