"""Keeps two set-ups of one folder apart."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from launcher.faults import LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK = ".venv.lock"


@contextlib.contextmanager
def only_one(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock that keeps two set-ups of one folder apart; the system frees it when the process ends."""
    try:
        lock = (root / LOCK).open("a+b")
    except OSError as error:
        raise LaunchError(
            f"The folder {root} cannot be written ({error.strerror}), and .venv has to be made in it; copy the program "
            "to a folder of your own."
        ) from error
    with lock:
        if not _try_lock(lock.fileno(), wait=False):
            say("Another start is setting the program up; waiting for it")
            _try_lock(lock.fileno(), wait=True)
        yield


def _try_lock(file: int, *, wait: bool) -> bool:
    if sys.platform == "win32":
        import msvcrt  # there on Windows only

        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                # LK_LOCK gives up after ten tries, a second apart.
                if not wait:
                    return False
            else:
                return True
    import fcntl  # there on POSIX only

    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
