"""How far a batched comparison is from the same runs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from studio.engine.requests.compare import CompareRequest
from studio.errors import StudioError
from studio.ui.compare.model import CompareModel
from studio.ui.compare.reference import UNASKED_MAX_S
from tests.ui.asked import make_frames
from tests.ui.compared import Compared
from tests.ui.fakes import FakeEngine, Forming

if TYPE_CHECKING:
    from studio.ui.core.engine_call import EngineCall
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels


class Room:
    """A comparison and what measures it; errands are done when a test says so."""

    def __init__(self, models: Models) -> None:
        self.model, self.batching_error = models.compare, models.batching_error
        self.asked: list[EngineCall[Any]] = []
        models.engine.call = self.asked.append  # type: ignore[method-assign]
        self.engine = FakeEngine(Forming(pixels=True))

    def play(self, *runs: dict[str, Any], seconds: float = 1.0) -> Compared:
        """Make runs whose states are as those of the engine alone, and those of the second a little off."""
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
def room(make_models: MakeModels) -> Room:
    return Room(make_models())


def test_a_cheap_comparison_is_measured_unasked(room: Room) -> None:
    room.play({}, {})
    assert room.status == "measuring"
    room.do()
    assert room.status == "measured"
    assert room.batching_error.current.differences == pytest.approx((0.0, 0.25))
    assert [len(take.runs) for take in room.engine.takes] == [1, 1], "each alone"


def test_a_dear_one_is_measured_when_it_is_asked_to(room: Room) -> None:
    room.play({}, {}, seconds=2 * UNASKED_MAX_S)
    assert (room.status, room.asked) == ("unknown", [])
    room.batching_error.measure()
    assert room.status == "measuring"
    room.batching_error.stop()
    assert room.asked[0].cancelled.is_set()
    assert room.status == "unknown"
    room.batching_error.measure()
    room.do()
    assert room.status == "measured"


def test_where_no_run_shared_a_call_there_is_nothing_to_measure(room: Room) -> None:
    played = Compared(room.model, {}, {})
    request = CompareRequest(requests=played.job.requests, batched=False)
    object.__setattr__(played.job, "request", request)
    played.play()
    assert (room.status, room.asked) == ("exact", [])


def test_the_next_comparison_does_not_wait_for_it(room: Room) -> None:
    room.play({}, {})
    Compared(room.model, {}, {}).begin()
    assert room.asked[0].cancelled.is_set()
    assert room.status == "none"


def test_another_model_by_now_is_said(room: Room) -> None:
    played = room.play({}, {})
    played.job_state.started = played.take.started(weights=("ee" * 32, "ee" * 32))
    room.batching_error.stop()
    room.batching_error.measure()
    room.do()
    assert room.status == "failed"
    assert "starter" in room.batching_error.current.fault


def test_recorded_runs_and_those_cut_short_have_nothing_to_measure(room: Room) -> None:
    assert room.status == "none"
    model = CompareModel(make_frames())
    other = Compared(model, {}, {}).play()
    room.model.show(other.job_state)
    assert room.status == "none"
    model.close()
