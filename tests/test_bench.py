from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.bench.__main__ import BENCHES, main
from tests.bench.code_size import lines_of_code
from tests.bench.measure import MILLISECONDS, ratio, take_turns

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bench_lists_what_it_can_measure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert {"loop", "precision", "start_up"} <= BENCHES.keys()
    assert ", ".join(BENCHES) in " ".join(capsys.readouterr().out.split())


def test_a_bench_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["loop", "lop"])
    assert stop.value.code == 2
    assert "no bench 'lop'" in capsys.readouterr().err


def test_the_suite_leaves_the_long_proofs_out_and_the_bench_runs_them(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert " -m not long" in " ".join(pytestconfig.getini("addopts"))
    commands: list[list[str]] = []

    def run(command: list[str], *, cwd: Path, check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        assert (cwd / "pyproject.toml").is_file()
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(subprocess, "run", run)
    assert main(["--long", "-k", "killed"]) == 5
    (command,) = commands
    assert command[1:5] == ["-m", "pytest", "-m", "long"]
    assert command[-2:] == ["-k", "killed"]


def test_the_long_proofs_and_a_bench_are_not_run_together(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["loop", "--long"])
    assert stop.value.code == 2
    assert "--long takes no names" in capsys.readouterr().err


def test_work_takes_turns_in_turning_order_and_warm_ups_do_not_count() -> None:
    order: list[str] = []
    seconds = iter([900.0, 900.0, 1.0, 10.0, 20.0, 2.0, 3.0, 30.0])

    def watch(work: object) -> float:
        assert callable(work)
        work()
        return next(seconds)

    medians = take_turns(
        lambda: order.append("A"), lambda: order.append("B"), rounds=3, watch=watch, warm_ups=1
    )
    assert "".join(order) == "BAABBAAB"
    assert medians == pytest.approx((2, 20))


@pytest.mark.parametrize(("first", "holds"), [(0.002, True), (0.0021, False)])
def test_a_bar_holds_up_to_itself(first: float, holds: bool) -> None:
    figure = ratio((first, 0.002), of="ours", to="theirs", unit=MILLISECONDS, bar=1.0)
    assert figure["holds"] is holds
    assert figure["ours"] == first * 1000
    assert figure["theirs"] == pytest.approx(2)
    assert "holds" not in ratio((first, 0.002), of="ours", to="theirs", unit=MILLISECONDS)


def test_lines_of_code_are_counted_without_blanks_comments_docstrings_and_imports() -> None:
    source = '''"""A docstring
over two lines."""

from os import (
    path,
)

LIMIT = 3  # a comment behind code
"""What an attribute means."""


def join(a: str) -> str:
    """Join."""
    # a comment
    return path.join(
        a, "\\n"
    )
'''
    assert lines_of_code(source) == len(["LIMIT = 3", "def join", "return path.join(", 'a, "\\n"', ")"])
