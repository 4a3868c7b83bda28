from __future__ import annotations

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser, Prediction
from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind, target
from studio.diffusion.schedules import cosine, linear
from tests.diffusion.analytic import ClosedForm, Gaussian, denoiser

DATA = Gaussian(0.3, 0.5)


@pytest.mark.parametrize("kind", PREDICTION_KINDS)
def test_a_denoiser_speaks_of_x0_and_eps_whatever_its_backbone_predicts(kind: PredictionKind) -> None:
    schedule = cosine()
    x, t = torch.randn(3, 2, 4, 4), torch.tensor([5, 500, 998])
    prediction = denoiser(DATA, schedule, kind).evaluate(x, t.tolist(), Conditioning())
    for i, time in enumerate(t.tolist()):
        torch.testing.assert_close(prediction.x0_hat[i], DATA.x0(schedule, x[i], time), atol=2e-4, rtol=0)
        torch.testing.assert_close(prediction.eps[i], DATA.eps(schedule, x[i], time), atol=2e-5, rtol=0)


def test_what_a_reduced_backbone_says_is_worked_with_in_float32() -> None:
    def reduced(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        return x.bfloat16()

    prediction = Denoiser(reduced, linear(), "v").evaluate(torch.randn(1, 1, 4, 4), 10, Conditioning())
    assert prediction.x0_hat.dtype == prediction.eps.dtype == torch.float32


@pytest.mark.parametrize("kind", ["eps", "v", "x0"])
def test_a_common_time_gives_the_same_bits_as_the_time_of_each(kind: PredictionKind) -> None:
    model, x = denoiser(DATA, cosine(), kind), torch.randn(3, 2, 5, 5)
    for t in (1, 17, 500, 998, 999):
        common, each = model.evaluate(x, t, Conditioning()), model.evaluate(x, [t] * 3, Conditioning())
        assert torch.equal(common.x0_hat, each.x0_hat)
        assert torch.equal(common.eps, each.eps)
        assert not torch.equal(model.evaluate(x, t - 1, ()).x0_hat, each.x0_hat)


def test_clipping_keeps_x0_in_range_and_eps_follows() -> None:
    schedule, t = linear(), 300
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x = 3.0 * torch.randn(2, 1, 8, 8)
    model = Denoiser(ClosedForm(DATA, schedule), schedule, "eps", clip=True)
    raw = model.evaluate(x, [t] * 2, Conditioning())
    clipped = model.clipped(raw, x, t)
    assert raw.x0_hat.abs().max() > 1
    assert torch.equal(clipped.x0_hat, raw.x0_hat.clamp(-1, 1))
    torch.testing.assert_close(alpha * clipped.x0_hat + sigma * clipped.eps, x)
    assert not torch.allclose(alpha * clipped.x0_hat + sigma * raw.eps, x)  # eps left as it was


def test_without_clipping_nothing_is_touched() -> None:
    x = torch.zeros(1, 1, 2, 2)
    raw = Prediction("x0", torch.full((1, 1, 2, 2), 5.0), x, 0.6, 0.8)
    assert denoiser(DATA, linear()).clipped(raw, x, 10) is raw


def test_an_exact_backbone_of_x0_is_what_training_aims_at() -> None:
    x0, eps = torch.randn(2, 1, 1, 4, 4).unbind(0)
    assert target("x0", x0, eps, 0.6, 0.8) is x0
    assert target("eps", x0, eps, 0.6, 0.8) is eps
