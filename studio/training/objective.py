"""The training objective of a backbone: to separate noise from picture.

    t ~ uniform{0, ..., T - 1},   eps ~ N(0, I),   x_t = alpha_t x_0 + sigma_t eps
    loss = mean | network(x_t, t, condition) - target |^2

with target eps (Ho et al. 2020, equation 14, arXiv:2006.11239), v = alpha_t eps - sigma_t x_0 (Salimans and Ho 2022,
section 4, arXiv:2202.00512) or x_0. Dropping the condition at random trains the same network for the unconditional
score that classifier-free guidance needs (Ho and Salimans 2022, algorithm 1, arXiv:2207.12598).

Min-SNR weighting (Hang et al. 2023, section 3.4, arXiv:2303.09556) weights each example's error by min(SNR, gamma) on
the error of x_0, whatever is predicted. With |eps - eps'|^2 = SNR |x_0 - x_0'|^2 and
|v - v'|^2 = (SNR + 1) |x_0 - x_0'|^2 the weights are

    eps: min(SNR, gamma) / SNR      v: min(SNR, gamma) / (SNR + 1)      x_0: min(SNR, gamma)
    velocity: min(SNR, gamma) / (sqrt(SNR) + 1)^2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.diffusion.prediction import target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.prediction import PredictionKind
    from studio.diffusion.schedules import Schedule

BANDS = 4
"""Ranges of the noise level sigma, of equal width, for which errors are reported separately."""


@dataclass(frozen=True, eq=False)
class DenoisingLoss:
    """The loss of one batch.

    Attributes:
        loss: what is minimised, a scalar with its graph.
        errors: each example's mean squared error before any weighting, (B,), without a graph.
        times: each example's time, int64 (B,), on the CPU.
    """

    loss: Tensor
    errors: Tensor
    times: Tensor


def denoising_loss(
    network: Callable[[Tensor, Tensor, Conditioning], Tensor],
    schedule: Schedule,
    x0: Tensor,
    condition: Conditioning,
    *,
    prediction: PredictionKind = "eps",
    high_noise_fraction: float = 0.0,
    min_snr: float = 0.0,
    generator: torch.Generator | None = None,
) -> DenoisingLoss:
    """Return the mean squared error of a network's prediction at random times.

    Args:
        network: maps x_t (B, C, H, W), t (B,) and the condition to a prediction (B, C, H, W).
        schedule: the noise level over t.
        x0: clean pictures or latents, (B, C, H, W).
        condition: of the B pictures.
        prediction: what the network predicts: "eps", "v" or "x0".
        high_noise_fraction: see `draw_times`.
        min_snr: gamma of min-SNR weighting; 0 weights all examples equally.
        generator: CPU generator of times and noise.
    """
    times = draw_times(schedule.T, x0.shape[0], high_noise_fraction, generator)
    on_device = times.to(x0.device)
    alpha, sigma = schedule.alphas(on_device), schedule.sigmas(on_device)
    eps = torch.randn(x0.shape, generator=generator).to(x0.device)
    predicted = network(alpha * x0 + sigma * eps, on_device, condition).float()
    wanted = target(prediction, x0, eps, alpha, sigma)
    errors = F.mse_loss(predicted, wanted, reduction="none").mean(dim=(1, 2, 3))
    weighted = errors
    if min_snr:
        weighted = errors * min_snr_weights(schedule, times, prediction, min_snr).to(errors.device)
    return DenoisingLoss(weighted.mean(), errors.detach(), times)


def min_snr_weights(schedule: Schedule, t: Tensor, prediction: PredictionKind, gamma: float) -> Tensor:
    """Return the weights of min-SNR weighting.

    Args:
        schedule: the noise level over t.
        t: times, int64 (B,), on the CPU.
        prediction: what the network predicts.
        gamma: the SNR above which the weight on x_0 stays constant.

    Returns:
        float32 (B,).
    """
    snr = torch.tensor([schedule.snr(one) for one in t.tolist()], dtype=torch.float64)
    per = {"eps": snr, "v": snr + 1, "x0": torch.ones_like(snr), "velocity": (snr.sqrt() + 1) ** 2}[
        prediction
    ]
    return (snr.clamp(max=gamma) / per).float()


def band_means(schedule: Schedule, errors: Tensor, times: Tensor) -> tuple[float | None, ...]:
    """Return the mean error in each quarter of the noise level sigma, clean to noisy; None for one without examples.

    Args:
        schedule: the noise level over t.
        errors: of each example, (B,), on any device; copied to the CPU once.
        times: of each example, int64 (B,), on the CPU.
    """
    errors = errors.cpu()
    sigmas = torch.tensor([schedule.sigma(one) for one in times.tolist()], dtype=torch.float64)
    bands = (sigmas * BANDS).long().clamp(max=BANDS - 1)
    found = [errors[bands == band] for band in range(BANDS)]
    return tuple(float(band.mean()) if len(band) else None for band in found)


def draw_times(
    T: int, count: int, high_noise_fraction: float = 0.0, generator: torch.Generator | None = None
) -> Tensor:
    """Draw training times: uniform, except for a share that is uniform over the noisiest quarter.

    At high noise the text decides what will be drawn; later the picture itself does. A text encoder that is trained
    from scratch learns almost only from the noisiest times, and uniform draws contain few of them.

    Args:
        T: number of times.
        count: how many to draw.
        high_noise_fraction: probability of a draw from the noisiest quarter, 0 to 1; 0 is the objective of the paper.
        generator: CPU generator.

    Returns:
        (count,), int64, 0 to T - 1.
    """
    uniform = torch.randint(T, (count,), generator=generator)
    if not high_noise_fraction:
        return uniform
    noisiest = torch.randint(3 * T // 4, T, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < high_noise_fraction, noisiest, uniform)


def drop_captions(
    captions: Sequence[str], probability: float, generator: torch.Generator | None = None
) -> list[str]:
    """Replace each caption by the empty one with a probability (caption dropout)."""
    keep = torch.rand(len(captions), generator=generator) >= probability
    return [caption if kept else "" for caption, kept in zip(captions, keep.tolist(), strict=True)]
