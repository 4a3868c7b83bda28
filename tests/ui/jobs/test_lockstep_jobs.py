"""Jobs of several runs, and jobs that go on from a step: what the session and the models make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest, StartState
from studio.gallery.store import PictureSaved
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from studio.ui.jobs import text
from studio.ui.jobs.queue_view import describe
from tests.ui.fakes import Gate, Lockstep, Take, asking
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.events import Event

RUNS = (asking(steps=2), asking("a cat", steps=4, seed=8), asking(steps=3))


@pytest.fixture
def open_studio(qtbot: QtBot, tmp_path: Path) -> Iterator[list[Studio]]:
    studios: list[Studio] = []
    yield studios
    for studio in studios:
        studio.close()


def test_a_comparison_is_one_job_whose_pictures_are_its_runs(
    qtbot: QtBot, tmp_path: Path, open_studio: list[Studio]
) -> None:
    studio = Studio(qtbot, tmp_path, Lockstep())
    open_studio.append(studio)
    states: list[JobState] = []
    studio.session.job_changed.connect(states.append)
    studio.session.start()
    request = CompareRequest(requests=RUNS)
    job = studio.session.compare(request)
    studio.wait_idle()
    assert studio.engine.takes[0].asked is request
    assert {id(job_state) for job_state in states} == {id(states[0])}
    job_state = states[0]
    assert job_state.job is job
    assert (job_state.phase, job_state.fraction, job_state.count) == ("done", 1.0, 3)
    assert [len(job.record.picture(image).steps) for image in range(3)] == [2, 4, 3]  # type: ignore[union-attr]
    assert [job_state.steps_of(image) for image in range(3)] == [2, 4, 3]
    assert [entry.metadata.seed for entry in studio.wall.entries] == [7, 7, 8]
    made = [event for event in job_state.pictures.values() if isinstance(event, PictureSaved)]
    assert {event.done.image: event.done.request.prompt for event in made} == {
        0: "a fox",
        1: "a cat",
        2: "a fox",
    }


def test_progress_counts_the_steps_of_every_run(
    qtbot: QtBot, tmp_path: Path, open_studio: list[Studio]
) -> None:
    gate = Gate()
    studio = Studio(qtbot, tmp_path, Lockstep(at={(1, 3): gate}))
    open_studio.append(studio)
    studio.session.start()
    studio.session.compare(CompareRequest(requests=RUNS))
    studio.wait_for(gate)
    studio.wait(lambda: studio.run.running is not None and len(studio.run.running.pictures) == 1)
    job_state = studio.run.running
    assert job_state is not None
    studio.wait(lambda: job_state.latest(2) is not None and job_state.latest(2).step == 2)
    assert job_state.fraction == pytest.approx((2 + 2 + 2) / 9)
    gate.open()
    studio.wait_idle()


def test_the_progress_of_a_fork_counts_from_its_start(
    qtbot: QtBot, tmp_path: Path, open_studio: list[Studio]
) -> None:
    def from_the_second(take: Take) -> Iterator[Event]:
        yield take.started()
        yield take.step(0, 3)
        gate()
        yield take.step(0, 4)
        yield take.picture(0)
        yield take.finished()

    gate = Gate()
    studio = Studio(qtbot, tmp_path, from_the_second)
    open_studio.append(studio)
    studio.session.start()
    start = StartState(x=np.zeros((4, 2, 2), np.float32), index=2, times=(499, 249, -1))
    job = studio.session.fork(ForkRequest(request=asking(steps=4), start=start))
    assert describe(job) == text.from_step(2, 2, job.lead)
    studio.wait_for(gate)
    studio.wait(lambda: studio.run.running is not None and studio.run.running.latest(0) is not None)
    assert studio.run.running is not None
    assert studio.run.running.fraction == 0.5
    gate.open()
    studio.wait_idle()
    assert studio.run.viewed is not None
    assert studio.run.viewed.fraction == 1.0


def test_a_job_is_named_after_its_first_run(qtbot: QtBot) -> None:
    del qtbot
    job = Job(request=CompareRequest(requests=RUNS))
    assert (job.lead, job.count, job.first_step) == (RUNS[0], 3, 0)
    assert describe(job) == text.in_lockstep(3, RUNS[0].seed)
    job_state = JobState(job)
    assert job_state.steps_of(1) == 4
    assert job_state.request_of(1).prompt == "a cat"
