from __future__ import annotations

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser, Prediction
from studio.diffusion.levels import VariancePreserving, zero_terminal_snr
from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind, target
from studio.diffusion.schedules import Schedule, cosine, linear
from studio.errors import RequestError
from tests.diffusion.analytic import KINDS, ClosedForm, Gaussian, denoiser

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


@pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
def test_on_every_kind_of_schedule_the_model_gets_its_own_times_and_input(schedule: Schedule) -> None:
    asked: list[tuple[torch.Tensor, torch.Tensor]] = []

    def listening(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        asked.append((x, t))
        return 0.5 * x

    x, times = torch.randn(3, 1, 4, 4), [10, 400.5, 900]
    kind = "edm" if schedule.name == "edm" else "velocity"
    model = Denoiser(listening, schedule, kind)
    together = model.evaluate(x, times, Conditioning())
    ((scaled, model_times),) = asked
    for i, t in enumerate(times):
        scale = schedule.input_scale(t)
        torch.testing.assert_close(scaled[i], scale * x[i])
        assert model_times[i].item() == pytest.approx(schedule.model_time(t), rel=1e-6)
        alone = model.evaluate(x[i : i + 1], t, Conditioning())
        torch.testing.assert_close(alone.x0_hat[0], together.x0_hat[i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            schedule.alpha(t) * alone.x0_hat + schedule.sigma(t) * alone.eps,
            x[i : i + 1],
            atol=1e-5,
            rtol=1e-5,
        )
        if kind == "edm":
            expected = schedule.c_skip(t) * x[i] + schedule.c_out(t) * 0.5 * scale * x[i]
            torch.testing.assert_close(alone.x0_hat[0], expected)
    assert model.evaluate(x, 900, Conditioning()) is not None
    assert (asked[-1][1].dtype == torch.int64) == isinstance(schedule, VariancePreserving)


def test_a_model_can_be_called_with_another_time_than_that_of_the_level() -> None:
    asked: list[float] = []

    def listening(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        asked.extend(t.tolist())
        return x

    x = torch.randn(2, 1, 4, 4)
    near = Denoiser(listening, linear(), "v").evaluate(x, 400.4, Conditioning(), 400)
    assert asked == [400, 400]
    assert near.alpha == linear().alpha(400.4) != linear().alpha(400)


def test_a_model_of_eps_is_not_asked_where_there_is_no_signal() -> None:
    schedule, x = zero_terminal_snr(linear()), torch.randn(2, 1, 4, 4)
    for times in (999, [500, 999]):
        with pytest.raises(RequestError, match="visits time 999, where this model's states are noise alone"):
            denoiser(DATA, schedule, "eps").evaluate(x, times, Conditioning())
        for kind in ("v", "x0", "velocity"):
            assert bool(
                denoiser(DATA, schedule, kind).evaluate(x, times, Conditioning()).x0_hat.isfinite().all()
            )
    assert denoiser(DATA, schedule, "eps").evaluate(x, 998, Conditioning()) is not None


def test_the_preconditioning_of_edm_needs_its_schedule() -> None:
    with pytest.raises(ValueError, match="needs an EDM schedule"):
        Denoiser(ClosedForm(DATA, linear()), linear(), "edm")


def test_without_clipping_nothing_is_touched() -> None:
    x = torch.zeros(1, 1, 2, 2)
    raw = Prediction("x0", torch.full((1, 1, 2, 2), 5.0), x, 0.6, 0.8)
    assert denoiser(DATA, linear()).clipped(raw, x, 10) is raw


def test_an_exact_backbone_of_x0_is_what_training_aims_at() -> None:
    x0, eps = torch.randn(2, 1, 1, 4, 4).unbind(0)
    assert target("x0", x0, eps, 0.6, 0.8) is x0
    assert target("eps", x0, eps, 0.6, 0.8) is eps
