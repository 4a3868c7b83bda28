from __future__ import annotations

import pytest
import torch

from studio.diffusion.levels import EDM, FlowMatching, zero_terminal_snr
from studio.diffusion.prediction import (
    PREDICTION_KINDS,
    PredictionKind,
    eps_from,
    eps_from_score,
    eps_from_v,
    eps_from_x0,
    score_from_eps,
    target,
    v_from,
    x0_from,
    x0_from_eps,
    x0_from_v,
)
from studio.diffusion.schedules import Schedule, cosine, linear
from tests.diffusion.analytic import KINDS, Gaussian, Mixture

MIXTURE = Mixture((0.3, 0.7), (Gaussian(-0.8, 0.05), Gaussian(0.6, 0.1)))


def truth(alpha: float, sigma: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x0, eps = torch.randn(
        2, 4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).unbind(0)
    return x0, eps, alpha * x0 + sigma * eps


@pytest.mark.parametrize("kind", PREDICTION_KINDS)
@pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("t", [0, 300.5, 990])
def test_every_prediction_gives_back_x0_and_eps(schedule: Schedule, kind: PredictionKind, t: float) -> None:
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x0, eps, x_t = truth(alpha, sigma)
    output = target(kind, x0, eps, alpha, sigma)
    torch.testing.assert_close(x0_from(kind, output, x_t, alpha, sigma), x0, atol=1e-10, rtol=0)
    torch.testing.assert_close(eps_from(kind, output, x_t, alpha, sigma), eps, atol=1e-10, rtol=0)
    columns = [torch.full((4, 1, 1, 1), value) for value in (alpha, sigma)]
    torch.testing.assert_close(x0_from(kind, output, x_t, *columns), x0, atol=2e-4, rtol=0)


def test_where_alpha_and_sigma_have_another_norm_v_is_divided_by_it() -> None:
    for schedule in (FlowMatching(), EDM()):
        alpha, sigma = schedule.alpha(600), schedule.sigma(600)
        x0, eps, x_t = truth(alpha, sigma)
        v = v_from(x0, eps, alpha, sigma)
        torch.testing.assert_close(x0_from_v(x_t, v, alpha, sigma), x0)
        assert (alpha * x_t - sigma * v - x0).abs().max() > 1e-2  # the form of a variance-preserving schedule


@pytest.mark.parametrize("t", [0, 17, 500, 999])
def test_on_a_variance_preserving_schedule_nothing_is_divided(t: int) -> None:
    for schedule in (linear(), cosine(), zero_terminal_snr(linear())):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        x0, eps, x_t = (part.float() for part in truth(alpha, sigma))
        v = v_from(x0, eps, alpha, sigma)
        columns = schedule.alphas(torch.tensor([t])), schedule.sigmas(torch.tensor([t]))
        for a, s in ((alpha, sigma), columns):
            assert torch.equal(x0_from_v(x_t, v, a, s), a * x_t - s * v)
            assert torch.equal(eps_from_v(x_t, v, a, s), s * x_t + a * v)


@pytest.mark.parametrize("kind", ["v", "x0", "velocity"])
def test_without_any_signal_all_but_eps_still_know_the_picture(kind: PredictionKind) -> None:
    schedule = zero_terminal_snr(cosine())
    x0, eps, x_t = truth(schedule.alpha(999), schedule.sigma(999))
    assert torch.equal(x_t, eps)
    output = target(kind, x0, eps, 0.0, 1.0)
    torch.testing.assert_close(x0_from(kind, output, x_t, 0.0, 1.0), x0)
    torch.testing.assert_close(eps_from(kind, output, x_t, 0.0, 1.0), eps)


def test_every_way_agrees_with_every_other() -> None:
    alpha, sigma = cosine().alpha(400), cosine().sigma(400)
    x0, eps, x_t = truth(alpha, sigma)
    v = v_from(x0, eps, alpha, sigma)
    for got, expected in [
        (x0_from_eps(x_t, eps, alpha, sigma), x0),
        (x0_from_v(x_t, v, alpha, sigma), x0),
        (eps_from_x0(x_t, x0, alpha, sigma), eps),
        (eps_from_v(x_t, v, alpha, sigma), eps),
        (eps_from_score(score_from_eps(eps, sigma), sigma), eps),
    ]:
        torch.testing.assert_close(got, expected, atol=1e-12, rtol=0)
    wrong = x0_from_v(x_t, v, cosine().alpha(401), cosine().sigma(401))
    assert (wrong - x0).abs().max() > 1e-3


def test_v_needs_no_division_where_alpha_is_all_but_zero() -> None:
    alpha, sigma = cosine().alpha(999), cosine().sigma(999)
    x0, eps, x_t = (part.float() for part in truth(alpha, sigma))
    rounded = v_from(x0, eps, alpha, sigma) + 1e-6
    assert (x0_from_v(x_t, rounded, alpha, sigma) - x0).abs().max() < 1e-5
    assert (x0_from_eps(x_t, eps + 1e-6, alpha, sigma) - x0).abs().max() > 1e-2  # why cosine models predict v


@pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("t", [50, 400.5, 990])
def test_the_gradient_of_log_p_is_minus_eps_over_sigma(schedule: Schedule, t: float) -> None:
    x = torch.linspace(-2.5, 2.5, 101, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(MIXTURE.log_p(schedule, x, t).sum(), x)
    x = x.detach()
    eps = MIXTURE.eps(schedule, x, t)
    torch.testing.assert_close(score_from_eps(eps, schedule.sigma(t)), gradient, atol=1e-9, rtol=1e-9)
    wrong_variance = score_from_eps(eps, schedule.sigma(t) ** 2)
    one_off = MIXTURE.eps(schedule, x, t + 1)
    for wrong in (wrong_variance, score_from_eps(one_off, schedule.sigma(t))):
        assert not torch.allclose(wrong, gradient, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("t", [0, 400, 999])
def test_the_closed_forms_of_x0_and_eps_belong_together(t: int) -> None:
    schedule = linear()
    x = torch.linspace(-2.5, 2.5, 101, dtype=torch.float64)
    x0, eps = MIXTURE.x0(schedule, x, t), MIXTURE.eps(schedule, x, t)
    torch.testing.assert_close(schedule.alpha(t) * x0 + schedule.sigma(t) * eps, x, atol=1e-10, rtol=0)
