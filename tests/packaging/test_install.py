"""A set-up carried out against a machine that only writes down what it is told."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from launcher import libraries
from launcher.faults import LaunchError
from launcher.install import MARK, STAMP, Setup, run_shown
from launcher.lock import only_one
from launcher.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = sys.version_info[:2]
MACHINE = Machine(system="Linux", arch="x86_64", python=(PYTHON[0], PYTHON[1]))


class PowerCutError(BaseException):
    """Stands for whatever ends a process without asking it."""


@dataclass
class Recorder:
    """Writes commands down; those holding a word of ``failing`` fail with its text."""

    failing: dict[str, str] = field(default_factory=dict)
    stopping: str = "nothing"
    commands: list[str] = field(default_factory=list)

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        line = " ".join(command)
        self.commands.append(line)
        if self.stopping in line:
            raise PowerCutError
        for word, output in self.failing.items():
            if word in line:
                return 1, output
        if " -m venv " in line:
            (Path(command[-1]) / "made-by-venv").touch()
        return 0, ""

    def has(self, word: str) -> bool:
        return any(word in command for command in self.commands)


def read(command: Sequence[str]) -> str:
    return "{} {}\n".format(*PYTHON) if "-c" in command else ""


def setup(
    root: Path,
    run: Recorder,
    *,
    machine: Machine = MACHINE,
    free: float = 1e12,
    version: str = "1",
    lacking: str = "nothing",
) -> Setup:
    return Setup(
        root=root,
        stamp={"program": version},
        test=False,
        machine=machine,
        run=run,
        read=read,
        loads=lambda library: library != lacking,
        free_bytes=lambda _: int(free),
    )


def carry_out(root: Path, run: Recorder, **changes: object) -> None:
    setup(root, run, **changes).carry_out(lambda: False)  # type: ignore[arg-type]


def is_whole(root: Path) -> bool:
    return (root / ".venv" / STAMP).exists() and not (root / ".venv" / MARK).exists()


def test_a_first_start_makes_installs_checks_and_stamps(tmp_path: Path) -> None:
    run = Recorder()
    carry_out(tmp_path, run)
    marks = [" -m venv ", "requirements-torch.txt", "requirements.txt", "--editable", "import numpy"]
    assert len(run.commands) == len(marks)
    assert all(mark in command for mark, command in zip(marks, run.commands, strict=True))
    stamp = json.loads((tmp_path / ".venv" / STAMP).read_text())
    assert stamp == {"program": "1", "missing": []}
    assert is_whole(tmp_path)


@pytest.mark.parametrize(
    "word", [" -m venv ", "requirements-torch", "requirements.txt", "--editable", "import numpy"]
)
def test_a_set_up_that_was_cut_off_is_marked_and_made_anew(tmp_path: Path, word: str) -> None:
    with pytest.raises(PowerCutError):
        carry_out(tmp_path, Recorder(stopping=word))
    assert not is_whole(tmp_path)
    left_over = tmp_path / ".venv" / "half-written"
    left_over.touch()
    carry_out(tmp_path, Recorder())
    assert is_whole(tmp_path)
    assert not left_over.exists()


def test_a_change_of_requirements_is_installed_into_what_is_there(tmp_path: Path) -> None:
    carry_out(tmp_path, Recorder())
    again = Recorder()
    carry_out(tmp_path, again, version="2")
    assert not again.has(" -m venv ")
    assert again.has("requirements.txt")
    assert json.loads((tmp_path / ".venv" / STAMP).read_text())["program"] == "2"


def test_a_change_that_fails_leaves_what_was_there_usable(tmp_path: Path) -> None:
    carry_out(tmp_path, Recorder())
    with pytest.raises(LaunchError, match="cannot be reached"):
        carry_out(
            tmp_path,
            Recorder(failing={"requirements.txt": "Temporary failure in name resolution"}),
            version="2",
        )
    assert is_whole(tmp_path)
    assert json.loads((tmp_path / ".venv" / STAMP).read_text())["program"] == "1"


def test_another_python_makes_the_environment_anew(tmp_path: Path) -> None:
    carry_out(tmp_path, Recorder())
    again = Recorder()
    other = Machine(system="Linux", arch="x86_64", python=(3, 14) if PYTHON != (3, 14) else (3, 13))
    carry_out(tmp_path, again, machine=other)
    assert again.has(" -m venv ")


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("mine")
    with pytest.raises(LaunchError, match="move it away"):
        carry_out(tmp_path, Recorder())
    assert (tmp_path / ".venv" / "pyvenv.cfg").read_text() == "mine"


def test_the_next_place_is_tried_when_an_index_cannot_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Recorder(failing={"whl/cpu": "Temporary failure in name resolution"})
    carry_out(tmp_path, run)
    assert [("whl/cpu" in command) for command in run.commands if "requirements-torch" in command] == [
        True,
        False,
    ]
    assert "brings CUDA along" in capsys.readouterr().err
    assert is_whole(tmp_path)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [("[Errno 28] No space left on device", "disk is full"), ("Read timed out.", "broke off")],
)
def test_no_other_place_is_tried_when_the_place_is_not_at_fault(
    tmp_path: Path, output: str, sentence: str
) -> None:
    run = Recorder(failing={"whl/cpu": output})
    with pytest.raises(LaunchError, match=sentence):
        carry_out(tmp_path, run)
    assert len([command for command in run.commands if "requirements-torch" in command]) == 1


def test_too_little_space_is_said_before_anything_is_downloaded(tmp_path: Path) -> None:
    run = Recorder()
    with pytest.raises(LaunchError, match=r"2\.0 GB free, and this needs up to 3 GB"):
        carry_out(tmp_path, run, free=2e9)
    assert not run.has("pip install")


def test_a_machine_pytorch_is_not_made_for_is_left_untouched(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="Intel"):
        carry_out(tmp_path, Recorder(), machine=Machine(system="Darwin", arch="x86_64", python=(3, 12)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("root", [True, False])
def test_missing_libraries_are_installed_by_root_and_named_to_others(
    tmp_path: Path, root: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Recorder()
    carry_out(tmp_path, run, machine=replace(MACHINE, debian=True, root=root), lacking="libEGL.so.1")
    command = "apt-get install -y --no-install-recommends libegl1"
    assert run.has(command) is root
    assert (f"sudo {command}" in capsys.readouterr().err) is not root
    assert json.loads((tmp_path / ".venv" / STAMP).read_text())["missing"] == ["libEGL.so.1"]


def test_a_python_without_venv_is_told_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "has_venv", lambda: False)
    with pytest.raises(LaunchError, match=r"python\d\.\d+-venv"):
        carry_out(tmp_path, Recorder())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="copy the program"):
        carry_out(tmp_path / "not there", Recorder())


def test_a_second_set_up_waits_for_the_first_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    run = Recorder()
    first_is_done = threading.Event()
    second = threading.Thread(target=lambda: setup(tmp_path, run).carry_out(first_is_done.is_set))
    with only_one(tmp_path, lambda _: None):
        second.start()
        second.join(0.2)
        assert second.is_alive()
        first_is_done.set()
    second.join(10)
    assert not second.is_alive()
    assert run.commands == []


def test_the_end_of_what_a_command_complains_of_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    code, output = run_shown(
        [sys.executable, "-c", "import sys; print('shown'); print('kept', file=sys.stderr); sys.exit(4)"]
    )
    assert (code, output.strip()) == (4, "kept")
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "shown" in shown.err
    assert "kept" in shown.err


def test_a_command_that_is_not_there_fails_as_any_other() -> None:
    assert run_shown(["/nowhere/python"])[0] == 127
