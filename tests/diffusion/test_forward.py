from __future__ import annotations

import math

import pytest
import torch

from studio.diffusion.forward import posterior, q_sample, q_step
from studio.diffusion.schedules import SCHEDULES, Schedule, cosine, scaled_linear
from tests.diffusion.analytic import KINDS, unit_noise, z_scores

X0 = 0.6


def walk(schedule: Schedule, steps: int, first: int = 0) -> torch.Tensor:
    """Take single steps from x_0 = 0.6 to time steps - 1."""
    generator = torch.Generator().manual_seed(3)
    x = torch.full((1, 1, 200, 500), X0)
    for t in range(first, first + steps):
        x = q_step(schedule, x, t, torch.randn(x.shape, generator=generator))
    return x


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_jump_has_the_moments_of_its_definition(name: str) -> None:
    schedule = SCHEDULES[name]()
    for t in (0, 200, 999):
        x_t = q_sample(schedule, torch.full((1, 1, 100, 1000), X0), torch.tensor([t]), unit_noise())
        mean, variance = schedule.alpha(t) * X0, schedule.sigma(t) ** 2
        assert max(map(abs, z_scores(x_t, mean, variance))) < 4
        wrong_variance = z_scores(x_t, mean, schedule.sigma(t) * 1.03)
        assert max(map(abs, wrong_variance)) > 4


@pytest.mark.parametrize("name", SCHEDULES)
def test_single_steps_together_are_the_jump(name: str) -> None:
    schedule = SCHEDULES[name](T=50)
    x = walk(schedule, 31)
    assert max(map(abs, z_scores(x, schedule.alpha(30) * X0, schedule.sigma(30) ** 2))) < 4
    one_late = walk(schedule, 31, first=1)
    assert max(map(abs, z_scores(one_late, schedule.alpha(30) * X0, schedule.sigma(30) ** 2))) > 4


def test_each_picture_of_a_batch_jumps_to_its_own_time() -> None:
    schedule = cosine()
    x0, eps = torch.randn(2, 3, 3, 4, 4).unbind(0)
    t = torch.tensor([0, 500, 999])
    together = q_sample(schedule, x0, t, eps)
    for i in range(3):
        assert torch.equal(
            together[i : i + 1], q_sample(schedule, x0[i : i + 1], t[i : i + 1], eps[i : i + 1])
        )


def bayes(schedule: Schedule, x_t: float, x0: float, t: float, s: float) -> tuple[float, float]:
    """Multiply q(x_s | x_0) by q(x_t | x_s) as functions of x_s: precisions add up."""
    keep2 = (schedule.alpha(t) / schedule.alpha(s)) ** 2
    prior, likelihood = (
        1.0 / schedule.sigma(s) ** 2,
        keep2 / (schedule.sigma(t) ** 2 - keep2 * schedule.sigma(s) ** 2),
    )
    variance = 1.0 / (prior + likelihood)
    return variance * (prior * schedule.alpha(s) * x0 + likelihood * x_t / math.sqrt(keep2)), variance


@pytest.mark.parametrize("schedule", [*KINDS, scaled_linear()], ids=lambda schedule: schedule.name)
@pytest.mark.parametrize(("t", "s"), [(1, 0), (500, 499), (600, 599), (998, 0), (700.5, 130.25)])
def test_the_posterior_is_bayes_rule_for_any_two_times(schedule: Schedule, t: float, s: float) -> None:
    x_t, x0 = torch.tensor([[[[0.3]]]], dtype=torch.float64), torch.tensor([[[[-0.7]]]], dtype=torch.float64)
    mean, variance = posterior(schedule, x_t, x0, t, s)
    expected_mean, expected_variance = bayes(schedule, 0.3, -0.7, t, s)
    assert mean.item() == pytest.approx(expected_mean, abs=1e-9)
    assert variance == pytest.approx(expected_variance, rel=1e-6)
    assert variance != pytest.approx(schedule.var(t, s), rel=1e-6)  # the other choice of DDPM
    if s + 1 < t and schedule.name != "edm":  # whose x_t of hundreds hardly moves the mean
        assert mean.item() != pytest.approx(bayes(schedule, 0.3, -0.7, t, s + 1)[0], abs=1e-9)


def test_the_posterior_of_clean_data_is_clean_data() -> None:
    x_t, x0 = torch.randn(2, 1, 3, 4, 4).unbind(0)
    mean, variance = posterior(cosine(), x_t, x0, 20, -1)
    assert torch.equal(mean, x0)
    assert variance == 0.0


def test_the_posterior_goes_only_down() -> None:
    x = torch.zeros(1, 1, 1, 1)
    with pytest.raises(ValueError, match="s must be below t"):
        posterior(cosine(), x, x, 10, 10)
