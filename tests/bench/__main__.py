"""Measurements and long proofs, which are no part of the suite.

``python -m tests.bench [NAME ...]`` runs some or all benches: JSON to stdout, progress to stderr.
``python -m tests.bench --long [ARGUMENT ...]`` runs the tests marked ``long`` with pytest, which gets the arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import diffusers
import torch

from studio.engine.device.hardware import processor_name
from tests.bench import (
    code_size,
    compare,
    filmstrip,
    gallery,
    library,
    lockstep,
    loop,
    measure,
    models,
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
    "models": models.bench,
    "library": library.bench,
}


ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches that are named; returns 0 whatever the figures are, and pytest's exit code for long proofs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure speed, side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)}; none means all")
    parser.add_argument(
        "--long",
        nargs=argparse.REMAINDER,
        metavar="ARGUMENT",
        help="run the long proofs, which the suite leaves out, instead; what follows goes to pytest",
    )
    given = parser.parse_args(arguments)
    if given.long is not None:
        if given.names:
            parser.error("--long takes no names of benches; `--long -k WORD` chooses among the long proofs")
        return run_long_proofs(given.long)
    names: list[str] = given.names or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    figures = {name: measured(name) for name in names}
    print(json.dumps({"machine": machine(), **figures}, indent=2))
    return 0


def run_long_proofs(arguments: Sequence[str]) -> int:
    """Run the tests marked ``long`` in a pytest of its own, one after another; returns its exit code."""
    command = [sys.executable, "-m", "pytest", "-m", "long", "--durations=0", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def measured(name: str) -> dict[str, object]:
    """Return the figures of a bench, and say what they were measured on."""
    others = measure.OtherPrograms()
    figures = BENCHES[name]()
    cores = others.cores()
    known = "an unknown number of" if cores is None else f"{cores:.2f}"
    measure.say(f"{name}: on {processor_name()}; other programs kept {known} cores busy")
    return measure.judged(figures, cores)


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
