"""The batching error of a comparison, and the reference of its runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from studio.engine.events import JobFailed
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.previews import Previews
from studio.errors import StudioError
from studio.ui.compare.model import CompareModel
from studio.ui.compare.reference import LONG, UNASKED_MAX_S, A
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from tests.ui.asked import make_frames
from tests.ui.cards import LARGE, STARTER
from tests.ui.compared import Compared
from tests.ui.fakes import FakeEngine, Forming, Take

if TYPE_CHECKING:
    from studio.engine.requests.generate import GenerateRequest
    from studio.gallery.store import PictureSaved
    from studio.ui.core.engine_call import EngineCall
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels


class Measuring:
    """A comparison and its batching error; an engine call is answered when a test says so."""

    def __init__(self, models: Models) -> None:
        self.model, self.batching_error = models.compare, models.batching_error
        self.asked: list[EngineCall[Any]] = []
        models.engine.call = self.asked.append  # type: ignore[method-assign]
        self.engine = FakeEngine(Forming(pixels=True))

    def play(self, *runs: dict[str, Any], seconds: float = 1.0) -> Compared:
        """Make runs with the states of the engine alone, those of the second a little off."""
        times = iter([0.0, 0.0, seconds])
        played = Compared(self.model, *runs, clock=lambda: next(times, seconds))
        played.begin()
        for step in range(1, 5):
            for image in range(len(runs)):
                state = played.take.pixel_state(0, -step / 100 + image * 0.25)
                done = played.take.step(image, step, x0_hat=state, state=state)
                played.job.record.add(done)
                played.job_state.take_step(done)
        return played.keep().end()

    def do(self) -> None:
        call = self.asked[-1]
        try:
            call.then(call.work(call, self.engine))
        except StudioError as error:
            call.failed(str(error))

    @property
    def status(self) -> str:
        return self.batching_error.current.status


@pytest.fixture
def measuring(make_models: MakeModels) -> Measuring:
    return Measuring(make_models())


def test_a_cheap_comparison_is_measured_unasked(measuring: Measuring) -> None:
    measuring.play({}, {})
    assert measuring.status == "measuring"
    measuring.do()
    assert measuring.status == "measured"
    assert measuring.batching_error.current.differences == pytest.approx((0.0, 0.25))
    assert [len(take.runs) for take in measuring.engine.takes] == [1, 1], "each alone"


def test_an_expensive_comparison_is_measured_on_request(measuring: Measuring) -> None:
    measuring.play({}, {}, seconds=2 * UNASKED_MAX_S)
    assert (measuring.status, measuring.asked) == ("unknown", [])
    measuring.batching_error.measure()
    assert measuring.status == "measuring"
    measuring.batching_error.stop()
    assert measuring.asked[0].cancelled.is_set()
    assert measuring.status == "unknown"
    measuring.batching_error.measure()
    measuring.do()
    assert measuring.status == "measured"


def test_without_shared_calls_there_is_nothing_to_measure(measuring: Measuring) -> None:
    played = Compared(measuring.model, {}, {})
    request = CompareRequest(requests=played.job.requests, batched=False)
    object.__setattr__(played.job, "request", request)
    played.play()
    assert (measuring.status, measuring.asked) == ("exact", [])


def test_the_next_comparison_does_not_wait_for_it(measuring: Measuring) -> None:
    measuring.play({}, {})
    Compared(measuring.model, {}, {}).begin()
    assert measuring.asked[0].cancelled.is_set()
    assert measuring.status == "none"


def test_a_model_that_has_changed_is_reported(measuring: Measuring) -> None:
    played = measuring.play({}, {})
    played.job_state.started = played.take.started(weights=("ee" * 32, "ee" * 32))
    measuring.batching_error.stop()
    measuring.batching_error.measure()
    measuring.do()
    assert measuring.status == "failed"
    assert "fake" in measuring.batching_error.current.fault


def test_recorded_and_cancelled_runs_have_nothing_to_measure(measuring: Measuring) -> None:
    assert measuring.status == "none"
    model = CompareModel(make_frames())
    other = Compared(model, {}, {}).play()
    measuring.model.show(other.job_state)
    assert measuring.status == "none"
    model.close()


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

    def finish(self) -> PictureSaved:
        """Make the long run that was requested last."""
        job_state, take = self.begin()
        done = take.step(0, 250, x0_hat=take.pixel_state(0, 0.5), state=take.pixel_state(0, 0.5))
        job_state.job.record.add(done)
        job_state.take_step(done)
        made = Compared.kept(take)
        job_state.take(made)
        job_state.take(take.finished())
        assert self.reference.follow(job_state)
        return made

    @property
    def place(self) -> int | None:
        assert self.reference.current is not None
        return self.reference.current.place


@pytest.fixture
def room(make_models: MakeModels) -> Room:
    return Room(make_models(STARTER, LARGE))


def test_the_reference_is_a_until_another_is_chosen(room: Room) -> None:
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
    made = room.finish()
    assert not room.reference.making
    assert (room.reference.key, room.place) == (LONG, None)
    assert room.reference.current.x0_hat is not None or room.reference.current.done is not None
    assert room.reference.current is not None
    assert room.reference.current.done is made.done


def test_a_long_run_stays_the_reference_when_a_run_joins(room: Room) -> None:
    room.reference.make(room.reference.offers()[0])
    room.finish()
    Compared(room.model, DDPM, {}, {"steps": 8}).play()
    assert (room.reference.key, room.place) == (LONG, None)
    assert [one.sampler for one in room.reference.offers()] == ["ddpm"], "the other is there"
    room.reference.choose(A)
    Compared(room.model, {}, {"steps": 8}).play()
    assert (room.reference.key, room.reference.made) == (A, True), "there to be chosen again"


@pytest.mark.parametrize(
    "other", [{"seed": 8}, {"prompt": "an owl"}, {"guidance": 1.5}, {"negative": "a hat"}]
)
def test_a_long_run_from_other_noise_or_settings_is_no_reference(room: Room, other: dict[str, Any]) -> None:
    room.reference.make(room.reference.offers()[0])
    room.finish()
    Compared(room.model, {**DDPM, **other}, {}).play()
    assert (room.reference.key, room.place, room.reference.made) == (A, 0, False)


def test_a_long_run_that_fails_or_is_stopped_leaves_a_as_the_reference(room: Room) -> None:
    stopped: list[object] = []
    room.reference.stop_requested.connect(stopped.append)
    room.reference.make(room.reference.offers()[0])
    job_state, take = room.begin()
    failed = JobFailed(job_id=take.job_id, sentence="It is gone.")
    job_state.take(failed)
    assert room.reference.follow(job_state)
    assert (room.reference.making, room.reference.fault, room.place) == (False, failed.sentence, 0)
    room.reference.make(room.reference.offers()[1])
    room.reference.job = Job(request=room.asked[-1])
    room.reference.stop()
    assert stopped == [room.reference.job]
    assert not room.reference.making


def test_ddim_has_one_long_run_and_a_running_comparison_none(room: Room) -> None:
    room.model.set_pair(1, 0)
    assert [one.sampler for one in room.reference.offers()] == ["ddim"]
    Compared(room.model, {}, {}).begin()
    assert room.reference.offers() == ()
