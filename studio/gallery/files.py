"""Files of pictures: their names, and how a new one is written.

**Names** look like ``000042-1234-a-red-apple.png``: the number of the picture in its folder, which orders them, the
seed and the first words of the prompt. They are valid on Linux, macOS and Windows: a name starts with digits (so it is
not a reserved one such as CON), has only letters, marks, digits and ``-`` before its extension, is in NFC and takes at
most 110 bytes of UTF-8.

**Writing.** Neither a crash nor a power cut leaves half a file under its final name: the data is written to a part file
in the same folder and fsynced, the part file is renamed without replacing another file, and the folder is fsynced. The
part file's name holds the picture's number and is created with O_EXCL, so that no two processes use the same number.
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

# At most seven digits: a picture that another program named after a date (20260131-...) does not match.
_PICTURE = re.compile(r"([0-9]{6,7})-[0-9]{1,10}(-.*)?\.png", re.IGNORECASE | re.DOTALL)
_PART = re.compile(r"\.stepwise-[0-9]{6,7}\.part")


def slug(prompt: str, limit_bytes: int = SLUG_BYTES) -> str:
    """Return the first words of ``prompt`` in lower case, joined by ``-``; "" if there are none.

    Letters, digits and their marks are kept, in every script; everything else (separators, punctuation, pictograms,
    control and bidirectional characters, lone surrogates) becomes ``-``.

    Args:
        prompt: any text.
        limit_bytes: the maximum length of the result in UTF-8.
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
    """Return the number that a picture's file name starts with; None if the name is not one of ours."""
    match = _PICTURE.fullmatch(name)
    return int(match[1]) if match else None


def part_name(counter: int) -> str:
    """Return the name of a picture's file while it is written; on Linux and macOS a leading dot hides it."""
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
        path: the file.
        confirmed: whether the folder was fsynced too; if not, a power cut may still lose the file.
    """

    path: Path
    confirmed: bool


def write_new(folder: Path, data: bytes, name_of: Callable[[int], str]) -> WrittenFile:
    """Write ``data`` to a new file in ``folder``, which is created if need be.

    Args:
        folder: the folder.
        data: the whole file.
        name_of: returns the file's name for its number, which is 1 or higher and above those of the folder's pictures.

    Raises:
        StorageError: it could not be written, and no file was left behind.
    """
    try:
        made = tuple(itertools.takewhile(lambda above: not above.exists(), (folder, *folder.parents)))
        storage.ensure_folder(folder)
        confirmed = all([storage.sync_folder(new.parent) for new in made])
        for _ in range(ATTEMPTS):
            descriptor, part, counter = _claim(folder)
            final = folder / name_of(counter)
            # If another program took this name, or a sweep removed the part file, try the next number.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                _finish(descriptor, part, final, data)
                return WrittenFile(path=final, confirmed=storage.sync_folder(folder) and confirmed)
    except (OSError, ValueError) as error:
        raise storage.storage_error(folder, error) from error
    raise StorageError(folder, storage.NAMES_TAKEN)


def sweep(folder: Path) -> int:
    """Remove the part files of processes that died, and return how many; those in use stay. Never fails."""
    removed = 0
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as found:
        for part in [folder / item.name for item in found if is_part(item.name)]:
            with contextlib.suppress(OSError):
                storage.remove_abandoned(part)
                removed += 1
    return removed


def _claim(folder: Path) -> tuple[int, Path, int]:
    """Create a part file, and return its descriptor, path and number, which is above those of the folder's pictures."""
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
            # Another process may have finished a picture of this number just before the part file was created.
            highest = _highest(folder)
        except BaseException:
            _drop(descriptor, part)
            raise
        if highest < counter:
            return descriptor, part, counter
        _drop(descriptor, part)
        counter = highest + 1


def _finish(descriptor: int, part: Path, final: Path, data: bytes) -> None:
    """Write the part file, fsync it and rename it; on failure remove it."""
    try:
        try:
            storage.write_all(descriptor, data)
            storage.sync_file(descriptor)
            if storage.CAN_RENAME_OPEN_FILES:  # then it stays locked until it is renamed
                storage.rename_new(part, final)
        finally:
            with contextlib.suppress(OSError):  # nothing can be lost after the fsync
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
