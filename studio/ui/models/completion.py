"""Which names go on from what was just typed. No Qt, no state but the words themselves."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.checkpoints.words import Words

MOST = 6
MOST_WORDS = 4
"""Of a name that is typed."""
LETTERS = 2
"""Before anything is offered; one is enough of a script whose letters say more (Hangul, kana, Chinese characters)."""
LOOKED_AT = 100
_START = re.compile(r"(?:^|(?<=[\s,;(]))[^\s,;(]")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Names for what was typed.

    Attributes:
        typed: the end of the text that a name would take the place of.
        names: the most fitting first.
        eager: whether the first is as good as chosen; not where what was typed may be all that is meant.
    """

    typed: str
    names: tuple[str, ...]
    eager: bool


class Completion:
    """Finds names by their beginning, then by the beginning of any of their words."""

    def __init__(self, words: Words) -> None:
        """Prepare the words for looking them up."""
        self.names = words.names
        self._folded = tuple(map(_folded, words.names))
        self._known = frozenset(self._folded)
        # The words between the names, such as "on" and "teal": nobody wants "onion" for them.
        self._between = frozenset(
            word for text in words.examples for word in re.findall(r"[\w-]+", _folded(text))
        )

    def offer(self, before: str, after: str) -> Offer | None:
        """Return what to offer where the cursor stands between two texts; None where it is in no word's end."""
        if not before[-1:].isalnum() or after[:1].isalnum():
            return None
        text = before.rpartition("\n")[2][-LOOKED_AT:]
        starts = [match.start() for match in _START.finditer(text)][-MOST_WORDS:]
        for start in starts:  # the most words first
            typed = text[start:]
            folded = _folded(typed)
            if len(folded) < LETTERS and folded.isascii():
                continue
            eager = folded not in self._known and folded not in self._between
            if names := self._going_on(folded, eager=eager):
                return Offer(typed=typed, names=names, eager=eager)
        return None

    def search(self, text: str) -> tuple[str, ...]:
        """Return every name that holds a text: those that begin with it, then those with such a word, then others."""
        folded = _folded(" ".join(text.split()))
        if not folded:
            return self.names
        ranked: tuple[list[str], list[str], list[str]] = ([], [], [])
        for name, other in zip(self.names, self._folded, strict=True):
            if folded in other:
                ranked[0 if other.startswith(folded) else 1 if f" {folded}" in other else 2].append(name)
        return tuple(name for rank in ranked for name in rank)

    def _going_on(self, folded: str, *, eager: bool) -> tuple[str, ...]:
        first: list[str] = []
        then: list[str] = []
        for name, other in zip(self.names, self._folded, strict=True):
            if folded not in other or folded == other:
                continue
            if other.startswith(folded if eager else f"{folded} "):
                first.append(name)
            elif (eager and f" {folded}" in other) or (
                folded in self._known and f" {folded} " in f" {other} "
            ):
                then.append(name)
        return (*sorted(first, key=len), *sorted(then, key=len))[:MOST]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
