"""Carries a set-up out: system packages, the virtual environment, the plan's steps, and the stamp at the end.

A set-up that was stopped, however hard, is seen at the next start by its mark and done again from an empty
environment (pip's cache keeps what was downloaded); only the stamp, written last, says that it is whole.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launcher import libraries
from launcher.faults import CommandError, LaunchError, explain
from launcher.lock import only_one
from launcher.machine import Machine, inspect_machine, quote, read_pip_settings
from launcher.plan import Step, choose_torch, plan_steps, refuse, venv_python

if TYPE_CHECKING:
    from pathlib import Path

STAMP, MARK = "stepwise.json", "stepwise-incomplete"
GIGABYTE = 10**9

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command with its output on the screen; returns its exit code and what it said on stderr."""


def say(text: str) -> None:
    """Tell the person at the screen; stdout stays free for what the program itself prints."""
    print(text, file=sys.stderr, flush=True)


def run_shown(command: Sequence[str]) -> tuple[int, str]:
    """Run ``command`` with all its output on stderr, keeping the end of what it wrote to its own stderr."""
    sys.stderr.flush()
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            stderr=subprocess.PIPE,
            env=environment,
        )
    except OSError as error:
        return 127, f"{command[0]}: {error}"
    kept: list[str] = []
    with process:
        for raw in process.stderr or ():
            line = raw.decode("utf-8", errors="replace")
            sys.stderr.write(line)
            sys.stderr.flush()
            kept = [*kept[-200:], line]
    return process.returncode, "".join(kept)


def read_output(command: Sequence[str]) -> str:
    """Return what ``command`` prints, or "" where it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    return done.stdout if done.returncode == 0 else ""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One set-up of the program in ``root``; ``stamp`` is what the finished environment is to be stamped with."""

    root: Path
    stamp: dict[str, str]
    test: bool
    wish: str = ""
    machine: Machine = field(default_factory=inspect_machine)
    run: Run = run_shown
    read: Callable[[Sequence[str]], str] = read_output
    loads: Callable[[str], bool] = libraries.can_load
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free

    @property
    def venv(self) -> Path:
        """The environment's folder."""
        return self.root / ".venv"

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return venv_python(self.venv, self.machine.system)

    def carry_out(self, is_ready: Callable[[], bool]) -> None:
        """Do everything that is not done yet.

        Args:
            is_ready: asked once more after waiting for another set-up of the same folder.

        Raises:
            LaunchError: it cannot go on; the sentence says why and what to do.
        """
        reason = refuse(self.machine)
        if reason is not None:
            raise LaunchError(reason)
        with only_one(self.root, say):
            if is_ready():
                return
            missing = self._bring_system_packages()
            self._write_all(missing)

    def _write_all(self, missing: tuple[str, ...]) -> None:
        try:
            say(f"1/4 Making .venv with Python {'.'.join(map(str, self.machine.python))}")
            anew = self._make_venv()
            try:
                pip = read_pip_settings(self.read([self.python, "-m", "pip", "config", "list"]))
                sources = choose_torch(self.machine, pip, self.wish)
                steps = plan_steps(self.root, sources, python=self.python, test=self.test)
                for number, step in enumerate(steps, start=2):
                    self._take(step, f"{number}/4")
                self._finish(missing)
            except LaunchError:
                # pip changes nothing until it has everything: what could be used before still can.
                if not anew:
                    (self.venv / MARK).unlink()
                raise
        except OSError as error:
            raise LaunchError(
                f"{error.filename or self.venv} cannot be written: {error.strerror}."
            ) from error

    def _bring_system_packages(self) -> tuple[str, ...]:
        """Install what the system lacks, or say how; return Qt's libraries that are still missing."""
        lacking = libraries.missing_libraries(self.machine, self.loads)
        packages = [libraries.QT_LIBRARIES[name] for name in lacking]
        if self.test and not libraries.has_emoji_font(self.machine):
            packages.append(libraries.EMOJI_FONT)
        if self.test:
            packages += [libraries.TEST_PROGRAMS[name] for name in libraries.missing_programs(self.machine)]
        if not libraries.has_venv():
            packages.insert(0, libraries.venv_package(self.machine))
        if packages and self.machine.debian and self.machine.root:
            say(f"Installing system packages: {' '.join(packages)}")
            for command in libraries.apt_commands(tuple(packages), root=True):
                code, output = self.run(command)
            if code != 0:
                say(f"apt-get could not install them. {explain(output)}")
            importlib.invalidate_caches()
            lacking = libraries.missing_libraries(self.machine, self.loads)
        elif packages:
            say(
                f"Some system packages are missing. {libraries.advise(tuple(packages), lacking, self.machine)}"
            )
        if not libraries.has_venv():
            raise LaunchError(
                f"This Python ({sys.executable}) has no venv with pip, so nothing can be installed with it. On Debian "
                f"and Ubuntu the package {libraries.venv_package(self.machine)} brings it."
            )
        return lacking

    def _make_venv(self) -> bool:
        """Leave an environment behind that is marked unfinished; return whether it is a new, empty one."""
        ours = (self.venv / MARK).exists() or (self.venv / STAMP).exists()
        if self.venv.exists() and any(self.venv.iterdir()):
            if not ours:
                raise LaunchError(
                    f"There is a folder {self.venv} that this program did not make; move it away and start again."
                )
            if not (self.venv / MARK).exists() and self._same_python():
                (self.venv / MARK).touch()
                return False
            say("      The environment there is unfinished or of another Python; making it anew")
            shutil.rmtree(self.venv)
        self.venv.mkdir(exist_ok=True)
        (self.venv / MARK).touch()
        code, output = self.run([sys.executable, "-m", "venv", str(self.venv)])
        if code != 0:
            raise CommandError("Making the virtual environment", output)
        return True

    def _same_python(self) -> bool:
        code = "import sys; print(*sys.version_info[:2])"
        return self.read([self.python, "-c", code]).split() == [str(part) for part in self.machine.python]

    def _take(self, step: Step, number: str) -> None:
        if step.note:
            say(f"      {step.note}")
        say(f"{number} {step.title}")
        self._check_space(step)
        code, output = self.run(step.command)
        if code == 0:
            return
        error = CommandError(
            f"{step.title.partition(',')[0]} with `{quote(step.command, self.machine.system)}`", output
        )
        if step.instead is None or not error.worth_another_place:
            raise error
        self._take(step.instead, number)

    def _check_space(self, step: Step) -> None:
        there = [
            *self.venv.glob("lib*/python*/site-packages/torch"),
            *self.venv.glob("Lib/site-packages/torch"),
        ]
        free = self.free_bytes(self.venv)
        if step.gigabytes and not there and free < step.gigabytes * GIGABYTE:
            raise LaunchError(
                f"The disk of {self.venv} has {free / GIGABYTE:.1f} GB free, and this needs up to {step.gigabytes} GB "
                "while it is being installed; free some space and start again."
            )

    def _finish(self, missing: tuple[str, ...]) -> None:
        check = (
            "import numpy, PIL, safetensors, platformdirs, torch, studio; "
            "print('PyTorch', torch.__version__, 'on', torch.accelerator.current_accelerator() or 'cpu')"
        )
        code, output = self.run([self.python, "-c", check])
        if code != 0:
            raise CommandError("The first import of what was installed", output)
        stamp = self.venv / STAMP
        stamp.with_suffix(".new").write_text(
            json.dumps({**self.stamp, "missing": list(missing)}), encoding="utf-8"
        )
        stamp.with_suffix(".new").replace(stamp)
        (self.venv / MARK).unlink()
