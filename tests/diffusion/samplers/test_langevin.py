from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

from studio.diffusion.levels import EDM
from studio.diffusion.samplers.langevin import AnnealedLangevin, LangevinOptions
from studio.diffusion.schedules import Schedule, cosine, linear
from studio.diffusion.spacings import all_times, visit_times
from tests.diffusion.analytic import KINDS, Gaussian, denoiser, run, unit_noise, z_scores

if TYPE_CHECKING:
    from studio.diffusion.samplers.stepper import State, StepNoise, Steps

DATA = Gaussian(0.8, 0.3)
ALL = pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
OPTIONS = LangevinOptions(passes=4, coefficient=0.6)


class WrongNoise(AnnealedLangevin):
    """Wrong: sqrt(2 delta) z, the noise that belongs to a drift of delta times the score."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        return (yield from super().step(state, t, s, lambda number: math.sqrt(2.0) * noise(number)))


def recursion(schedule: Schedule, times: tuple[float, ...], options: LangevinOptions) -> tuple[float, float]:
    """Return mean and variance of the sampler's own result for Gaussian data: each of its passes is linear in x."""
    m, v = DATA.marginal(schedule, times[0])
    for s in times[1:-1]:
        level_mean, level_variance = DATA.marginal(schedule, s)
        delta = options.coefficient * schedule.sigma(s) ** 2
        kept = 1 - delta / (2 * level_variance)
        for _ in range(options.passes):
            m, v = kept * m + (1 - kept) * level_mean, kept**2 * v + delta
    gain, shift = DATA.tweedie(schedule, times[-2])
    return gain * m + shift, gain**2 * v


def worst_z(
    schedule: Schedule,
    times: tuple[float, ...],
    *,
    kind: type[AnnealedLangevin] = AnnealedLangevin,
    late: int = 0,
) -> float:
    """Return by how many standard errors the samples miss the recursion."""
    start = DATA.start(schedule, times[0], unit_noise())
    end = run(kind(schedule, OPTIONS), denoiser(DATA, schedule, late=late), start, times)[-1].state.x
    return max(map(abs, z_scores(end, *recursion(schedule, times, OPTIONS))))


@ALL
@pytest.mark.parametrize("n", [10, 50])
def test_samples_have_the_moments_of_the_samplers_own_recursion(schedule: Schedule, n: int) -> None:
    assert worst_z(schedule, visit_times(1000, n, "trailing")) < 4


@ALL
def test_a_wrong_variance_is_told_apart(schedule: Schedule) -> None:
    assert worst_z(schedule, visit_times(1000, 10, "trailing"), kind=WrongNoise) > 4


@pytest.mark.parametrize("late", [-1, 1])
def test_a_time_off_by_one_is_told_apart(late: int) -> None:
    schedule = cosine(T=50)
    assert worst_z(schedule, (*all_times(50), -1)) < 4
    assert worst_z(schedule, (*all_times(50), -1), late=late) > 4


# Not on flow matching, where alpha grows until the end, and the passes at small sigma are too small to follow it.
@pytest.mark.parametrize("schedule", [linear(), cosine(), EDM()], ids=lambda schedule: schedule.name)
def test_the_recursion_tends_to_the_data_as_steps_grow(schedule: Schedule) -> None:
    distances = []
    for n in (50, 100, 200, 500, 1000):
        mean, variance = recursion(schedule, visit_times(1000, n, "trailing"), LangevinOptions(passes=20))
        distances.append(abs(mean - DATA.mean) + abs(variance - DATA.variance))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.01


@pytest.mark.parametrize("coefficient", [1.0, 0.5, 0.1])
def test_many_passes_at_one_level_settle_where_the_docstring_says(coefficient: float) -> None:
    schedule, level = cosine(), 600
    mean, variance = DATA.marginal(schedule, level)
    delta = coefficient * schedule.sigma(level) ** 2
    sampler = AnnealedLangevin(schedule, LangevinOptions(passes=100, coefficient=coefficient))
    end = run(sampler, denoiser(DATA, schedule), 1.5 * unit_noise(), (999, level, -1))[0].state.x
    assert max(map(abs, z_scores(end, mean, variance / (1 - delta / (4 * variance))))) < 4
    assert max(map(abs, z_scores(end, mean, variance))) > 4


def test_each_level_costs_its_passes_and_clean_data_one_call() -> None:
    schedule = cosine()
    times = visit_times(1000, 4, "trailing")
    steps = run(
        AnnealedLangevin(schedule, LangevinOptions(passes=7)),
        denoiser(DATA, schedule),
        unit_noise(100),
        times,
    )
    assert [step.model_calls for step in steps] == [7, 7, 7, 1]
    assert torch.equal(steps[-1].state.x, steps[-1].x0_hat)


def test_the_state_it_leaves_is_one_of_its_level() -> None:
    # So that another sampler may go on from it.
    schedule = cosine()
    times = visit_times(1000, 20, "trailing")
    start = DATA.start(schedule, times[0], unit_noise())
    for step in run(
        AnnealedLangevin(schedule, LangevinOptions(passes=20)), denoiser(DATA, schedule), start, times
    )[:-1]:
        mean, variance = DATA.marginal(schedule, step.s)
        assert step.state.x.mean().item() == pytest.approx(mean, abs=0.1)
        assert step.state.x.var().item() == pytest.approx(variance, rel=0.25)


def test_it_begins_well_where_alpha_is_all_but_zero() -> None:
    schedule = cosine()
    times = visit_times(1000, 10, "trailing")
    model = denoiser(DATA, schedule, "v")
    for step in run(AnnealedLangevin(schedule, LangevinOptions()), model, unit_noise(1000), times):
        assert step.state.x.abs().max() < 8
