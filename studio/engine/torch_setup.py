"""What the thread that runs the engine owes the one that paints, before torch is there. Imports no torch.

Two things about torch freeze a window that is in the same process, and neither shows in its documentation.

- Its threads wait for each other by spinning. Where another program, or the window, wants one of their cores, each of
  thousands of short waits lasts until the system gives that core back: measured on two cores with another program on
  one, a picture of one second took thirty, and the window's timers came 120 milliseconds late.
- Its library is loaded with Python's lock held: nothing else in the process runs Python for about 200 milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
from pathlib import Path

_LIBRARIES = ("libtorch_cpu.so", "libtorch_cpu.dylib")


def prepare_for_torch() -> None:
    """Do what makes torch a good neighbour. To be called in the thread that will import it, before that."""
    wait_without_spinning()
    preload_torch()


def wait_without_spinning() -> None:
    """Let OpenMP's threads sleep while they wait, unless the user has said how they should wait.

    Costs some speed where the machine has nothing else to do, and saves most of the time where it has.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # the same for the OpenMP of Windows and macOS


def preload_torch() -> bool:
    """Load torch's library with Python's lock released, so that importing torch finds it loaded.

    A call through ctypes releases the lock; loading by ``import``, and by ctypes itself, does not. Whatever is in the
    way is left for the import to find.

    Returns:
        Whether it was loaded.
    """
    if os.name != "posix":
        return False
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    folder = Path(spec.origin).parent / "lib"
    with contextlib.suppress(OSError, AttributeError):  # a system whose C library has no such function
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        for path in (folder / name for name in _LIBRARIES):
            if path.is_file():
                return dlopen(os.fsencode(path), os.RTLD_LAZY) is not None
    return False
