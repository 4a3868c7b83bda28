"""Durable writes, safe reads of untrusted files, and one-sentence I/O errors.

**Writes.** A file is written under a temporary name and fsynced, then renamed over the old one, and the folder is
fsynced: a crash or power failure never leaves half a file under the final name, and never loses the old one. If an
existing file must not be replaced, `rename_new` is used instead. The operating systems differ:

* macOS: fsync only reaches the drive's cache; F_FULLFSYNC goes further.
* Windows: folders cannot be fsynced (NTFS has its own journal), a rename refuses to replace a file, and an open file
  can be neither renamed nor removed.

**Errors.** `as_storage_error` turns an error of the operating system into a `StorageError`.

Imports nothing of the program but its errors.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

from studio.errors import StorageError
from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WRITE_CHUNK = 1 << 24
_READ_CHUNK = 2**20
PART_SUFFIX = ".part"

# O_NONBLOCK: without it, opening a named pipe would wait for its other end.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


# --------------------------------------------------------------------------------------------------------- faults
def _reasons() -> dict[int, Message]:
    no_permission = message("cannot be written: this user has no permission there")
    unplugged = message("cannot be used: the device is gone (was the drive unplugged?)")
    too_many = message("cannot be opened: too many files are open")
    return {
        errno.ENOSPC: message("cannot be written: the disk is full"),
        errno.EDQUOT: message("cannot be written: this user's disk quota is used up"),
        errno.EFBIG: message("cannot be written: the file is larger than this file system allows"),
        errno.EROFS: message("cannot be written: the file system is read-only"),
        errno.EACCES: no_permission,
        errno.EPERM: no_permission,
        errno.EIO: message("cannot be used: the disk reported an input/output error"),
        errno.ENODEV: unplugged,
        errno.ENXIO: unplugged,
        errno.ENOENT: message("cannot be found (was it moved, or the drive unplugged?)"),
        errno.ENOTDIR: message("cannot be used: there is a file in the place of a folder"),
        errno.EEXIST: message("cannot be written: a file or folder with that name already exists"),
        errno.EISDIR: message("cannot be written: a folder with that name already exists"),
        errno.ENAMETOOLONG: message("cannot be used: the name is too long for this file system"),
        errno.EMFILE: too_many,
        errno.ENFILE: too_many,
        errno.ELOOP: message("cannot be used: its symbolic links form a loop"),
        errno.EBUSY: message("cannot be used: another program is using it"),
        errno.ETIMEDOUT: message("cannot be reached: the network drive does not answer"),
    }


def _windows_reasons() -> dict[int, Message]:
    """Return reasons by Windows error code, for codes that errno maps to "no permission" or to nothing useful."""
    return {
        19: message("cannot be written: the disk is write-protected"),
        21: message("cannot be used: the drive is not ready (was it unplugged?)"),
        32: message("cannot be used: another program is using it"),
        53: message("cannot be reached: the network drive does not answer"),
        206: message("cannot be used: the path is too long for this system"),
    }


_REASONS, _WINDOWS_REASONS = _reasons(), _windows_reasons()
NO_SPACE, IN_USE, IO_FAULT = _REASONS[errno.ENOSPC], _REASONS[errno.EBUSY], _REASONS[errno.EIO]
NAMES_TAKEN = message("cannot be written: other programs keep taking the file names it needs")


def storage_error(path: Path | str, error: OSError | ValueError) -> StorageError:
    """Return the error sentence for an operating system error about ``path``.

    Python raises ValueError for a path that no system allows (one that contains a NUL character).
    """
    if isinstance(error, ValueError):
        shown = str(path).replace("\0", "?")
        return StorageError(shown, message("cannot be used: it is not a valid path on this system"))
    reason = _WINDOWS_REASONS.get(getattr(error, "winerror", None) or 0) or _REASONS.get(error.errno or 0)
    if reason is None:
        said = error.strerror or type(error).__name__
        reason = message("cannot be used: {fault}", fault=f"{said[:1].lower()}{said[1:]}")
    return StorageError(path, reason)


@contextlib.contextmanager
def as_storage_error(path: Path | str) -> Iterator[None]:
    """Raise a `StorageError` about ``path`` for an OSError raised inside."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def read_error(path: Path, error: OSError | ValueError) -> StorageError:
    """Return the error sentence for an operating system error while reading ``path``."""
    if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StorageError(path, message("is missing"))
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        return StorageError(path, message("cannot be read: this user has no permission"))
    return storage_error(path, error)


