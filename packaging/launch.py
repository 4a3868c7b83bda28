"""Sets Stepwise Studio up on first use, and starts it: ``python3 packaging/launch.py [ARGUMENTS]``.

With no arguments the program itself starts; ``test`` runs the suite; all else is passed on, as in
``python3 packaging/launch.py generate "a red apple"``. The environment variable STEPWISE_TORCH chooses PyTorch's
build: cpu, cuda, rocm, xpu, or the address of an index. Needs Python 3.11 or newer and nothing else; this file also
has to be readable for the Pythons that are too old, so that it can say so.
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAYOUT = "1"
"""Counts up when a set-up leaves something different behind, so that older ones are done again."""


def main(arguments: list[str]) -> int:
    """Set up what is not set up yet, then become the program; returns an exit code only where it cannot."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what an older Python is to be told
        return _tell_old_python()
    test = arguments[:1] == ["test"]
    stamp = read_stamp()
    if not is_ready(stamp, test):
        try:
            if not _set_up(test):
                return 2
        except KeyboardInterrupt:
            print("\nStopped. Start again to go on; what was downloaded is kept.", file=sys.stderr)
            return 130
        stamp = read_stamp()
    if stamp.get("missing") and not arguments:
        _tell_missing()
    python = venv_python()
    if test:
        os.chdir(ROOT)
        return become([python, "-m", "pytest", *suite_options(count_cores()), *arguments[1:]])
    # -P: a folder named studio where the user happens to be must not be taken for the program.
    return become([python, "-P", "-m", "studio", *arguments])


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def suite_options(cores: int) -> list[str]:
    """Return pytest's options for the whole suite: a process for each core, four at most.

    Each process imports PyTorch and Qt, so that more of them cost more memory than they save time. An idle one takes
    half of what the busiest has left. On a single core the tests run in pytest's own process.
    """
    processes = min(cores, 4) if cores > 1 else 0
    return ["--durations=20", "--numprocesses", str(processes), "--dist", "worksteal"]


def venv_python() -> str:
    """Return the path of the environment's interpreter, whether it is there or not."""
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(ROOT, ".venv", *inside)


def wanted_stamp(test: bool) -> dict[str, str]:
    """Return what a finished environment is stamped with: a hash of everything it was made from."""
    import hashlib  # not needed by a Python that is too old

    # The folder counts as well: an environment does not survive being moved.
    basis = [LAYOUT, ROOT, "{}.{}".format(*sys.version_info[:2]), os.environ.get("STEPWISE_TORCH", "")]

    def digest(names: list[str]) -> str:
        parts = list(basis)
        for name in names:
            with open(os.path.join(ROOT, "packaging", name), encoding="utf-8") as file:
                parts.append(file.read())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    stamp = {"program": digest(["requirements-torch.txt", "requirements.txt"])}
    if test:
        stamp["test"] = digest(["requirements-torch.txt", "requirements.txt", "requirements-test.txt"])
    return stamp


def read_stamp() -> dict[str, object]:
    """Return the stamp of the environment, empty where there is none or it is marked unfinished."""
    import json  # not needed by a Python that is too old

    venv = os.path.join(ROOT, ".venv")
    try:
        with open(os.path.join(venv, "stepwise.json"), encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    whole = isinstance(stamp, dict) and not os.path.exists(os.path.join(venv, "stepwise-incomplete"))
    return stamp if whole else {}


def is_ready(stamp: dict[str, object], test: bool) -> bool:
    """Tell whether an environment with this stamp can be used as it is."""
    wanted = wanted_stamp(test)
    return all(stamp.get(name) == value for name, value in wanted.items()) and os.path.exists(venv_python())


def become(command: list[str]) -> int:
    """Turn this process into ``command``; on Windows, which cannot, run it and return its exit code."""
    if os.name != "nt":
        sys.stderr.flush()
        os.execv(command[0], command)
    import subprocess  # here, since POSIX does without

    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The program has been told as well; its own exit code is what counts.
            continue


def _set_up(test: bool) -> bool:
    """Carry the set-up out; returns False after saying what stopped it."""
    from pathlib import Path  # the second start does without all of these

    from launcher.faults import LaunchError
    from launcher.install import Setup

    wish = os.environ.get("STEPWISE_TORCH", "")
    setup = Setup(root=Path(ROOT), stamp=wanted_stamp(test), test=test, wish=wish)
    try:
        setup.carry_out(lambda: is_ready(read_stamp(), test))
    except LaunchError as error:
        print(error, file=sys.stderr)
        return False
    return True


def _tell_missing() -> None:
    """Say which of Qt's libraries the window still lacks, if any."""
    from launcher.libraries import QT_LIBRARIES, advise, missing_libraries
    from launcher.machine import inspect_machine

    machine = inspect_machine()
    lacking = missing_libraries(machine)
    if lacking:
        packages = tuple(QT_LIBRARIES[name] for name in lacking)
        print(f"Qt's system libraries are missing. {advise(packages, lacking, machine)}", file=sys.stderr)


def _tell_old_python() -> int:
    import shutil  # here, since a new enough Python does without

    version = ".".join(map(str, sys.version_info[:3]))
    newer = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
    what_to_do = (
        f"Start it with the newer one that is on this machine: {newer[0]} packaging/launch.py"
        if newer
        else "Install a newer one, from python.org or your system's packages, and start this again with it."
    )
    print(f"Stepwise Studio needs Python 3.11 or newer, and this is {version}. {what_to_do}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
