from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.bench.__main__ import BENCHES, main
from tests.bench.code_size import lines_of_code
from tests.bench.measure import (
    FOREIGN_CORES,
    MILLISECONDS,
    NOT_JUDGED,
    OtherPrograms,
    every_core_busy,
    judged,
    ratio,
    take_turns,
)
from tests.bench.window import trend

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


FIGURES = {"holds": True, "ms": 3.0, "parts": [{"budget_holds": False}], "again": {"loader_holds": True}}


@pytest.mark.parametrize("foreign", [None, 0.0, FOREIGN_CORES])
def test_bars_are_judged_on_a_quiet_machine(foreign: float | None) -> None:
    assert judged(FIGURES, foreign) == FIGURES | {"cores_of_other_programs": foreign}


def test_no_bar_is_judged_while_other_programs_work() -> None:
    assert judged(FIGURES, FOREIGN_CORES + 0.1) == {
        "cores_of_other_programs": pytest.approx(FOREIGN_CORES + 0.1),
        "holds": NOT_JUDGED,
        "ms": 3.0,
        "parts": [{"budget_holds": NOT_JUDGED}],
        "again": {"loader_holds": NOT_JUDGED},
    }


def test_what_other_programs_do_is_counted_and_what_is_our_own_is_not() -> None:
    others = OtherPrograms()
    with every_core_busy():
        during = others.cores()
    after = others.cores()
    if during is None or after is None:
        pytest.skip("this system does not count it")
    assert after < during, "processes of our own count once they have ended"


def test_a_trend_is_not_moved_by_single_rounds() -> None:
    assert trend([10.0, 12.0, 14.0, 16.0]) == pytest.approx(2.0)
    assert trend([10.0, 10.0, 40.0, 10.0, 10.0, 10.0, 3.0, 10.0]) == pytest.approx(0.0)
