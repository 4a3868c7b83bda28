"""Prepares the process for torch, so that torch does not freeze a window in the same process. Imports no torch.

Two things about torch freeze the window, and neither is documented.

- Its threads wait for each other by spinning. If another program or the window uses one of their cores, each of
  thousands of short waits lasts until the system gives that core back. Measured on two cores with another program on
  one of them, a picture of one second took thirty, and the window's timers fired 120 milliseconds late.
- Its library is loaded with the GIL held, so that no other thread runs Python code for about 200 milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
from pathlib import Path

_LIBRARIES = ("libtorch_cpu.so", "libtorch_cpu.dylib")


def prepare_for_torch() -> None:
    """Set up OpenMP and load the library. Must be called in the thread that imports torch, before the import."""
    wait_without_spinning()
    preload_torch()


def wait_without_spinning() -> None:
    """Let OpenMP's threads sleep while they wait, unless the user has chosen a wait policy.

    Slightly slower on an idle machine, and many times faster on a busy one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # the same for the OpenMP of Windows and macOS


def preload_torch() -> bool:
    """Load torch's library with the GIL released, so that importing torch finds it loaded.

    A call through ctypes releases the GIL; loading by ``import``, or by ctypes itself, does not. Errors are ignored
    here; the import will report them.

    Returns:
        Whether it was loaded.
    """
    if os.name != "posix":
        return False
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    folder = Path(spec.origin).parent / "lib"
    with contextlib.suppress(OSError, AttributeError):  # a C library without this function
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        for path in (folder / name for name in _LIBRARIES):
            if path.is_file():
                return dlopen(os.fsencode(path), os.RTLD_LAZY) is not None
    return False
