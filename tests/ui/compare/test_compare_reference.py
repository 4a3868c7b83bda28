"""What the runs of a comparison are measured against."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from studio.engine.events import JobFailed
from studio.engine.requests.previews import Previews
from studio.ui.compare.reference import LONG, A
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from tests.ui.cards import LARGE, STARTER
from tests.ui.compared import Compared
from tests.ui.fakes import Take

if TYPE_CHECKING:
    from studio.engine.requests.generate import GenerateRequest
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels

DDPM = {"sampler": "ddpm", "options": {"variance": "posterior"}}


class Room:
    """A finished comparison of DDPM and DDIM, and its reference."""

    def __init__(self, models: Models) -> None:
        self.model, self.reference = models.compare, models.reference
        self.asked: list[GenerateRequest] = []
        self.reference.run_requested.connect(self.asked.append)
        self.played = Compared(self.model, DDPM, {}).play()

    def begin(self) -> tuple[JobState, Take]:
        job = Job(request=self.asked[-1])
        take = Take(
            request=self.asked[-1],
            asked=job.request,
            job_id=job.id,
            previews=Previews(),
            cancelled=threading.Event(),
        )
        job_state = JobState(job)
        job_state.take(take.started())
        assert self.reference.follow(job_state)
        return job_state, take

    @property
    def place(self) -> int | None:
        assert self.reference.current is not None
        return self.reference.current.place


@pytest.fixture
def room(make_models: MakeModels) -> Room:
    return Room(make_models(STARTER, LARGE))


def test_it_is_a_until_another_is_chosen(room: Room) -> None:
    assert (room.reference.key, room.place) == (A, 0)
    room.model.set_pair(1, 0)
    assert room.place == 1
    room.reference.choose("0")
    assert room.place == 0
    Compared(room.model, {}, {}).begin()
    assert (room.reference.key, room.place) == (A, 1)


def test_a_long_run_is_made_from_the_same_noise_and_measured_against(room: Room) -> None:
    offers = room.reference.offers()
    assert [(one.sampler, one.steps, one.seed) for one in offers] == [("ddim", 250, 7), ("ddpm", 250, 7)]
    room.reference.make(offers[0])
    assert room.reference.making
    assert room.asked == [offers[0]]
    assert room.reference.current is not None
    assert room.reference.current.place == 0
    job_state, take = room.begin()
    done = take.step(0, 250, x0_hat=take.pixel_state(0, 0.5), state=take.pixel_state(0, 0.5))
    job_state.job.record.add(done)
    job_state.take_step(done)
    made = Compared.kept(take)
    job_state.take(made)
    job_state.take(take.finished())
    assert room.reference.follow(job_state)
    assert not room.reference.making
    assert (room.reference.key, room.place) == (LONG, None)
    assert room.reference.current.finish is not None or room.reference.current.done is not None
    assert room.reference.current is not None
    assert room.reference.current.done is made.done


def test_one_that_fails_or_is_stopped_leaves_a(room: Room) -> None:
    stopped: list[object] = []
    room.reference.stop_requested.connect(stopped.append)
    room.reference.make(room.reference.offers()[0])
    job_state, take = room.begin()
    job_state.take(JobFailed(job_id=take.job_id, sentence="It is gone."))
    assert room.reference.follow(job_state)
    assert (room.reference.making, room.reference.fault, room.place) == (False, "It is gone.", 0)
    room.reference.make(room.reference.offers()[1])
    room.reference.job = Job(request=room.asked[-1])
    room.reference.stop()
    assert stopped == [room.reference.job]
    assert not room.reference.making


def test_of_ddim_there_is_one_long_run_and_of_a_running_comparison_none(room: Room) -> None:
    room.model.set_pair(1, 0)
    assert [one.sampler for one in room.reference.offers()] == ["ddim"]
    Compared(room.model, {}, {}).begin()
    assert room.reference.offers() == ()
