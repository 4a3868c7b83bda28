"""With the real engine: what was cancelled and goes on ends bit for bit where it would have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.engine.engine import Engine
from studio.engine.events import PictureDone
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import NO_PREVIEWS
from studio.folders import Folders
from studio.ui.jobs import cancelled_job
from studio.ui.jobs.cancelled_job import remaining_work
from tests.engine.tiny import save_tiny
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.events import StepDone
    from studio.ui.core.job_state import JobState

WAIT_MS = 60_000  # torch is imported in between
REQUEST = GenerateRequest(
    prompt="a red dog", model="pixels", sampler="ddpm", steps=40, seed=7, count=3, guidance=2.0
)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = Folders.under(tmp_path / "home")
    save_tiny(folders.models / "pixels")
    return folders


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path, folders: Folders) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, make_engine=lambda: Engine(folders, "cpu"))
    made.session.start()
    yield made
    made.close()


def test_a_resumed_job_makes_the_same_pictures_as_an_uninterrupted_one(
    qtbot: QtBot, studio: Studio, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelled_job, "LONG_SECONDS", 0.0)
    made: dict[int, str] = {}
    studio.session.picture_saved.connect(
        lambda event: made.update({event.done.seed: event.done.final_sha256})
    )

    def cancel_the_second(done: StepDone) -> None:
        if job_state is not None and done.job_id == job_state.job.id and done.image == 1 and done.step >= 5:
            studio.session.cancel()

    studio.session.step_taken.connect(cancel_the_second)
    job_state: JobState | None = None
    studio.session.generate(REQUEST)
    job_state = studio.run.running
    assert job_state is not None
    qtbot.waitUntil(lambda: studio.queue.running is None, timeout=WAIT_MS)
    assert job_state.phase == "cancelled"
    left = remaining_work(job_state)
    assert left is not None
    assert left.rest is not None
    for fork, image in left.forks:
        studio.session.fork(fork, (job_state, image))
    studio.session.generate(left.rest)
    qtbot.waitUntil(lambda: len(made) == REQUEST.count, timeout=WAIT_MS)
    whole = {
        event.seed: event.final_sha256
        for event in Engine(folders, "cpu").run(REQUEST, previews=NO_PREVIEWS)
        if isinstance(event, PictureDone)
    }
    assert made == whole
