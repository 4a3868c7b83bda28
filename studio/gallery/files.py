"""File names of pictures: ``000042-1234-a-red-apple.png``.

The number counts the pictures of a folder and orders them, then come the seed and the first words of the
prompt. A name is safe on Linux, macOS and Windows by construction: it starts with digits (so it is no reserved
name such as CON), holds only letters, marks, digits and ``-`` before its extension, is in NFC and takes at most
110 bytes of UTF-8.

Writing a file so that neither a crash nor a power cut can leave half of it under its final name.

The order is fixed: write to a part file in the same folder, fsync it, give it its final name without ever
replacing a file, fsync the folder. The part file's name holds the picture's number and is created with O_EXCL,
so it is also the claim by which several processes agree who gets which number.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio import storage
from studio.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


ATTEMPTS = 100
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A file that is complete under its final name.

    Attributes:
        path: where it is.
        confirmed: the disk confirmed the file's name too; if not, a power cut may still lose the file.
    """

    path: Path
    confirmed: bool


def write_new(folder: Path, data: bytes, name_of: Callable[[int], str]) -> WrittenFile:
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
                return WrittenFile(path=final, confirmed=storage.sync_folder(folder) and confirmed)
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
