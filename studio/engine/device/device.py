"""The devices that torch can use."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from studio.engine.device.hardware import installed_gpus, processor_name
from studio.errors import DeviceError
from studio.messages import Message, message
from studio.strict_json import quoted

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Device:
    """A processor that torch can use.

    Attributes:
        name: what a user types, such as "cpu", "cuda:0" or "rocm:0".
        kind: "cuda", "rocm", "mps", "xpu" or "cpu".
        title: the name of the processor.
        torch_name: its name in torch.
        memory_bytes: its own memory; None if it shares that of the machine.
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


def find_devices() -> tuple[Device, ...]:
    """Return all devices that torch finds, in order of preference; the last is always the CPU."""
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
    """Return the device with a name; "auto" is the first that works.

    Args:
        name: "auto", or a device's name; a kind such as "cuda" means the first of that kind.

    Raises:
        DeviceError: the device does not exist or does not work.
    """
    devices = find_devices()
    if name == AUTO:
        return next(device for device in devices if device.kind == "cpu" or _fault(device) is None)
    wanted = [device for device in devices if name in (device.name, device.kind, device.torch_name)]
    if not wanted:
        known = ", ".join([AUTO, *(device.name for device in devices)])
        raise DeviceError(
            quoted(name).strip("'"), message("does not exist (there are: {known})", known=known)
        )
    if fault := _fault(wanted[0]):
        raise DeviceError(wanted[0].name, message("does not work: {fault}", fault=fault))
    return wanted[0]


def spare_cores(count: int) -> None:
    """Leave ``count`` CPU cores to other threads, such as that of a window; torch uses at least one.

    To be called in the engine's thread. The thread count is part of the device's label, because bits may depend on it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, min(torch.get_num_threads(), cores - count)))


def unused_gpu(devices: tuple[Device, ...]) -> Message | None:
    """If this machine has a GPU that torch does not find, return a sentence that says what to do; else None."""
    gpus = installed_gpus()
    if not gpus or any(device.kind != "cpu" for device in devices):
        return None
    return message(
        "This machine has {gpus}, but the installed torch {version} cannot use it, so the CPU is used; check that the "
        "graphics driver is installed, then install the torch build for it.",
        gpus=gpus[0] if len(gpus) == 1 else message("{first} and {second}", first=gpus[0], second=gpus[1]),
        version=torch.__version__,
    )


def _device(kind: str, torch_name: str, title: str, memory_bytes: int | None) -> Device:
    name = torch_name.replace("cuda", kind)
    return Device(name=name, kind=kind, title=title, torch_name=torch_name, memory_bytes=memory_bytes)


def _fault(device: Device) -> str | None:
    """Test a device with a sum; return what is wrong in one line, or None if the sum is correct."""
    try:
        total = float(torch.ones(4, device=device.torch_name).sum())
    except RuntimeError as error:
        lines = str(error).splitlines()
        return lines[0][:200].rstrip(".") if lines else message("it gives no reason")
    return None if total == 4.0 else message("a test computation gave a wrong result")