# -------------------------------------------------------------------------------------------------------- folders
def ensure_folder(path: Path) -> Path:
    """Create the folder ``path`` (and those above it) unless it is there, and return it.

    Raises:
        StorageError: it cannot be created, or a file stands in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(path, _REASONS[errno.ENOTDIR]) from error
    except (OSError, ValueError) as error:
        raise storage_error(path, error) from error
    return path


def absolute(path: Path) -> Path:
    """Return ``path`` as an absolute path. Raises StorageError if the working directory no longer exists."""
    with as_storage_error(path):
        return path.absolute()


# -------------------------------------------------------------------------------------------------------- reading
def open_regular(path: Path, *, links: bool = False) -> BinaryIO:
    """Open a file for reading if it is a regular one within its own folder.

    Links within the folder are followed; a link that leads out of it could name a device, or a file that was never part
    of what lies there.

    Args:
        path: the file.
        links: whether links out of the folder are followed too, to a regular file: for folders whose owner put
            them there.

    Raises:
        StorageError: it is missing, unreadable, a folder, device or pipe, or a link out of its folder.
    """
    try:
        real = path.resolve(strict=True)
        if not links and not real.is_relative_to(path.parent.resolve()):
            raise StorageError(path, message("is a link that leads out of its folder"))
        _check_regular(path, real.stat())
        descriptor = os.open(real, _READ)
        try:
            _check_regular(path, os.fstat(descriptor))  # it may have been replaced since
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise
    except (OSError, ValueError) as error:
        raise read_error(path, error) from error
    except RuntimeError as error:  # how Python before 3.13 reports a loop of symbolic links
        raise StorageError(path, _REASONS[errno.ELOOP]) from error


def read_small(path: Path, limit: int) -> bytes:
    """Return the whole of a file of at most ``limit`` bytes.

    Raises:
        StorageError: it is larger, or as `open_regular`.
    """
    data = bytearray()
    with open_regular(path) as file:
        try:
            # In pieces: a single read reserves as much memory as it may return, however small the file is.
            while piece := file.read(min(_READ_CHUNK, limit + 1 - len(data))):
                data += piece
        except OSError as error:
            raise read_error(path, error) from error
    if len(data) > limit:
        raise StorageError(path, message("is larger than {limit:,} bytes", limit=limit))
    return bytes(data)


def _check_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise StorageError(path, message("is a folder, not a file"))
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(path, message("is not a regular file (but a device, a pipe or a socket)"))


# -------------------------------------------------------------------------------------------------------- writing
def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; one of that name is replaced, and its folder is created if need be.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    ensure_folder(path.parent)
    write_files({path: data})


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write files of existing folders so that at no moment one of them is half written.

    All are safe on disk, beside their places, before the first is moved to its place; what was there before stays
    until then. They are moved in the order given.

    Raises:
        StorageError: one cannot be written.
    """
    parts = {path: part_of(path) for path in files}
    try:
        for path, data in files.items():
            with as_storage_error(path), parts[path].open("wb") as file:
                write_chunks(file, data)
                _flush(file)
        for path, part in parts.items():
            with as_storage_error(path):
                part.replace(path)
        for folder in {path.parent for path in files}:
            with as_storage_error(folder):
                _sync_folder(folder)
    except ValueError as error:
        raise storage_error(next(iter(files)), error) from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError, ValueError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file for writing in pieces. It replaces ``path`` at the end, and is removed on any error.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    part = part_of(path)
    try:
        with as_storage_error(path):
            with part.open("wb") as file:
                yield file
                _flush(file)
            part.replace(path)
            _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Return the temporary name under which this thread writes ``path``; hidden on systems where a dot hides files."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}{PART_SUFFIX}")


