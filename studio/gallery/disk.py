"""The few calls on which the three systems differ: making data durable, naming a file, holding it.

* macOS: fsync stops at the drive's cache, so F_FULLFSYNC is asked for.
* Windows: folders cannot be fsynced (NTFS keeps its own journal), a rename refuses to replace a file, and an
  open file can be neither renamed nor removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    OPEN_FILES_CAN_BE_NAMED = False

    def sync(descriptor: int) -> None:
        """Return once the file's bytes are on the disk. Raises OSError."""
        os.fsync(descriptor)

    def sync_folder(folder: Path) -> bool:
        """Return True: there is nothing to do here."""
        return True

    def give_name(part: Path, final: Path) -> None:
        """Rename ``part`` to ``final``. Raises FileExistsError where that is taken, or another OSError."""
        os.rename(part, final)

    def hold(descriptor: int, part: Path) -> bool:
        """Return True: an open file is safe from `remove_abandoned`."""
        return True

    def remove_abandoned(part: Path) -> None:
        """Remove ``part``. Raises OSError where a process has it open."""
        os.unlink(part)

else:
    import fcntl

    OPEN_FILES_CAN_BE_NAMED = True
    _NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
    _NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS}

    def sync(descriptor: int) -> None:
        """Return once the file's bytes are on the disk. Raises OSError."""
        if sys.platform == "darwin":
            with contextlib.suppress(OSError):  # not every file system there has it
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
                return
        os.fsync(descriptor)

    def sync_folder(folder: Path) -> bool:
        """Make the names in ``folder`` durable; return False where the disk refused to confirm it."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            return error.errno in _NO_FOLDER_SYNC
        return True

    def give_name(part: Path, final: Path) -> None:
        """Move ``part`` to ``final``. Raises FileExistsError where that is taken, or another OSError."""
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

    def hold(descriptor: int, part: Path) -> bool:
        """Lock the open file ``part`` against `remove_abandoned`; return whether it is still there."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(descriptor), os.stat(part))
        except (BlockingIOError, FileNotFoundError):
            return False
        except OSError:  # a file system without locks, where `remove_abandoned` fails too
            return True

    def remove_abandoned(part: Path) -> None:
        """Remove ``part``. Raises OSError where a process holds it or that cannot be told."""
        descriptor = os.open(part, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(part)
        finally:
            os.close(descriptor)
