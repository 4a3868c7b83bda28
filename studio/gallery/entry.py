"""A picture as the gallery knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from studio.errors import StorageError
    from studio.gallery.metadata import PictureMetadata


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finished picture.

    Attributes:
        path: its file, absolute.
        width: pixels.
        height: pixels.
        metadata: how it was made.
        id: its place in the catalogue, rising with time; None where it is not in the catalogue.
        missing: the file was not there when last looked for (moved, or its drive unplugged).
        notes: whole sentences the user should see; none where all went well.
    """

    path: Path
    width: int
    height: int
    metadata: PictureMetadata
    id: int | None = None
    missing: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What going through a folder found.

    Attributes:
        pictures: files of ours that are now in the catalogue, new or known.
        missing: entries whose file is gone; they stay in the catalogue.
        others: pictures that another program made; left alone.
        unreadable: one error for each file or folder that could not be read.
    """

    pictures: int
    missing: int
    others: int
    unreadable: tuple[StorageError, ...]
