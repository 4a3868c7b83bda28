"""The precision that backbones run in on a device: measured once and remembered.

State and sampler arithmetic are float32 everywhere. Only the backbone may run in reduced precision, bfloat16 with
channels last, and only if a short convolution shows that this processor is clearly faster that way. This is measured
once for each processor and version of torch and remembered, so that the same request keeps giving the same picture.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING

import torch

from studio.backbones.precision import EXACT, REDUCED, Precision
from studio.errors import StorageError
from studio.storage import ensure_folder, write_files
from studio.strict_json import read_file
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from studio.engine.device.device import Device

CACHE_NAME = "precision.json"
MAX_CACHE = 100_000
CLEARLY_FASTER = 1.25
"""How many times faster reduced precision must be: less does not justify its rounding errors, and may be chance."""

_TRIALS = 40
"""Number of single convolutions, of which the fastest counts: on a busy machine most are slowed down, but not all."""
_CHANNELS, _SIDE_CPU, _SIDE_GPU = 128, 16, 128


def choose_precision(
    device: Device,
    cache: Path,
    *,
    cancelled: threading.Event | None = None,
    measure: Callable[[Device, threading.Event], float] | None = None,
) -> Precision:
    """Return the fastest precision of a device, measured the first time and remembered.

    Args:
        device: where the backbone will run.
        cache: the cache folder. If it cannot be written, the next start measures again.
        cancelled: aborts the measurement when set.
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
    """Return how many times faster a convolution is in `REDUCED` than in `EXACT`; 0 if it does not work.

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
    except RuntimeError:  # torch's way of saying that a device does not support a dtype
        return 0.0
    exact, reduced = (min(times[1:]) for times in seconds.values())  # the first of each is a warm-up
    return exact / max(reduced, 1e-9)


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
    """Return how long ``work`` takes on the device."""
    start = time.perf_counter()
    work()
    if device.kind != "cpu":
        torch.accelerator.synchronize(device.torch_name)
    return time.perf_counter() - start


def _layout(precision: Precision) -> torch.memory_format:
    return torch.channels_last if precision.channels_last else torch.contiguous_format


def _read_cache(path: Path) -> dict[str, float]:
    """Return the remembered speed-ups; none if the file cannot be read."""
    with contextlib.suppress(StorageError):
        return read_file(path, dict[str, float], MAX_CACHE)
    return {}
