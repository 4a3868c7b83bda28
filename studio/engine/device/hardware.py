"""What the machine itself says of its processors, without torch. Standard library only."""

from __future__ import annotations

import contextlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

_NVIDIA, _AMD = "an NVIDIA GPU", "an AMD GPU"
_VENDORS = {"0x10de": _NVIDIA, "0x1002": _AMD}
_CPU_INFO = Path("/proc/cpuinfo")
_CARDS = Path("/sys/class/drm")
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")


def processor_name() -> str:
    """Return the processor's name as its maker writes it, or the kind of machine where that is not told."""
    name = ""
    if sys.platform == "darwin":
        name = _said(["sysctl", "-n", "machdep.cpu.brand_string"])
    elif _CPU_INFO.exists():
        with contextlib.suppress(OSError):
            lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
            name = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
    name = "".join(filter(str.isprintable, name or platform.processor() or platform.machine()))
    return " ".join(name.split())[:80] or "unknown processor"


def installed_gpus() -> tuple[str, ...]:
    """Return the kinds of GPU this machine has that torch could use, such as "an NVIDIA GPU".

    Graphics built into Intel's processors are left out: torch has little use for them.
    """
    found: list[str] = []
    with contextlib.suppress(OSError):
        vendors = {path.read_text().strip() for path in _CARDS.glob("card*/device/vendor")}
        found += [kind for vendor, kind in _VENDORS.items() if vendor in vendors]
    if _NVIDIA not in found and (_NVIDIA_DRIVER.exists() or shutil.which("nvidia-smi")):
        found.append(_NVIDIA)
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append("an Apple GPU")
    return tuple(found)


def _said(command: list[str]) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    return ""
