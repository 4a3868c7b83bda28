from __future__ import annotations

import itertools

import pytest
import torch

from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.schedules import Schedule, cosine
from studio.diffusion.spacings import all_times, visit_times
from tests.diffusion.analytic import KINDS, Gaussian, denoiser, run, unit_noise, z_scores

DATA = Gaussian(0.8, 0.3)
ALL = pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
VARIANCES = pytest.mark.parametrize("variance", ["posterior", "beta"])


def recursion(schedule: Schedule, times: tuple[float, ...], variance: str) -> tuple[float, float]:
    """Return mean and variance of DDPM's own result for Gaussian data: each of its steps is linear in x."""
    m, v = DATA.marginal(schedule, times[0])
    for t, s in itertools.pairwise(times):
        alpha_t, alpha_s = schedule.alpha(t), schedule.alpha(s)
        var_t, var_s = schedule.sigma(t) ** 2, schedule.sigma(s) ** 2
        beta = var_t - (alpha_t / alpha_s) ** 2 * var_s
        of_x0, of_x_t = alpha_s * beta / var_t, alpha_t / alpha_s * var_s / var_t
        gain_0, shift_0 = DATA.tweedie(schedule, t)
        added = {"posterior": beta * var_s / var_t, "beta": beta if s >= 0 else 0.0}[variance]
        m, v = (of_x0 * gain_0 + of_x_t) * m + of_x0 * shift_0, (of_x0 * gain_0 + of_x_t) ** 2 * v + added
    return m, v


def worst_z(
    schedule: Schedule, times: tuple[float, ...], variance: str, *, late: int = 0, samples: int = 100_000
) -> float:
    """Return by how many standard errors DDPM's samples miss the recursion."""
    start = DATA.start(schedule, times[0], unit_noise(samples))
    sampler = DDPM(schedule, DDPMOptions(variance=variance))
    end = run(sampler, denoiser(DATA, schedule, late=late), start, times)[-1].state.x
    return max(map(abs, z_scores(end, *recursion(schedule, times, variance))))


@ALL
@VARIANCES
@pytest.mark.parametrize("n", [10, 50])
def test_samples_have_the_moments_of_the_samplers_own_recursion(
    schedule: Schedule, variance: str, n: int
) -> None:
    assert worst_z(schedule, visit_times(1000, n, "trailing"), variance) < 4


@ALL
def test_so_they_have_with_all_thousand_steps(schedule: Schedule) -> None:
    assert worst_z(schedule, (*all_times(1000), -1), "posterior", samples=20_000) < 4


@ALL
def test_the_other_variance_is_told_apart(schedule: Schedule) -> None:
    times = visit_times(1000, 50, "trailing")
    start = DATA.start(schedule, times[0], unit_noise())
    end = run(DDPM(schedule, DDPMOptions(variance="beta")), denoiser(DATA, schedule), start, times)[
        -1
    ].state.x
    assert max(map(abs, z_scores(end, *recursion(schedule, times, "posterior")))) > 4


@pytest.mark.parametrize("late", [-1, 1])
def test_a_time_off_by_one_is_told_apart(late: int) -> None:
    schedule = cosine(T=50)
    assert worst_z(schedule, (*all_times(50), -1), "posterior") < 4
    assert worst_z(schedule, (*all_times(50), -1), "posterior", late=late) > 4


@ALL
@VARIANCES
def test_the_recursion_tends_to_the_data_as_steps_grow(schedule: Schedule, variance: str) -> None:
    distances = []
    for n in (50, 100, 200, 500, 1000):
        mean, variance_reached = recursion(schedule, visit_times(1000, n, "trailing"), variance)
        distances.append(abs(mean - DATA.mean) + abs(variance_reached - DATA.variance))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.005


@VARIANCES
def test_the_last_step_adds_no_noise_and_returns_x0_hat(variance: str) -> None:
    schedule = cosine()
    sampler = DDPM(schedule, DDPMOptions(variance=variance))
    last = run(sampler, denoiser(DATA, schedule), unit_noise(100), visit_times(1000, 3, "trailing"))[-1]
    assert last.s == -1
    assert last.model_calls == 1
    assert torch.equal(last.state.x, last.x0_hat)
