"""Tells whether a prompt is written in a script that CLIP learned: its captions were English."""

from __future__ import annotations

import unicodedata
from collections import Counter


def foreign_script(text: str) -> str | None:
    """Return the script that most letters of a text belong to, such as "Hangul"; None if that is Latin.

    The name is the first word of the letters' Unicode names.
    """
    scripts = Counter(unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha())
    if not scripts:
        return None
    script, _ = scripts.most_common(1)[0]
    return None if script in ("LATIN", "?") else script.title()
