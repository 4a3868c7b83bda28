"""A model's files, read without trust: as `studio.storage` and `studio.strict_json`, raising CheckpointError."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, BinaryIO

from studio import storage
from studio.errors import CheckpointError, StorageError
from studio.strict_json import InvalidJsonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def unreadable(path: Path, error: OSError | ValueError) -> CheckpointError:
    """Return the error for what the operating system reported while ``path`` was read."""
    fault = storage.read_error(path, error)
    return CheckpointError(fault.path, fault.reason)
