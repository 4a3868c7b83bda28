"""The family of a recorded run: where it was forked from, and what was forked from it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.errors import StorageError

if TYPE_CHECKING:
    from studio.runs.header import RunHeader
    from studio.runs.store import RunStore

MOST = 40
"""Relatives that are listed at most."""
_MOST_STEPS_UP = 100


@dataclass(frozen=True)
class Relative:
    """One run of a family.

    Attributes:
        run: its id.
        depth: how many forks lie between it and the first run.
        step: of its parent, that it goes on from; None for the first run.
        prompt: what it is of.
        sampler: how it was made.
        is_this: whether it is the one that was asked about.
    """

    run: str
    depth: int
    step: int | None
    prompt: str
    sampler: str
    is_this: bool


def family_of(store: RunStore, run: str) -> tuple[Relative, ...]:
    """Return a run and all its relatives, each before those that were forked from it.

    Raises:
        StorageError: the run cannot be read.
    """
    header = store.open(run).header
    first, seen = header, {header.id}
    for _ in range(_MOST_STEPS_UP):
        if first.parent is None or first.parent in seen:
            break
        try:
            first = store.open(first.parent).header
        except StorageError:  # given up, or removed
            break
        seen.add(first.id)
    found: list[Relative] = []
    _list(store, first, 0, run, found)
    return tuple(found)


def _list(store: RunStore, header: RunHeader, depth: int, this: str, found: list[Relative]) -> None:
    if len(found) >= MOST or any(relative.run == header.id for relative in found):
        return
    found.append(
        Relative(
            run=header.id,
            depth=depth,
            step=header.parent_step if depth else None,
            prompt=str(header.request.get("prompt", "")),
            sampler=str(header.request.get("sampler", "")),
            is_this=header.id == this,
        )
    )
    for fork in store.forks_of(header.id):
        try:
            forked = store.open(fork).header
        except StorageError:
            continue
        _list(store, forked, depth + 1, this, found)
