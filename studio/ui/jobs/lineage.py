"""The family of a recorded run: the runs it was forked from, and those forked from it. Imports no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.gallery.index import Catalogue, Entry
    from studio.runs.format import RunHeader
    from studio.runs.store import RunStore

MOST = 40
"""Largest number of relatives that are listed."""
_MOST_STEPS_UP = 100


@dataclass(frozen=True, kw_only=True)
class Relative:
    """One run of a family.

    Attributes:
        run: its id.
        depth: the number of forks between it and the first run.
        parent: the run that it was forked from; None for the first run.
        step: the step of its parent that it was forked from; None for the first run.
        steps: its last step.
        prompt: its prompt.
        sampler: the name of its sampler.
        is_this: whether it is the run whose family this is.
        entry: its picture in the gallery; None if that is missing.
    """

    run: str
    depth: int = 0
    parent: str | None = None
    step: int | None = None
    steps: int = 0
    prompt: str = ""
    sampler: str = ""
    is_this: bool = False
    entry: Entry | None = None


def family_of(store: RunStore, catalogue: Catalogue, run: str) -> tuple[Relative, ...]:
    """Return a run and all its relatives, each before those that were forked from it.

    Raises:
        StorageError: the run or the catalogue cannot be read.
    """
    header = store.open(run).header
    first, seen = header, {header.id}
    for _ in range(_MOST_STEPS_UP):
        if first.parent is None or first.parent in seen:
            break
        try:
            first = store.open(first.parent).header
        except StorageError:  # deleted to free space, or by the user
            break
        seen.add(first.id)
    family = _Family(store, catalogue, run)
    family.add(first, 0)
    return tuple(family.found)


def places_of(family: Sequence[Relative]) -> dict[str, tuple[int, int]]:
    """Return (column, row) of each run in a drawing: the first fork beside its parent, others on rows of their own."""
    places: dict[str, tuple[int, int]] = {}
    rows, taken = 0, set[str]()
    for relative in family:
        parent = relative.parent if relative.depth else None
        if parent is not None and parent in places and parent not in taken:
            row = places[parent][1]
        else:
            row, rows = rows, rows + 1
        if parent is not None:
            taken.add(parent)
        places[relative.run] = relative.depth, row
    return places


class _Family:
    def __init__(self, store: RunStore, catalogue: Catalogue, this: str) -> None:
        self._store, self._catalogue, self._this = store, catalogue, this
        self._finals = {run: known.final_sha256 for run, known in store.known()}
        self.found: list[Relative] = []

    def add(self, header: RunHeader, depth: int) -> None:
        """Add a run, then its forks."""
        if len(self.found) >= MOST or any(relative.run == header.id for relative in self.found):
            return
        relative = Relative(
            run=header.id,
            depth=depth,
            parent=header.parent if depth else None,
            step=header.parent_step if depth else None,
            steps=header.last_index,
            prompt=str(header.request.get("prompt", "")),
            sampler=str(header.request.get("sampler", "")),
            is_this=header.id == self._this,
            entry=self._picture_of(header.id),
        )
        self.found.append(relative)
        for fork in self._store.forks_of(header.id):
            try:
                forked = self._store.open(fork).header
            except StorageError:
                continue
            self.add(forked, depth + 1)

    def _picture_of(self, run: str) -> Entry | None:
        final = self._finals.get(run) or ""
        number = self._catalogue.ids_by_final_hash([final]).get(final)
        return next(iter(self._catalogue.entries_of([number])), None) if number is not None else None
