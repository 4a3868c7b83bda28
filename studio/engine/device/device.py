"""Where models run: the devices torch can use, and the precision each is fastest in.

State and sampler arithmetic are float32 everywhere. Only the backbone may run reduced, in bfloat16 with its channels
last, and only where a short convolution showed that this processor is clearly faster so. That is measured once for a
processor and a version of torch and then remembered, so that the same request keeps giving the same picture.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from studio.checkpoints.model import LoadCancelled
from studio.engine.device.hardware import installed_gpus, processor_name
from studio.engine.requests.checks import show
from studio.errors import DeviceError, StorageError
from studio.storage import ensure_folder, write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUTO = "auto"
CACHE_NAME = "precision.json"
CLEARLY_FASTER = 1.25
"""How many times faster reduced precision must be: less is not worth its rounding, nor safe from chance."""

_TRIALS = (
    40  # of single convolutions, of which the fastest counts: a busy machine spoils most of them, never all
)
_CHANNELS, _SIDE_CPU, _SIDE_GPU = 128, 16, 128


@dataclass(frozen=True, kw_only=True)
class Device:
    """A processor that torch can use.

    Attributes:
        name: what a user types, such as "cpu", "cuda:0" or "rocm:0".
        kind: "cuda", "rocm", "mps", "xpu" or "cpu".
        title: the processor's own name.
        torch_name: what torch calls it.
        memory_bytes: of its own; None where it shares the machine's.
    """

    name: str
    kind: str
    title: str
    torch_name: str
    memory_bytes: int | None = None

    @property
    def label(self) -> str:
        """Everything about the device that the last bits of a picture depend on, for a picture's metadata."""
        threads = torch.get_num_threads()
        shared = f", {threads} thread{'s' if threads > 1 else ''}" if self.kind == "cpu" else ""
        return f"{self.name} ({self.title}{shared})"


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How the backbone runs.

    Attributes:
        dtype: "float32" or "bfloat16".
        channels_last: whether its weights and pictures lie with their channels last.
    """

    dtype: str = "float32"
    channels_last: bool = False


EXACT = Precision()
REDUCED = Precision(dtype="bfloat16", channels_last=True)


def find_devices() -> tuple[Device, ...]:
    """Return every device that torch sees, the one to prefer first; the last is always the CPU."""
    found: list[Device] = []
    if torch.cuda.is_available():
        kind = "rocm" if torch.version.hip else "cuda"
        for index in range(torch.cuda.device_count()):
            known = torch.cuda.get_device_properties(index)
            found.append(_device(kind, f"cuda:{index}", known.name, known.total_memory))
    if torch.backends.mps.is_available():
        found.append(_device("mps", "mps", processor_name(), None))
    if torch.xpu.is_available():
        for index in range(torch.xpu.device_count()):
            seen = torch.xpu.get_device_properties(index)
            found.append(_device("xpu", f"xpu:{index}", seen.name, seen.total_memory))
    return (*found, _device("cpu", "cpu", processor_name(), None))


def choose(name: str = AUTO) -> Device:
    """Return the device of a name; "auto" is the first that works.

    Args:
        name: "auto", or a device's name; "cuda" alone means the first of its kind.

    Raises:
        DeviceError: there is no such device, or it does not work.
    """
    devices = find_devices()
    if name == AUTO:
        return next(device for device in devices if device.kind == "cpu" or _fault(device) is None)
    wanted = [device for device in devices if name in (device.name, device.kind, device.torch_name)]
    if not wanted:
        known = ", ".join([AUTO, *(device.name for device in devices)])
        raise DeviceError(show(name).strip("'"), f"is not there (there are: {known})")
    if fault := _fault(wanted[0]):
        raise DeviceError(wanted[0].name, f"does not work: {fault}")
    return wanted[0]


def spare_cores(count: int) -> None:
    """Leave so many of the processor's cores to others, such as the thread of a window; at least one is used.

    For the thread that runs the engine. The thread count stands in the device's label, as bits may depend on it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, min(torch.get_num_threads(), cores - count)))


