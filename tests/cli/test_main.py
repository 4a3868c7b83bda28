"""What every command has in common: help at once, one sentence for a failure, no traceback ever."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]

ROOT = Path(__file__).parents[2]


def test_without_arguments_it_says_how_to_make_a_picture(stepwise: Stepwise) -> None:
    ran = stepwise()
    assert ran.code == 0
    assert 'stepwise generate "a red apple"' in ran.out


def test_help_names_every_command(stepwise: Stepwise) -> None:
    ran = stepwise("--help")
    assert ran.code == 0
    assert all(f"  {name} " in ran.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(stepwise: Stepwise, command: str) -> None:
    ran = stepwise(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"usage: stepwise {command}")


def test_version_prints_the_version(stepwise: Stepwise) -> None:
    ran = stepwise("--version")
    assert (ran.code, ran.out.split()[:2]) == (0, ["Stepwise", "Studio"])


@pytest.mark.parametrize("arguments", [[], ["--help"], *([name, "--help"] for name in COMMANDS)], ids=str)
def test_nothing_heavy_is_imported_for_help(arguments: list[str]) -> None:
    code = (
        "import sys; from studio.cli.main import run; run(sys.argv[1:]);"
        "print([name for name in ('torch', 'numpy', 'PIL', 'PySide6') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_the_overview_imports_no_command_and_a_command_no_other() -> None:
    code = (
        "import sys; from studio.cli.main import COMMANDS, run; run(sys.argv[1:]);"
        "print(*(name for name in COMMANDS if f'studio.cli.{name}' in sys.modules), file=sys.stderr)"
    )
    for arguments, loaded in ((["--help"], ""), (["models", "--help"], "models")):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == loaded


def test_an_unknown_command_is_answered_with_the_nearest(stepwise: Stepwise) -> None:
    ran = stepwise("generat", "dog")
    assert ran.code == 2
    assert ran.err.startswith("stepwise: command 'generat' is not known; did you mean 'generate'?")
    assert ran.err.count("\n") == 1


def test_an_unexpected_error_is_one_sentence_with_its_details_in_the_log(
    stepwise: Stepwise, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("one by\nnothing")

    monkeypatch.setattr("studio.cli.models.run", broken)
    ran = stepwise("models")
    log = home / "logs" / "errors.log"
    assert ran.code == 2
    assert ran.err == (
        f"stepwise: Something unexpected went wrong: ZeroDivisionError (one by); details are in {log}.\n"
    )
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_an_unexpected_error_is_reported_even_if_no_log_can_be_written(
    stepwise: Stepwise, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "logs").write_text("a file where the folder should be")

    def broken(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("studio.cli.models.run", broken)
    ran = stepwise("models")
    assert (ran.code, ran.err) == (2, "stepwise: Something unexpected went wrong: ZeroDivisionError.\n")


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (ModuleNotFoundError("No module", name="torch"), 2)]
)
def test_interrupts_and_missing_packages_have_their_sentences(
    stepwise: Stepwise, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def broken(_: object) -> int:
        raise error

    monkeypatch.setattr("studio.cli.models.run", broken)
    ran = stepwise("models")
    assert ran.code == code
    assert ran.err.count("\n") == 1
    assert "Interrupted." in ran.err or "'torch' is missing" in ran.err


def test_a_terminal_with_a_limited_encoding_is_not_an_error(home: Path) -> None:
    card = home / "models" / "tiny" / "card.json"
    card.write_text(card.read_text("utf-8").replace("CC0-1.0", "許諾 CC0"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "studio", "models"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "STEPWISE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert r"\u8a31\u8afe CC0" in done.stdout


def test_every_command_is_a_module_that_keeps_the_contract() -> None:
    for name, summary in COMMANDS.items():
        command = importlib.import_module(f"studio.cli.{name}")
        assert callable(command.add_arguments)
        assert callable(command.run)
        assert summary[0].islower()
        assert not summary.endswith(".")
