"""The objective is least where the network says what the mathematics says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind
from studio.diffusion.schedules import Schedule, cosine, linear
from studio.training.objective import (
    band_means,
    denoising_loss,
    draw_times,
    drop_captions,
    min_snr_weights,
)

CLEAN = torch.linspace(-1, 1, 2 * 3 * 4 * 4).view(2, 3, 4, 4).repeat(32, 1, 1, 1)


def _oracle(schedule: Schedule, x0: Tensor, prediction: PredictionKind, *, late: int = 0):  # noqa: ANN202
    """A network that knows x_0; ``late`` reads the noise level of another time (the twin)."""

    def network(x_t: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        alpha, sigma = schedule.alphas(t + late), schedule.sigmas(t + late)
        eps = (x_t - alpha * x0) / sigma
        return {"eps": eps, "v": alpha * eps - sigma * x0, "x0": x0, "velocity": eps - x0}[prediction]

    return network


@pytest.mark.parametrize("schedule", [linear(), cosine()], ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("prediction", PREDICTION_KINDS)
def test_the_truth_has_no_loss(schedule: Schedule, prediction: PredictionKind) -> None:
    generator = torch.Generator().manual_seed(0)
    network = _oracle(schedule, CLEAN, prediction)
    assert (
        denoising_loss(
            network, schedule, CLEAN, Conditioning(), prediction=prediction, generator=generator
        ).loss.item()
        < 1e-6
    )


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_a_truth_off_by_one_time_has_a_loss(prediction: PredictionKind) -> None:
    generator = torch.Generator().manual_seed(0)
    network = _oracle(linear(), CLEAN, prediction, late=-1)
    assert (
        denoising_loss(
            network, linear(), CLEAN, Conditioning(), prediction=prediction, generator=generator
        ).loss.item()
        > 1e-5
    )


def test_knowing_nothing_costs_the_noise_variance() -> None:
    x0 = torch.zeros(4096, 1, 4, 4)
    loss = denoising_loss(
        lambda x, t, c: torch.zeros_like(x),
        linear(),
        x0,
        Conditioning(),
        generator=torch.Generator().manual_seed(1),
    )
    assert loss.loss.item() == pytest.approx(1.0, abs=4 * (2 / x0.numel()) ** 0.5)


def test_times_are_uniform_and_reach_both_ends() -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        seen.append(t)
        return x

    generator = torch.Generator().manual_seed(2)
    x0 = torch.zeros(20_000, 1, 1, 1)
    denoising_loss(network, linear(T=10), x0, Conditioning(), generator=generator)
    counts = torch.bincount(seen[0], minlength=10)
    assert len(counts) == 10
    assert ((counts - 2000).abs() < 4 * (20_000 * 0.1 * 0.9) ** 0.5).all()


def test_captions_are_dropped_as_often_as_asked() -> None:
    dropped = drop_captions(["x"] * 10_000, 0.1, torch.Generator().manual_seed(3)).count("")
    assert abs(dropped - 1000) < 4 * (10_000 * 0.09) ** 0.5
    assert drop_captions(["x"], 0.0) == ["x"]
    assert drop_captions(["x"], 1.0) == [""]


def test_the_noisy_share_is_as_large_as_asked_and_leaves_no_time_out() -> None:
    times = draw_times(20, 20_000, 0.6, torch.Generator().manual_seed(4))
    late = (times >= 15).float().mean().item()
    assert late == pytest.approx(0.6 + 0.4 / 4, abs=4 * (0.7 * 0.3 / 20_000) ** 0.5)
    assert torch.bincount(times, minlength=20).min() > 0


def test_without_a_noisy_share_times_are_those_of_the_paper() -> None:
    plain = torch.randint(10, (50,), generator=torch.Generator().manual_seed(5))
    assert torch.equal(draw_times(10, 50, 0.0, torch.Generator().manual_seed(5)), plain)


@pytest.mark.parametrize("schedule", [linear(), cosine()], ids=lambda schedule: schedule.name)
def test_min_snr_weights_are_those_of_the_paper(schedule: Schedule) -> None:
    t = torch.arange(schedule.T)
    snr = torch.tensor([schedule.snr(int(time)) for time in t], dtype=torch.float64)
    closed = {
        "eps": (5 / snr).clamp(max=1),
        "v": snr.clamp(max=5) / (snr + 1),
        "x0": snr.clamp(max=5),
        "velocity": snr.clamp(max=5) / (snr.sqrt() + 1) ** 2,
    }
    for prediction in PREDICTION_KINDS:
        weights = min_snr_weights(schedule, t, prediction, 5.0)
        assert torch.allclose(weights.double(), closed[prediction], rtol=1e-5)
    flat = min_snr_weights(schedule, t, "eps", 5.0)
    assert not torch.allclose(flat, torch.ones_like(flat))  # the twin that does not weigh


@pytest.mark.parametrize("schedule", [linear(), cosine()], ids=lambda schedule: schedule.name)
def test_with_min_snr_weights_the_loss_is_the_same_whatever_is_predicted(schedule: Schedule) -> None:
    guess = 0.9 * CLEAN  # of x_0; eps and v follow from it, and so all three are wrong alike

    def loss(prediction: PredictionKind, min_snr: float) -> float:
        generator = torch.Generator().manual_seed(6)
        network = _oracle(schedule, guess, prediction)
        asked = {"prediction": prediction, "min_snr": min_snr, "generator": generator}
        return denoising_loss(network, schedule, CLEAN, Conditioning(), **asked).loss.item()

    assert loss("eps", 5.0) == pytest.approx(loss("x0", 5.0), rel=1e-3)
    assert loss("v", 5.0) == pytest.approx(loss("x0", 5.0), rel=1e-3)
    assert loss("velocity", 5.0) == pytest.approx(loss("x0", 5.0), rel=1e-3)
    assert loss("v", 0.0) != pytest.approx(loss("x0", 0.0), rel=1e-2)


def test_errors_are_sorted_into_quarters_of_the_noise_level() -> None:
    schedule = cosine()
    sigmas = torch.tensor([schedule.sigma(t) for t in range(schedule.T)])
    times = torch.tensor([int((sigmas - level).abs().argmin()) for level in (0.1, 0.2, 0.6, 0.95)])
    bands = band_means(schedule, torch.tensor([1.0, 3.0, 5.0, 7.0]), times)
    assert bands == (pytest.approx(2), None, pytest.approx(5), pytest.approx(7))
