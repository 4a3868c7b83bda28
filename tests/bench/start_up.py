"""How long the commands take to answer, and what starting through launch.py adds once everything is set up.

Each is timed as a process of its own, in turns with a Python that does nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.main import COMMANDS
from tests.bench.measure import SECONDS, ratio, say, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.measure import Work

ROOT = Path(__file__).parents[2]
ROUNDS = 5
HELP_BAR_S, LAUNCH_BAR_S = 0.3, 0.5
HELPS = (("--help",), *((name, "--help") for name in COMMANDS))
OTHERS = (("models",), ("doctor",))


def bench() -> Mapping[str, object]:
    """Time every command's help, the commands that only look, and the second start."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        nothing = process([sys.executable, "-c", "pass"], home)
        for arguments in (*HELPS, *OTHERS):
            name = f"stepwise {' '.join(arguments)}"
            say(f"start_up: {name}")
            command = process([sys.executable, "-m", "studio", *arguments], home)
            medians = take_turns(command, nothing, rounds=ROUNDS, warm_ups=1)
            figures[name] = answer(medians, HELP_BAR_S if arguments in HELPS else None)
        say("start_up: packaging/launch.py, second start")
        figures["packaging/launch.py, second start"] = second_start(home)
    return figures


def answer(medians: tuple[float, float], bar_s: float | None) -> dict[str, object]:
    """Return the figure of a command; its bar is in seconds and not a ratio."""
    figure = ratio(medians, of="command", to="bare python", unit=SECONDS)
    return figure if bar_s is None else figure | {"bar_s": bar_s, "holds": medians[0] <= bar_s}


def second_start(home: Path) -> dict[str, object]:
    """Time launch.py in a copy of the project that is set up already, against what it starts."""
    root = home / "project"
    shutil.copytree(ROOT / "packaging", root / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    python = set_up(root)
    launched = process([sys.executable, str(root / "packaging" / "launch.py"), "--help"], home)
    straight = process([str(python), "-P", "-m", "studio", "--help"], home)
    medians = take_turns(launched, straight, rounds=ROUNDS, warm_ups=1)
    added = medians[0] - medians[1]
    return ratio(medians, of="launch.py --help", to="stepwise --help", unit=SECONDS) | {
        "added_s": round(added, 4),
        "bar_s": LAUNCH_BAR_S,
        "holds": added <= LAUNCH_BAR_S,
    }


def set_up(root: Path) -> Path:
    """Leave behind what launch.py's first start would, with the packages of this Python; return its Python."""
    folder = root / ".venv"
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    places = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    (packages / "bench.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    stamp = "import json, launch; print(json.dumps(launch.wanted_stamp(False)))"
    done = subprocess.run(
        [sys.executable, "-c", stamp], cwd=root / "packaging", capture_output=True, text=True, check=True
    )
    (folder / "stepwise.json").write_text(done.stdout, encoding="utf-8")
    return Path(sysconfig.get_path("scripts", "venv", places)) / Path(sys.executable).name


def process(command: Sequence[str], home: Path) -> Work:
    """Return running a command to its end, in user folders of its own.

    Raises:
        RuntimeError: when it is run and fails; how long a failure takes is not wanted.
    """
    environment = os.environ | {"STEPWISE_HOME": str(home / "stepwise")}

    def run() -> None:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")

    return run
