"""``python -m tests.bench [NAME ...]``: run some or all benches; JSON to stdout, progress to stderr."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from typing import TYPE_CHECKING

import diffusers
import torch

from studio.engine.device.hardware import processor_name
from tests.bench import (
    code_size,
    compare,
    filmstrip,
    gallery,
    lockstep,
    loop,
    precision,
    previews,
    recording,
    scrubbing,
    start_up,
    training,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BENCHES: Mapping[str, Callable[[], Mapping[str, object]]] = {
    "code_size": code_size.bench,
    "loop": loop.bench,
    "precision": precision.bench,
    "start_up": start_up.bench,
    "previews": previews.bench,
    "gallery": gallery.bench,
    "window": window.bench,
    "compare": compare.bench,
    "lockstep": lockstep.bench,
    "recording": recording.bench,
    "scrubbing": scrubbing.bench,
    "filmstrip": filmstrip.bench,
    "training": training.bench,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches that are named; returns 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure speed, side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)}; none means all")
    names: list[str] = parser.parse_args(arguments).names or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    figures = {name: dict(BENCHES[name]()) for name in names}
    print(json.dumps({"machine": machine(), **figures}, indent=2))
    return 0


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "diffusers": diffusers.__version__,
    }


if __name__ == "__main__":
    sys.exit(main())
