"""A model's files, read without trust: as `studio.storage` and `studio.strict_json`, raising CheckpointError.

Importable without torch.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

from studio import storage
from studio.errors import CheckpointError, StorageError
from studio.messages import message
from studio.strict_json import InvalidJsonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


REPLACED = message("was replaced or changed while it was in use; load the model again")


@contextlib.contextmanager
def as_checkpoint_error(path: Path) -> Iterator[None]:
    """Raise CheckpointError for a file at ``path`` that cannot be read, or for JSON from it that is refused."""
    try:
        yield
    except StorageError as error:
        raise CheckpointError(error.path, error.reason) from error
    except InvalidJsonError as error:
        raise CheckpointError(path, error.of_file()) from error


def open_regular(path: Path, *, links: bool = False) -> BinaryIO:
    """Return `studio.storage.open_regular`; raises CheckpointError."""
    with as_checkpoint_error(path):
        return storage.open_regular(path, links=links)


def read_small(path: Path, limit: int) -> bytes:
    """Return `studio.storage.read_small`; raises CheckpointError."""
    with as_checkpoint_error(path):
        return storage.read_small(path, limit)


def read_linked(path: Path, limit: int) -> bytes:
    """Return the bytes of a small regular file; unlike `read_small` it follows links, as model folders hold them.

    Raises:
        CheckpointError: it cannot be read, is no regular file, or has more than ``limit`` bytes.
    """
    try:
        with open_regular(path, links=True) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > limit:
        raise CheckpointError(path, message("is larger than {limit:,} bytes", limit=limit))
    return data


def unreadable(path: Path, error: OSError | ValueError) -> CheckpointError:
    """Return the error for what the operating system reported while ``path`` was read."""
    fault = storage.read_error(path, error)
    return CheckpointError(fault.path, fault.reason)


class LoadCancelled(Exception):
    """Reading, converting or hashing weights was cancelled."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a file is known by, so that another one in its place, or a change, is noticed.

    Attributes:
        device: the number of its file system.
        inode: its number there.
        size: in bytes.
        modified_ns: the time of its last change.
    """

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the identity of the file with a status of `os.stat` or `os.fstat`."""
        return cls(
            device=status.st_dev, inode=status.st_ino, size=status.st_size, modified_ns=status.st_mtime_ns
        )


def check_unchanged(file: BinaryIO, path: Path, identity: Identity) -> None:
    """Raise CheckpointError unless both the open file and what is at ``path`` have the identity."""
    try:
        found = {Identity.of(os.fstat(file.fileno())), Identity.of(os.stat(path))}
    except OSError as error:
        raise unreadable(path, error) from error
    if found != {identity}:
        raise CheckpointError(path, REPLACED)
