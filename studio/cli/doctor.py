"""``stepwise doctor``: show what the program finds on this machine, and problems."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import platform
import shutil
from importlib import metadata
from typing import TYPE_CHECKING, Any

from studio import __version__
from studio.checkpoints.catalog import list_models
from studio.cli.output import table
from studio.folders import Folders

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

_PACKAGES = ("torch", "numpy", "Pillow", "safetensors", "platformdirs", "PySide6-Essentials")
_GIB = 2**30
_SPARE_BYTES = 500 * 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the report; it may list problems, so the exit code is always 0."""
    folders = Folders.find()
    found = {"versions": _versions(), **_devices(folders), "folders": _folders(folders)}
    found["models"], broken = _models(folders)
    found["problems"] += broken + [
        f"Little space is left in {place['path']}: {place['free_bytes'] / _GIB:.2f} GiB."
        for place in found["folders"]
        if place["free_bytes"] is not None and place["free_bytes"] < _SPARE_BYTES
    ]
    print(json.dumps(found, indent=2) if args.json else "\n".join(_lines(found)))
    return 0


def _versions() -> dict[str, str]:
    found = {
        "Stepwise Studio": __version__,
        "Python": platform.python_version(),
        "system": platform.platform(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _devices(folders: Folders) -> dict[str, Any]:
    """Return the devices, the one that "auto" chooses, its precision, and problems."""
    try:
        import torch

        from studio.engine.device.device import choose, find_devices, unused_gpu
        from studio.engine.device.precision import choose_precision
    except ImportError as error:
        problem = (
            f"torch cannot be imported ({(str(error).splitlines() or [''])[0]}), so no picture can be made."
        )
        return {"devices": [], "chosen": None, "precision": None, "problems": [problem]}
    devices, chosen = find_devices(), choose()
    warning = unused_gpu(devices)
    return {
        "devices": [dataclasses.asdict(device) for device in devices],
        "chosen": chosen.name,
        "precision": dataclasses.asdict(choose_precision(chosen, folders.cache)),
        "threads": torch.get_num_threads(),
        "problems": [warning] if warning else [],
    }


def _folders(folders: Folders) -> list[dict[str, Any]]:
    return [
        {"name": field.name, "path": str(path), "exists": path.is_dir(), "free_bytes": free_bytes(path)}
        for field in dataclasses.fields(folders)
        for path in [getattr(folders, field.name)]
    ]


def free_bytes(path: Path) -> int | None:
    """Return the free space where ``path`` is or would be; None if it cannot be determined."""
    for place in (path, *path.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None


def _models(folders: Folders) -> tuple[list[str], list[str]]:
    models = list_models(folders)
    return [model.name for model in models if model.card], [model.error for model in models if model.error]


def _lines(found: dict[str, Any]) -> list[str]:
    lines = table([[name, version] for name, version in found["versions"].items()])
    lines.append("")
    for device in found["devices"]:
        memory = f", {device['memory_bytes'] / _GIB:.0f} GiB" if device["memory_bytes"] else ""
        chosen = f"  <- used, {found['precision']['dtype']}" if device["name"] == found["chosen"] else ""
        lines.append(f"device {device['name']}: {device['title']}{memory}{chosen}")
    lines.append(f"models: {', '.join(found['models']) or 'none'}")
    lines.append("")
    for place in found["folders"]:
        free = "unknown" if place["free_bytes"] is None else f"{place['free_bytes'] / _GIB:.1f} GiB free"
        lines.append(f"{place['name']:<9}  {free:>14}  {place['path']}")
    lines.append("")
    problems = [f"Problem: {problem}" for problem in found["problems"]]
    return lines + (problems or ["No problems were found."])
