"""A bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from studio.cli.making import Progress
from studio.engine.events import ModelLoading, StepDone

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(number: int) -> StepDone:
    return StepDone(
        job_id="job",
        image=1,
        step=number,
        steps=10,
        t=9,
        s=8,
        sigma=0.5,
        level=0.5,
        snr=1.0,
        model_calls=number,
        seconds=2.0 * number,
    )


def test_a_terminal_gets_a_bar_that_redraws_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    progress = Progress(3, terminal)
    progress.step(step(5))
    assert terminal.getvalue() == f"\r[{'#' * 12}{'.' * 12}] picture 2 of 3, step 5 of 10, 10.0 s left"
    shown = len(terminal.getvalue()) - 1
    progress.step(step(10))
    assert terminal.getvalue().endswith("step 10 of 10, 0.0 s left")
    progress.say("Note: hello")
    assert terminal.getvalue().endswith(f"\r{' ' * shown}\rNote: hello\n")


def test_the_bar_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    Progress(3, terminal).step(step(5))
    assert len(terminal.getvalue().strip()) < 30


def test_a_file_gets_no_bar() -> None:
    stream = io.StringIO()
    progress = Progress(3, stream)
    progress.step(step(5))
    progress.clear()
    assert stream.getvalue() == ""
    progress.say("line")
    assert stream.getvalue() == "line\n"


def test_converting_a_file_is_said_once_and_drawn_as_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        progress = Progress(1, stream)
        for fraction in (0.0, 0.5, None):
            progress.show(ModelLoading(job_id="job", model="ink", converted=fraction))
    assert file.getvalue().splitlines() == [
        "Converting the PyTorch file of the model ink, which is done once ...",
        "Loading the model ink ...",
    ]
    assert f"\r[{'#' * 12}{'.' * 12}] 50%" in terminal.getvalue()
