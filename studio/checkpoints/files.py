"""Model files on disk: opened without trust, written without a half-written moment. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from studio.errors import CheckpointError
from studio.folders import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WRITE_CHUNK = 1 << 24
# A pipe would wait for its other end, were it not opened so.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading if it is a regular one within its own folder.

    Links within the folder are followed; a link that leads out of it could name a device, or a file that was
    never part of the model.

    Raises:
        CheckpointError: it is missing, unreadable, a folder, device or pipe, or a link out of its folder.
    """
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(path.parent.resolve()):
            raise CheckpointError(path, "is a link that leads out of its folder")
        _check_regular(path, real.stat())
        descriptor = os.open(real, _FLAGS)
        try:
            _check_regular(path, os.fstat(descriptor))  # it may have been replaced since
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    except RuntimeError as error:  # how Python before 3.13 reports links that point at each other
        raise CheckpointError(path, "cannot be used: its links point at each other") from error


def _check_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise CheckpointError(path, "is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(path, "is not a regular file (but a device, a pipe or a socket)")


def unreadable(path: Path, error: OSError | ValueError) -> CheckpointError:
    """Return the sentence for what the operating system said when ``path`` was to be read."""
    if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return CheckpointError(path, "is missing")
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        return CheckpointError(path, "cannot be read: this user has no permission")
    worded = storage_error(path, error)
    return CheckpointError(worded.path, worded.reason)


def read_small(path: Path, limit: int) -> bytes:
    """Return the whole of a file of at most ``limit`` bytes.

    Raises:
        CheckpointError: it is larger, or as `open_regular`.
    """
    with open_regular(path) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(data) > limit:
        raise CheckpointError(path, f"is larger than {limit:,} bytes")
    return data


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files of one folder so that at no moment one of them is half written.

    All are safe on disk, beside their places, before the first is moved to its place; what was there before stays
    until then. They are moved in the order given.

    Raises:
        StorageError: one cannot be written.
    """
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in files}
    try:
        for path, data in files.items():
            with _worded(path):
                _write_synced(parts[path], data)
        for path, part in parts.items():
            with _worded(path):
                part.replace(path)
        for folder in {path.parent for path in files}:
            with _worded(folder):
                _sync_folder(folder)
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def _write_synced(path: Path, data: bytes) -> None:
    view = memoryview(data)
    with path.open("wb") as file:
        for start in range(0, len(view), WRITE_CHUNK):
            file.write(view[start : start + WRITE_CHUNK])
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename within ``folder`` last; Windows does so by itself and cannot open folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