def write_chunks(file: BinaryIO, data: bytes) -> None:
    """Write ``data`` in pieces of `WRITE_CHUNK`: some systems refuse a single write of gigabytes."""
    view = memoryview(data)
    for start in range(0, len(view), WRITE_CHUNK):
        file.write(view[start : start + WRITE_CHUNK])


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data`` to an open descriptor, which may take less at a time. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _flush(file: BinaryIO) -> None:
    file.flush()
    sync_file(file.fileno())


def sync_folder(folder: Path) -> bool:
    """Make the names in ``folder`` durable; return False if the disk did not confirm it."""
    try:
        _sync_folder(folder)
    except OSError:
        return False
    return True


if sys.platform == "win32":
    CAN_RENAME_OPEN_FILES = False

    def sync_file(descriptor: int) -> None:
        """Return once the file's bytes are on the disk. Raises OSError."""
        os.fsync(descriptor)

    def _sync_folder(folder: Path) -> None:
        """Do nothing: NTFS makes names durable by itself."""

    def rename_new(part: Path, final: Path) -> None:
        """Rename ``part`` to ``final``. Raises FileExistsError if that exists, or another OSError."""
        os.rename(part, final)

    def lock_part(descriptor: int, part: Path) -> bool:
        """Return True: an open file is safe from `remove_abandoned`."""
        return True

    def remove_abandoned(part: Path) -> None:
        """Remove ``part``. Raises OSError if a process has it open."""
        os.unlink(part)

    def is_locked(path: Path) -> bool:
        """Whether a living process has made the file ``path`` by `lock_file` and not yet given it up."""
        try:
            os.rename(path, path)
        except FileNotFoundError:
            return False
        except OSError:  # it is open
            return True
        return False

else:
    import fcntl

    CAN_RENAME_OPEN_FILES = True
    _NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
    _NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS}

    def sync_file(descriptor: int) -> None:
        """Return once the file's bytes are on the disk. Raises OSError."""
        if sys.platform == "darwin":
            with contextlib.suppress(OSError):  # not every file system there has it
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
                return
        os.fsync(descriptor)

    def _sync_folder(folder: Path) -> None:
        """Make the names in ``folder`` durable, if its file system supports that. Raises OSError."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_file(descriptor)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise
        finally:
            os.close(descriptor)

    def rename_new(part: Path, final: Path) -> None:
        """Move ``part`` to ``final``. Raises FileExistsError if that exists, or another OSError."""
        try:
            os.link(part, final)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            # FAT and some network drives. Among our own processes the part file claims the number, and a
            # foreign program would have to make a file of this very name between these two lines.
            if os.path.lexists(final):
                raise FileExistsError(errno.EEXIST, "exists", str(final)) from error
            os.rename(part, final)
        else:
            with contextlib.suppress(OSError):  # the file is complete; a sweep removes its second name
                os.unlink(part)

    def lock_part(descriptor: int, part: Path) -> bool:
        """Lock the open file ``part`` against `remove_abandoned`; return whether it is still there."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(descriptor), os.stat(part))
        except (BlockingIOError, FileNotFoundError):
            return False
        except OSError:  # a file system without locks, where `remove_abandoned` fails too
            return True

    def remove_abandoned(part: Path) -> None:
        """Remove ``part``. Raises OSError if a process has locked it, or its file system has no locks."""
        descriptor = os.open(part, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(part)
        finally:
            os.close(descriptor)

    def is_locked(path: Path) -> bool:
        """Whether a living process has made the file ``path`` by `lock_file` and not yet given it up."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks: what is young is taken to be in use
            with contextlib.suppress(OSError):
                return time.time() - os.fstat(descriptor).st_mtime < _LOCK_AGE_S
            return False
        finally:
            os.close(descriptor)
        return False


_LOCK_AGE_S = 24 * 3600


def lock_file(path: Path) -> int | None:
    """Create the file ``path`` and lock it, so that `is_locked` tells other processes that its maker lives.

    Returns the descriptor for `unlock_file`; None if the file cannot be created.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError:
        return None
    lock_part(descriptor, path)
    return descriptor


def unlock_file(descriptor: int, path: Path) -> None:
    """Unlock a file of `lock_file`, and remove it. Never fails."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.close(descriptor)
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            os.unlink(path)
