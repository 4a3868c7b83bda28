"""A device's free memory, and detecting out-of-memory errors."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from studio.engine.memory_plan import DeviceMemory
from studio.errors import MemoryShortError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studio.backbones.precision import Precision
    from studio.engine.device.device import Device

SHARED_MEMORY = ("cpu", "mps")
"""The kinds of devices that use the memory of the machine: Apple's GPU does too."""
_MEMORY_INFO = Path("/proc/meminfo")


@contextlib.contextmanager
def raising_memory_short(
    device: str, free: Callable[[], None], error: Callable[[], MemoryShortError] | None = None
) -> Iterator[None]:
    """Replace an out-of-memory error by a MemoryShortError, after freeing what can be freed.

    Args:
        device: the device's name.
        free: frees the memory that can be freed.
        error: returns the error to raise; called before memory is freed. None: it is about making a picture.

    Raises:
        MemoryShortError: the device's memory was full.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as fault:
        if not is_out_of_memory(fault):
            raise
        short = MemoryShortError(device) if error is None else error()
        free()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise short from fault


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that a device's memory is full."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def device_memory(device: Device, precision: Precision, *, loaded: int = 0) -> DeviceMemory:
    """Return what plans of memory need to know of a device.

    Args:
        device: the device.
        precision: the fastest there.
        loaded: bytes that are used now and will be free for the run that is planned.
    """
    free = free_memory(device)
    return DeviceMemory(
        free=None if free is None else free + loaded,
        own=device.kind not in SHARED_MEMORY,
        reduced=precision.dtype == "bfloat16",
    )


def free_memory(device: Device) -> int | None:
    """Return the number of bytes that a device can still allocate; None if it is unknown."""
    if device.kind in ("cuda", "rocm"):
        free, _ = torch.cuda.mem_get_info(device.torch_name)
        # Memory that torch has reserved but does not use can be allocated too.
        reserved = torch.cuda.memory_reserved(device.torch_name)
        return free + reserved - torch.cuda.memory_allocated(device.torch_name)
    if device.kind in SHARED_MEMORY:
        return _free_machine_memory()
    return None


def _free_machine_memory() -> int | None:
    if sys.platform == "win32":
        return _free_on_windows()
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _MEMORY_INFO.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _free_on_windows() -> int | None:
    class MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *((name, ctypes.c_uint64) for name in ("total", "free", "total_page", "free_page")),
            *((name, ctypes.c_uint64) for name in ("total_virtual", "free_virtual", "free_extended")),
        )

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    windll = getattr(ctypes, "windll", None)
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.free)
