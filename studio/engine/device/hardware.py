"""Processors and GPUs, as the operating system reports them. Standard library only, no torch."""

from __future__ import annotations

import contextlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from studio.messages import Message, message

_NVIDIA, _AMD = message("an NVIDIA GPU"), message("an AMD GPU")
_VENDORS = {"0x10de": _NVIDIA, "0x1002": _AMD}
_CPU_INFO = Path("/proc/cpuinfo")
_CARDS = Path("/sys/class/drm")
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")


def processor_name() -> str:
    """Return the vendor's name of the processor, or the machine type if that is unknown."""
    name = ""
    if sys.platform == "darwin":
        name = _output_of(["sysctl", "-n", "machdep.cpu.brand_string"])
    elif _CPU_INFO.exists():
        with contextlib.suppress(OSError):
            lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
            name = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
    name = "".join(filter(str.isprintable, name or platform.processor() or platform.machine()))
    return " ".join(name.split())[:80] or "unknown processor"


def installed_gpus() -> tuple[Message, ...]:
    """Return the kinds of GPU this machine has that torch could use, such as "an NVIDIA GPU".

    GPUs integrated in Intel processors are left out: torch gains little from them.
    """
    found: list[Message] = []
    with contextlib.suppress(OSError):
        vendors = {path.read_text().strip() for path in _CARDS.glob("card*/device/vendor")}
        found += [kind for vendor, kind in _VENDORS.items() if vendor in vendors]
    if _NVIDIA not in found and (_NVIDIA_DRIVER.exists() or shutil.which("nvidia-smi")):
        found.append(_NVIDIA)
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append(message("an Apple GPU"))
    return tuple(found)


def _output_of(command: list[str]) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    return ""
