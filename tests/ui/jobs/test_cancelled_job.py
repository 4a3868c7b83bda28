"""A long job that was cancelled goes on where it was, to the pictures it would have made."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from studio.engine.requests.fork import ForkRequest
from studio.ui.core.job_state import JobState
from studio.ui.jobs import cancelled_job
from studio.ui.jobs.cancelled_job import remaining_work
from tests.ui.fakes import FakeEngine, Forming, Gate, asking
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakeProgram


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path, gate: Gate) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True, at={(1, 3): gate}), Forming(pixels=True))
    made.session.start()
    yield made
    gate.open()
    made.close()


def cancelled(studio: Studio, gate: Gate, **fields: int) -> JobState:
    studio.generate(**fields)
    studio.wait_for(gate)
    job_state = studio.run.running
    assert job_state is not None
    studio.session.cancel()
    gate.open()
    studio.wait_idle()
    return job_state


def test_begun_pictures_continue_from_their_step_and_the_others_with_their_own_seeds(
    studio: Studio, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelled_job, "LONG_SECONDS", 0.0)
    job_state = cancelled(studio, gate, count=4, seed=40)
    left = remaining_work(job_state)
    assert left is not None
    ((fork, image),) = left.forks
    done = job_state.latest(1)
    assert done is not None
    assert image == 1
    named = [int(number) for number in re.findall(r"\d+", left.sentence)]
    assert named == [2, 4, done.step, done.steps], "the picture, of how many, its step, of how many"
    assert fork.request == replace(job_state.request, seed=41, count=1)
    assert (fork.start.index, fork.start.remaining) == (done.step, done.steps - done.step)
    assert fork.start.x is done.state or np.array_equal(fork.start.x, done.state)  # type: ignore[arg-type]
    assert fork.parent == job_state.run_ids.get(1, "")
    assert left.rest == replace(job_state.request, seed=42, count=2)
    fork.validate()


def test_short_and_nearly_finished_jobs_cannot_be_resumed(
    studio: Studio, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_state = cancelled(studio, gate, count=2)
    assert remaining_work(job_state) is None  # it took no ten seconds
    for spent, offered in ((9.0, False), (11.0, False), (300.0, True)):  # 7 of 8 steps are done
        monkeypatch.setattr(JobState, "seconds", property(lambda _, spent=spent: spent))
        assert (remaining_work(job_state) is not None) == offered, spent


def test_jobs_that_were_not_cancelled_have_no_remaining_work(
    studio: Studio, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelled_job, "LONG_SECONDS", 0.0)
    gate.open()
    studio.generate()
    job_state = studio.run.running
    assert job_state is not None
    assert remaining_work(job_state) is None
    studio.wait_idle()
    assert remaining_work(job_state) is None


def test_esc_offers_to_resume_and_that_finishes_the_job(
    qtbot: QtBot, make_program: MakeProgram, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelled_job, "LONG_SECONDS", 0.0)
    engine = FakeEngine(Forming(pixels=True, at={(0, 3): gate}), Forming(pixels=True))
    program = make_program(engine=engine)
    window = program.window
    try:
        program.session.generate(asking("a fox", seed=5))
        qtbot.waitUntil(gate.reached.is_set)
        window.go_back()
        gate.open()
        toast = window.overlays.toast
        qtbot.waitUntil(toast.isVisible)
        stopped = program.models.run.viewed
        assert stopped is not None
        left = remaining_work(stopped)
        assert left is not None
        assert toast.accessibleName() == left.sentence
        assert toast.action.isVisible()
        QTest.mouseClick(toast.action, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: len(engine.takes) == 2)
        asked = engine.takes[1].asked
        assert isinstance(asked, ForkRequest)
        assert asked.request == replace(engine.takes[0].request, count=1)
        qtbot.waitUntil(lambda: program.models.queue.rowCount() == 0)
        viewed = program.models.run.viewed
        assert viewed is not None
        assert viewed.phase == "done"
    finally:
        gate.open()
