"""What a sampler declares about itself is what it does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS, ode_sampler
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.langevin import AnnealedLangevin
from studio.diffusion.samplers.predictor_corrector import PredictorCorrector, PredictorCorrectorOptions
from studio.diffusion.samplers.stepper import Sampler, State, StepNoise
from studio.diffusion.schedules import cosine
from studio.diffusion.spacings import visit_times
from tests.diffusion.analytic import Gaussian, denoiser, run, unit_noise

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

SCHEDULE = cosine()
DATA = Gaussian(0.8, 0.3)


def settings_of(sampler: type[Sampler[Any]]) -> Iterator[Any]:
    """Yield the defaults, and options that differ from them in one or two fields."""
    changes: list[dict[str, Any]] = [{}]
    for field in dataclasses.fields(sampler.Options):
        known = field.metadata
        values = known["choices"] if "choices" in known else (known["minimum"], min(known["maximum"], 3))
        changes += [{**change, field.name: value} for change in changes for value in values]
    yield from (sampler.Options(**change) for change in changes)


def draws(sampler: type[Sampler[Any]], options: Any, steps: int) -> list[int]:  # noqa: ANN401
    """Return the indices of the steps that drew noise in a whole run."""
    drew: list[int] = []

    class Recording:
        def at(self, step: int) -> StepNoise:
            def draw(number: int) -> torch.Tensor:
                drew.append(step)
                return Noise([1], (1, 2, 2)).at(step)(number)

            return draw

    times = visit_times(SCHEDULE.T, steps, "trailing")
    start = Noise([0], (1, 2, 2)).initial()
    run(sampler(SCHEDULE, options), denoiser(DATA, SCHEDULE), start, times, Recording())
    return drew


def misdeclares_noise(sampler: type[Sampler[Any]]) -> bool:
    return any(
        bool(draws(sampler, options, 3)) != sampler.draws_noise(options) for options in settings_of(sampler)
    )


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_draws_noise_exactly_if_it_says_so(name: str) -> None:
    assert not misdeclares_noise(SAMPLERS[name])


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_last_step_draws_none(name: str) -> None:
    for options in settings_of(SAMPLERS[name]):
        assert 2 not in draws(SAMPLERS[name], options, 3)
        assert draws(SAMPLERS[name], options, 1) == []


class AlwaysNoisy(DDIM):
    @classmethod
    def draws_noise(cls, options: DDIMOptions) -> bool:
        return True


class NeverNoisy(PredictorCorrector):
    @classmethod
    def draws_noise(cls, options: PredictorCorrectorOptions) -> bool:
        return False


@pytest.mark.parametrize("twin", [AlwaysNoisy, NeverNoisy])
def test_a_sampler_that_misdeclares_its_noise_is_seen(twin: type[Sampler[Any]]) -> None:
    assert misdeclares_noise(twin)


def distance_to_the_ode(sampler: type[Sampler[Any]], options: Any) -> float:  # noqa: ANN401
    """Return how far 250 steps are from 1,000 steps of DDIM, as a root mean square."""
    x = unit_noise(400)
    ends = [
        run(make(SCHEDULE, chosen), denoiser(DATA, SCHEDULE), x, visit_times(1000, steps, "trailing"))[
            -1
        ].state.x
        for make, chosen, steps in ((sampler, options, 250), (DDIM, DDIMOptions(), 1000))
    ]
    return float((ends[0] - ends[1]).square().mean().sqrt())


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_converges_to_the_ode_exactly_if_it_says_so(name: str) -> None:
    sampler = SAMPLERS[name]
    for options in (sampler.Options(), *([DDIMOptions(eta=1.0)] if name == "ddim" else [])):
        assert (distance_to_the_ode(sampler, options) < 0.02) == sampler.ode_limit(options)


def test_predictor_corrector_without_passes_is_an_ode_sampler() -> None:
    options = PredictorCorrectorOptions(corrector_steps=0)
    assert PredictorCorrector.ode_limit(options)
    assert distance_to_the_ode(PredictorCorrector, options) < 0.02


def test_the_sampler_to_approach_the_ode_with_is_one_that_does() -> None:
    sampler = SAMPLERS[ode_sampler()]
    assert sampler.ode_limit(sampler.Options())


def first_query(sampler: Sampler[Any], t: int, s: int) -> tuple[torch.Tensor, int]:
    state = State(unit_noise(100), 0, (t, s) if s < 0 else (t, s, -1))
    query = next(sampler.step(state, t, s, Noise([1], (1, 100, 1)).at(0)))
    assert query.x is state.x, "the first query is about the state itself"
    return query.x, query.t


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(("t", "s"), [(500, 400), (3, -1)])
def test_the_state_is_first_evaluated_at_the_time_that_the_sampler_says(name: str, t: int, s: int) -> None:
    sampler = SAMPLERS[name]
    assert first_query(sampler(SCHEDULE, sampler.Options()), t, s)[1] == sampler.first_query_time(t, s)


def test_for_langevin_that_is_not_the_time_of_the_state() -> None:
    assert AnnealedLangevin.first_query_time(500, 400) != Sampler.first_query_time(500, 400)
