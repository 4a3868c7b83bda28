"""A sampler that remembers: its memory travels with the state through events, forks and comparisons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.options import Options
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.engine.events import PictureStarted
from studio.engine.requests import generate as requests_module
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest, StartState
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import Previews
from studio.engine.sampling import generate as generate_module
from tests.engine.asking import asking, bits, pictures, steps_of, those

if TYPE_CHECKING:
    from studio.engine.engine import Engine

ARRAYS = Previews(every=0, arrays=True)


@dataclass(frozen=True, kw_only=True)
class NoOptions(Options):
    """None at all."""


class AdamsBashforth(Sampler[NoOptions]):
    """DDIM with the noise extrapolated from two steps: the simplest sampler that keeps anything."""

    name = "ab2"
    Options = NoOptions

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        p = yield Query(state.x, t)
        eps = 1.5 * p.eps - 0.5 * state.history[0][1] if state.history else p.eps
        x0_hat = (state.x - self.schedule.sigma(t) * eps) / self.schedule.alpha(t) if t < 900 else p.x0_hat
        return state.advance(self.schedule.alpha(s) * x0_hat + self.schedule.sigma(s) * eps, ((t, p.eps),))


@pytest.fixture
def request_with_memory(monkeypatch: pytest.MonkeyPatch) -> GenerateRequest:
    samplers = {**SAMPLERS, "ab2": AdamsBashforth}
    for module in (requests_module, generate_module):
        monkeypatch.setattr(module, "SAMPLERS", samplers)
    return GenerateRequest(prompt="dog", model="latent", sampler="ab2", steps=5, seed=3)


def test_a_fork_continues_with_the_history_of_its_parent(
    engine: Engine, request_with_memory: GenerateRequest
) -> None:
    parent = list(engine.run(request_with_memory, previews=ARRAYS))
    (begun,) = those(PictureStarted, parent)
    assert begun.start.history == ()
    for step in steps_of(parent)[:-1]:
        assert step.state is not None
        (remembered,) = step.history
        assert step.history_times == (step.t,)
        assert (remembered.shape, remembered.dtype) == ((4, 4, 4), np.float32)
        assert not remembered.flags.writeable
        times = begun.start.times[step.step :]
        start = StartState(
            x=step.state,
            index=step.step,
            times=times,
            history=step.history,
            history_times=step.history_times,
        )
        events = list(engine.run(ForkRequest(request=request_with_memory, start=start), previews=ARRAYS))
        assert bits(*pictures(events)) == bits(*pictures(parent))
        assert np.array_equal(those(PictureStarted, events)[0].start.history[0], remembered)
        forgetful = ForkRequest(
            request=request_with_memory, start=replace(start, history=(), history_times=())
        )
        assert bits(*pictures(engine.run(forgetful))) != bits(*pictures(parent))


def test_panes_do_not_share_their_history(engine: Engine, request_with_memory: GenerateRequest) -> None:
    panes = (request_with_memory, replace(request_with_memory, seed=4), asking())
    alone = [bits(*pictures(engine.run(pane))) for pane in panes]
    events = list(engine.run(CompareRequest(requests=panes, batched=False), previews=ARRAYS))
    assert [bits(done) for done in pictures(events)] == alone
    assert [len(step.history) for image in range(3) for step in steps_of(events, image)] == [1] * 10 + [0] * 4
