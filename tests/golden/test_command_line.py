"""Every flag of the old command line is still there and means the same, and every error ends as it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from studio.cli.main import run
from tests.golden.commands import NAMES, RECORDED, Flag, flags

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CODES: list[dict[str, Any]] = json.loads((RECORDED / "exit_codes.json").read_text(encoding="utf-8"))


def help_of(name: str) -> str:
    return (RECORDED / "help" / f"{name}.txt").read_text(encoding="utf-8")


def lost(old: dict[str, Flag], new: dict[str, Flag]) -> list[str]:
    """Return what the old help states and the new one does not: flags, that one takes a value, defaults, ranges."""
    found = [name for name in old if name not in new]
    for name in old.keys() & new.keys():
        if bool(old[name].metavar) != bool(new[name].metavar):
            found.append(f"{name} takes a value, or took one")
        found += [f"{name}: {fact}" for fact in sorted(old[name].facts - new[name].facts)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_is_there_with_its_default_choices_and_range(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([name, "--help"]) == 0
    old = flags(help_of(name))
    assert len(old) > 1
    assert lost(old, flags(capsys.readouterr().out)) == []


def test_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in help_of("stepwise") and f"  {name} " in said for name in NAMES)


def test_a_lost_flag_and_a_changed_default_are_seen() -> None:
    old = flags(help_of("generate"))
    assert {"--steps", "--sampler", "--json", "--eta"} <= old.keys()
    assert old["--json"].metavar == ""
    assert old["--steps"].metavar
    text = help_of("generate")
    assert lost(old, flags(text.replace("  --seed N", "  --seeds N"))) == ["--seed"]
    assert lost(old, flags(text.replace("1 to 1000", "1 to 900"))) == ["--steps: 1 to 1000"]
    assert any("--model" in one for one in lost(old, flags(text.replace("starter)", "another)"))))


@pytest.mark.parametrize("case", CODES, ids=lambda case: " ".join(case["words"]))
def test_it_ends_as_it_ended(case: dict[str, Any], old_home: Path, stepwise: Callable[..., Any]) -> None:
    ran = stepwise(*(word.replace("{HOME}", str(old_home)) for word in case["words"]))
    assert ran.code == case["code"], ran.err
    assert "Traceback" not in ran.err
    sentences = [line for line in ran.err.splitlines() if line.startswith("stepwise")]
    assert len(sentences) == case["sentences"], ran.err
    assert bool(ran.out) == case["prints"]


def test_the_recorded_codes_are_those_of_success_of_errors_and_of_another_picture() -> None:
    assert {case["code"] for case in CODES} == {0, 2, 3}
    assert sum(case["code"] == 2 and case["sentences"] == 1 for case in CODES) > 40


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child")
def test_an_interrupt_ends_between_two_model_calls_with_130(old_home: Path) -> None:
    words = ["generate", "a red dog", "--model", "tiny", "--steps", "200", "--count", "50", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "studio", *words],
        cwd=ROOT,
        env={**os.environ, "STEPWISE_HOME": str(old_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline().strip()  # the first picture of fifty is done
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    kept = [first, *out.split("\n")]
    assert all(Path(line).is_file() for line in kept if line)


def test_a_reader_that_is_gone_ends_it_with_1(old_home: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.stdin.read(); from studio.cli.main import run; sys.exit(run(['models']))",
        ],
        cwd=ROOT,
        env={**os.environ, "STEPWISE_HOME": str(old_home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.close()  # only now it begins to print
    assert process.wait(60) == 1
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