def unused_gpu(devices: tuple[Device, ...]) -> str | None:
    """Return a sentence if this machine has a GPU that torch does not see, with the way to mend it; else None."""
    gpus = installed_gpus()
    if not gpus or any(device.kind != "cpu" for device in devices):
        return None
    return (
        f"This machine has {' and '.join(gpus)}, but the installed torch {torch.__version__} cannot use it, so the "
        "CPU does the work; check that the graphics driver is installed, then install the torch build that fits it."
    )


def choose_precision(
    device: Device,
    cache: Path,
    *,
    cancelled: threading.Event | None = None,
    measure: Callable[[Device, threading.Event], float] | None = None,
) -> Precision:
    """Return the precision this device is fastest in, measured the first time and remembered.

    Args:
        device: where the backbone will run.
        cache: the folder of what may be forgotten. If it cannot be written, the next start measures again.
        cancelled: drops the measurement when set.
        measure: returns how many times faster `REDUCED` is than `EXACT`; None is `measure_speedup`.

    Raises:
        LoadCancelled: ``cancelled`` was set.
    """
    path, key = cache / CACHE_NAME, f"{device.kind} | {device.title} | torch {torch.__version__}"
    known = _read_cache(path)
    if key not in known:
        known[key] = round((measure or measure_speedup)(device, cancelled or threading.Event()), 2)
        with contextlib.suppress(StorageError):
            ensure_folder(cache)
            write_files({path: json.dumps(known, indent=1).encode()})
    return REDUCED if known[key] >= CLEARLY_FASTER else EXACT


def measure_speedup(device: Device, cancelled: threading.Event) -> float:
    """Return how many times faster a convolution is in `REDUCED` than in `EXACT`; 0 where it does not work.

    Raises:
        LoadCancelled: ``cancelled`` was set.
    """
    seconds: dict[Precision, list[float]] = {EXACT: [], REDUCED: []}
    try:
        work = {precision: _convolution(device, precision) for precision in seconds}
        for _ in range(_TRIALS):
            for precision, times in seconds.items():
                if cancelled.is_set():
                    raise LoadCancelled
                times.append(_seconds(device, work[precision]))
    except RuntimeError:  # how torch says that a device lacks a kind of number
        return 0.0
    exact, reduced = (min(times[1:]) for times in seconds.values())  # the first of each only warms up
    return exact / max(reduced, 1e-9)


def _device(kind: str, torch_name: str, title: str, memory_bytes: int | None) -> Device:
    name = torch_name.replace("cuda", kind)
    return Device(name=name, kind=kind, title=title, torch_name=torch_name, memory_bytes=memory_bytes)


def _fault(device: Device) -> str | None:
    """Return what a device says when asked for a sum, in one line, or None where the sum is right."""
    try:
        total = float(torch.ones(4, device=device.torch_name).sum())
    except RuntimeError as error:
        return (str(error).splitlines() or ["it gives no reason"])[0][:200].rstrip(".")
    return None if total == 4.0 else "it cannot add"


@torch.no_grad()
def _convolution(device: Device, precision: Precision) -> Callable[[], object]:
    side = _SIDE_CPU if device.kind == "cpu" else _SIDE_GPU
    dtype, layout = getattr(torch, precision.dtype), _layout(precision)
    convolution = torch.nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, device=device.torch_name, dtype=dtype)
    convolution = convolution.requires_grad_(False).to(memory_format=layout)  # type: ignore[call-overload]
    x = torch.ones(2, _CHANNELS, side, side, device=device.torch_name, dtype=dtype).contiguous(
        memory_format=layout
    )
    return lambda: convolution(x)


def _seconds(device: Device, work: Callable[[], object]) -> float:
    """Return how long one round of ``work`` takes on the device."""
    start = time.perf_counter()
    work()
    if device.kind != "cpu":
        torch.accelerator.synchronize(device.torch_name)
    return time.perf_counter() - start


def _layout(precision: Precision) -> torch.memory_format:
    return torch.channels_last if precision.channels_last else torch.contiguous_format


def _read_cache(path: Path) -> dict[str, float]:
    """Return the remembered speed-ups; whatever cannot be read was never remembered."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: float(value) for key, value in known.items() if type(value) in (int, float)}
