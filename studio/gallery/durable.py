"""Writing a file so that neither a crash nor a power cut can leave half of it under its final name.

The order is fixed: write to a part file in the same folder, fsync it, give it its final name without ever
replacing a file, fsync the folder. The part file's name holds the picture's number and is created with O_EXCL,
so it is also the claim by which several processes agree who gets which number.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio import storage
from studio.errors import StorageError
from studio.gallery.names import counter_of, is_part, part_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ATTEMPTS = 100
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that is complete under its final name.

    Attributes:
        path: where it is.
        confirmed: the disk confirmed the file's name too; if not, a power cut may still lose the file.
    """

    path: Path
    confirmed: bool


def write_new(folder: Path, data: bytes, name_of: Callable[[int], str]) -> Written:
    """Write ``data`` to a new file in ``folder``, which is created if need be.

    Args:
        folder: where to write.
        data: the whole file.
        name_of: the file's name for a number (from 1) that is above those of all pictures in the folder.

    Raises:
        StorageError: it could not be written; nothing lies under a final name.
    """
    try:
        made = tuple(itertools.takewhile(lambda above: not above.exists(), (folder, *folder.parents)))
        storage.ensure_folder(folder)
        confirmed = all([storage.sync_folder(new.parent) for new in made])
        for _ in range(ATTEMPTS):
            descriptor, part, counter = _claim(folder)
            final = folder / name_of(counter)
            # Where another program took the very name, or a sweep the part file, take the next number.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                _finish(descriptor, part, final, data)
                return Written(path=final, confirmed=storage.sync_folder(folder) and confirmed)
    except (OSError, ValueError) as error:
        raise storage.storage_error(folder, error) from error
    raise StorageError(folder, storage.NAMES_TAKEN)


def sweep(folder: Path) -> int:
    """Remove part files left by processes that died, and return how many; those in use stay. Never fails."""
    removed = 0
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as found:
        for part in [folder / item.name for item in found if is_part(item.name)]:
            with contextlib.suppress(OSError):
                storage.remove_abandoned(part)
                removed += 1
    return removed


def _claim(folder: Path) -> tuple[int, Path, int]:
    """Return an open part file and its number, which is above that of every picture in ``folder``."""
    counter = _highest(folder) + 1
    while True:
        part = folder / part_name(counter)
        try:
            descriptor = os.open(part, _CREATE, 0o666)
        except FileExistsError:
            counter += 1
            continue
        if not storage.lock_part(descriptor, part):
            os.close(descriptor)
            counter += 1
            continue
        try:
            # Another process may have finished a picture of this number just before the part file was made.
            highest = _highest(folder)
        except BaseException:
            _drop(descriptor, part)
            raise
        if highest < counter:
            return descriptor, part, counter
        _drop(descriptor, part)
        counter = highest + 1


def _finish(descriptor: int, part: Path, final: Path, data: bytes) -> None:
    """Fill the part file, make it durable and give it its final name; on failure remove it."""
    try:
        try:
            storage.write_all(descriptor, data)
            storage.sync_file(descriptor)
            if storage.CAN_RENAME_OPEN_FILES:  # then the lock is kept until the file has its name
                storage.rename_new(part, final)
        finally:
            with contextlib.suppress(OSError):  # after the sync there is nothing left to lose
                os.close(descriptor)
        if not storage.CAN_RENAME_OPEN_FILES:
            storage.rename_new(part, final)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def _highest(folder: Path) -> int:
    with os.scandir(folder) as found:
        return max((counter_of(item.name) or 0 for item in found), default=0)


def _drop(descriptor: int, part: Path) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)
    with contextlib.suppress(OSError):
        os.unlink(part)
