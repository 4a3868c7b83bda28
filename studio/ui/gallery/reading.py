"""Background reading for the gallery: the list of pictures, entries, and whole pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.errors import StorageError
from studio.ui.core.images import to_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from PySide6.QtGui import QImage

    from studio.gallery.index import Catalogue, Entry

FIRST_ENTRIES = 60
"""How many entries are read together with the list: those shown first."""
SMALL_REBUILD_S = 0.5
"""How long the list waits for a rebuild; that of a small gallery ends before."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """The list of pictures.

    Attributes:
        ids: of all matching pictures, newest first.
        first: the entries of the newest ones.
        indexed: those of the unindexed entries that are in the catalogue now.
        rebuilding: whether there will be more, because the catalogue is being rebuilt.
    """

    ids: tuple[int, ...]
    first: tuple[Entry, ...]
    indexed: tuple[int, ...] = ()
    rebuilding: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Fetched:
    """The entries asked for, and the ids that are no longer in the catalogue."""

    entries: tuple[Entry, ...]
    gone: tuple[int, ...]


def load(catalogue: Catalogue, text: str, unindexed: Mapping[int, Entry], *, recover: bool) -> Loaded:
    """Read the list.

    Args:
        catalogue: the catalogue.
        text: the search text.
        unindexed: entries that could not be added before, by their ids in the model; they are tried again.
        recover: begin to rebuild an empty catalogue from the folder of pictures.

    Raises:
        StorageError: the catalogue cannot be read.
    """
    indexed = tuple(number for number, entry in unindexed.items() if _enter(catalogue, entry))
    ids = catalogue.ids(text)
    rebuilding = (recover and not text and not ids and catalogue.recover()) or catalogue.is_rebuilding()
    if rebuilding:
        catalogue.wait(SMALL_REBUILD_S)
        rebuilding = catalogue.is_rebuilding()
        ids = catalogue.ids(text)
    first = catalogue.entries_of(ids[:FIRST_ENTRIES])
    return Loaded(ids=ids, first=first, indexed=indexed, rebuilding=rebuilding)


def fetch(catalogue: Catalogue, ids: Sequence[int]) -> Fetched:
    """Read the entries of some ids. Raises StorageError."""
    entries = catalogue.entries_of(ids)
    found = {entry.id for entry in entries}
    return Fetched(entries=entries, gone=tuple(number for number in ids if number not in found))


def read_picture(path: Path) -> QImage:
    """Return a whole picture. Raises StorageError."""
    # Late, and in another thread: numpy and Pillow would keep the window from opening.
    from studio.gallery.images import read_pixels  # noqa: PLC0415

    return to_image(read_pixels(path))


def _enter(catalogue: Catalogue, entry: Entry) -> bool:
    try:
        catalogue.add(replace(entry, id=None, notes=()))
    except StorageError:
        return False
    return True
