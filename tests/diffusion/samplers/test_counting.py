"""The number of queries that a sampler foretells is the number it makes, whatever its options."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from studio.diffusion.denoiser import Denoiser
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.ddim import DDIMOptions
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.predictor_corrector import PredictorCorrector, PredictorCorrectorOptions
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.diffusion.schedules import cosine
from studio.diffusion.spacings import visit_times
from tests.diffusion.analytic import UNGUIDED

if TYPE_CHECKING:
    import torch

    from studio.diffusion.conditioning import Conditioning

SCHEDULE = cosine()


def shrink(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
    return 0.5 * x


def queries_made(sampler: type[Sampler[Any]], options: Any, steps: int) -> int:  # noqa: ANN401
    """Drive a whole run without guidance, where each query is one model call."""
    noise = Noise([0], (1, 2, 2))
    state = State(noise.initial(), 0, visit_times(SCHEDULE.T, steps, "trailing"))
    run = drive(sampler(SCHEDULE, options), UNGUIDED, Denoiser(shrink, SCHEDULE, "eps"), state, noise)
    return sum(result.model_calls for result in run)


def settings_of(sampler: type[Sampler[Any]]) -> list[Any]:
    """Return the defaults, and options that differ from them in one field each, to every choice and both ends."""
    options = [sampler.Options()]
    for field in dataclasses.fields(sampler.Options):
        told = field.metadata
        values = told["choices"] if "choices" in told else (told["minimum"], min(told["maximum"], 3))
        options += [sampler.Options(**{field.name: value}) for value in values]
    return options


def miscounts(sampler: type[Sampler[Any]]) -> list[tuple[Any, int]]:
    """Return options and steps for which a run makes more or fewer queries than was foretold."""
    cases = [(options, steps) for options in settings_of(sampler) for steps in (1, 2, 5)]
    return [
        (options, steps)
        for options, steps in cases
        if queries_made(sampler, options, steps) != sampler.count_queries(options, steps)
    ]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_makes_as_many_queries_as_were_foretold(name: str) -> None:
    assert miscounts(SAMPLERS[name]) == []


class Forgetful(PredictorCorrector):
    @classmethod
    def count_queries(cls, options: PredictorCorrectorOptions, steps: int) -> int:
        return steps


class Doubtful(Sampler[DDIMOptions]):
    """A sampler as the next one may be: it asks twice, and nobody thought of counting."""

    Options = DDIMOptions

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        p = yield Query(state.x, t)
        p = yield Query(p.x0_hat, t)
        return state.advance(p.x0_hat)


def test_a_sampler_that_miscounts_is_seen() -> None:
    assert miscounts(Forgetful)
    assert miscounts(Doubtful)
