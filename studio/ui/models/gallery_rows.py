"""Which pictures the gallery lists, in which order, and what is known of each so far. Plain Python, no Qt."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.gallery.entry import Entry

KNOWN_ENTRIES = 4096
"""How many entries are kept in memory; what is on the screen is far less."""
MANY_RUNS = 100
_FIRST_LOOSE = 2**62

Run = tuple[int, int]
"""A first and a last row."""


class Rows:
    """Ids, falling (newest first), and the entries that were read for them.

    A picture that the catalogue does not list yet gets an id above all others, and its entry is never forgotten.

    Attributes:
        ids: one for each row.
        loose: entries without a place in the catalogue, by their ids here.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.ids: list[int] = []
        self.loose: dict[int, Entry] = {}
        self._known: OrderedDict[int, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self.ids)

    def place_of(self, number: int) -> int:
        """Return the row that an id has, or would have."""
        return bisect_left(self.ids, -number, key=_falling)

    def row_of(self, number: int) -> int | None:
        """Return the row of an id; None where it is not listed."""
        row = self.place_of(number)
        return row if row < len(self.ids) and self.ids[row] == number else None

    def id_of(self, entry: Entry) -> int | None:
        """Return the id an entry has here; None where it has none."""
        if entry.id is not None:
            return entry.id
        return next((number for number, kept in self.loose.items() if kept.path == entry.path), None)

    def name_loose(self, entry: Entry) -> int:
        """Give an entry without a place in the catalogue an id, and keep it."""
        number = max(self.loose, default=_FIRST_LOOSE - 1) + 1
        self.loose[number] = entry
        return number

    def entry(self, number: int) -> Entry | None:
        """Return the entry of an id, where it was read already."""
        found = self.loose.get(number) or self._known.get(number)
        if found is not None and number in self._known:
            self._known.move_to_end(number)
        return found

    def know(self, entries: Iterable[Entry]) -> None:
        """Keep entries that were read, and forget those not looked at for longest."""
        for entry in entries:
            if entry.id is not None:
                self._known[entry.id] = entry
                self._known.move_to_end(entry.id)
        while len(self._known) > KNOWN_ENTRIES:
            self._known.popitem(last=False)

    def forget(self, numbers: Iterable[int] | None = None) -> None:
        """Forget the entries of these ids, or all that can be read again."""
        if numbers is None:
            self._known.clear()
            return
        for number in numbers:
            self._known.pop(number, None)
            self.loose.pop(number, None)


def runs_of(rows: Sequence[int]) -> list[Run]:
    """Return rising row numbers as runs without gaps."""
    runs: list[Run] = []
    for row in rows:
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs


def changes(old: Sequence[int], new: Sequence[int]) -> tuple[list[Run], list[Run]] | None:
    """Return the runs of ``old`` that go, and those of ``new`` that come then; None where they are too many."""
    if list(new[len(new) - len(old) :]) == list(old):  # the usual case: new pictures only
        added = len(new) - len(old)
        return [], [(0, added - 1)] if added else []
    stay, known = set(new), set(old)
    gone = runs_of([row for row, number in enumerate(old) if number not in stay])
    come = runs_of([row for row, number in enumerate(new) if number not in known])
    return None if len(gone) + len(come) > MANY_RUNS else (gone, come)


def _falling(number: int) -> int:
    return -number
