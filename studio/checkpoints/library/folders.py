"""The folders that the user's own models are in: the program's, and those of other programs that are used in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from studio.errors import StorageError
from studio.storage import ensure_folder, write_file
from studio.strict_json import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio.folders import Folders

FILE_NAME: Final = "model-folders.json"
MAX_FOLDERS: Final = 200
_MAX_BYTES: Final = 1_000_000


class _Stored(msgspec.Struct, frozen=True):
    folders: list[str]


def added_folders(folders: Folders) -> tuple[Path, ...]:
    """Return the files and folders that the user added, in that order; () if the list cannot be read."""
    try:
        stored = read_file(folders.settings / FILE_NAME, _Stored, _MAX_BYTES)
    except StorageError:
        return ()
    return tuple(map(Path, stored.folders[:MAX_FOLDERS]))


def add_folders(folders: Folders, added: Iterable[Path]) -> tuple[Path, ...]:
    """Add files or folders with models, and return those that were not in the list.

    Raises:
        StorageError: the list cannot be written.
    """
    known = added_folders(folders)
    new = tuple(
        path
        for path in dict.fromkeys(one.absolute() for one in added)
        if path not in (*known, folders.models)
    )
    _write(folders, (*known, *new))
    return new


def remove_folder(folders: Folders, removed: Path) -> None:
    """Remove a file or folder from the list; nothing on the disk changes. Raises StorageError."""
    _write(folders, [path for path in added_folders(folders) if path != removed.absolute()])


def _write(folders: Folders, listed: Iterable[Path]) -> None:
    data = json.dumps({"folders": [str(path) for path in listed]}, indent=1)
    ensure_folder(folders.settings)
    write_file(folders.settings / FILE_NAME, data.encode())
