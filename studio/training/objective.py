"""What a backbone is trained on: to tell the noise from the picture.

    t ~ uniform{0, ..., T - 1},   eps ~ N(0, I),   x_t = alpha_t x_0 + sigma_t eps
    loss = mean | network(x_t, t, condition) - target |^2

with target eps (Ho et al. 2020, equation 14, arXiv:2006.11239), v = alpha_t eps - sigma_t x_0 (Salimans and Ho 2022,
section 4, arXiv:2202.00512) or x_0. Dropping the condition now and then teaches the same network the unconditional
score that classifier-free guidance needs (Ho and Salimans 2022, algorithm 1, arXiv:2207.12598).

Min-SNR weighting (Hang et al. 2023, section 3.4, arXiv:2303.09556) multiplies each picture's error. It is the weight
min(SNR, gamma) on the error of x_0, whatever is predicted: with |eps - eps'|^2 = SNR |x_0 - x_0'|^2 and
|v - v'|^2 = (SNR + 1) |x_0 - x_0'|^2 that is

    eps: min(SNR, gamma) / SNR      v: min(SNR, gamma) / (SNR + 1)      x_0: min(SNR, gamma)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.diffusion.forward import q_sample
from studio.diffusion.prediction import target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.diffusion.prediction import PredictionKind
    from studio.diffusion.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Denoised:
    """How wrong a network was about a batch.

    Attributes:
        loss: what is to be made small, a scalar with its graph.
        errors: each picture's mean squared error before any weighting, (B,), without a graph.
        times: when each picture was looked at, (B,), on the CPU.
    """

    loss: Tensor
    errors: Tensor
    times: Tensor


def denoise_at_random(
    network: Callable[[Tensor, Tensor, tuple[Tensor, ...]], Tensor],
    schedule: Schedule,
    x0: Tensor,
    condition: tuple[Tensor, ...],
    *,
    prediction: PredictionKind = "eps",
    noisy: float = 0.0,
    min_snr: float = 0.0,
    generator: torch.Generator | None = None,
) -> Denoised:
    """Measure the mean squared error of a network's prediction at random times.

    Args:
        network: maps x_t (B, C, H, W), t (B,) and the condition to a prediction (B, C, H, W).
        schedule: the noise level over t.
        x0: clean pictures or latents, (B, C, H, W).
        condition: tensors that share the batch axis, or empty.
        prediction: what the network predicts: "eps", "v" or "x0".
        noisy: see :func:`draw_times`.
        min_snr: gamma of min-SNR weighting; 0 weighs all alike.
        generator: CPU generator of times and noise.
    """
    times = draw_times(schedule.T, x0.shape[0], noisy, generator)
    t = times.to(x0.device)
    eps = torch.randn(x0.shape, generator=generator).to(x0.device)
    x_t = q_sample(schedule, x0, t, eps)
    wanted = target(prediction, x0, eps, schedule.alphas(t), schedule.sigmas(t))
    predicted = network(x_t, t, condition).float()
    errors = F.mse_loss(predicted, wanted, reduction="none").mean(dim=(1, 2, 3))
    weighed = (
        errors if not min_snr else errors * min_snr_weights(schedule, times, prediction, min_snr).to(t.device)
    )
    return Denoised(weighed.mean(), errors.detach(), times)


def denoising_loss(
    network: Callable[[Tensor, Tensor, tuple[Tensor, ...]], Tensor],
    schedule: Schedule,
    x0: Tensor,
    condition: tuple[Tensor, ...],
    *,
    prediction: PredictionKind = "eps",
    noisy: float = 0.0,
    min_snr: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the loss of :func:`denoise_at_random` alone, a scalar."""
    return denoise_at_random(
        network,
        schedule,
        x0,
        condition,
        prediction=prediction,
        noisy=noisy,
        min_snr=min_snr,
        generator=generator,
    ).loss


def min_snr_weights(schedule: Schedule, t: Tensor, prediction: PredictionKind, gamma: float) -> Tensor:
    """Return the weights of min-SNR weighting.

    Args:
        schedule: the noise level over t.
        t: times, int64 (B,), on the CPU.
        prediction: what the network predicts.
        gamma: where the weight on x_0 stops growing.

    Returns:
        float32 (B,).
    """
    alpha_bar = schedule.alpha_bar[t]
    snr = alpha_bar / (1 - alpha_bar)
    per = {"eps": snr, "v": snr + 1, "x0": torch.ones_like(snr)}[prediction]
    return (snr.clamp(max=gamma) / per).float()


BANDS = 4


def band_means(schedule: Schedule, errors: Tensor, times: Tensor) -> tuple[float | None, ...]:
    """Return the mean error of the pictures in each quarter of the noise level sigma, clean to noisy; None for none."""
    sigmas = (1 - schedule.alpha_bar[times]).sqrt()
    places = (sigmas * BANDS).long().clamp(max=BANDS - 1)
    found = [errors[(places == band).to(errors.device)] for band in range(BANDS)]
    return tuple(float(band.mean()) if len(band) else None for band in found)


def draw_times(T: int, count: int, noisy: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
    """Draw times to train at: uniform, but for a share that is uniform over the noisiest quarter.

    There the text decides what will be drawn; later the picture itself says so. A text encoder that starts from nothing
    learns from the noisiest times almost alone, and in uniform draws they are few.

    Args:
        T: number of times.
        count: how many to draw.
        noisy: probability of a draw from the noisiest quarter, 0 to 1; 0 is the objective of the paper.
        generator: CPU generator.

    Returns:
        (count,), int64, 0 to T - 1.
    """
    anywhere = torch.randint(T, (count,), generator=generator)
    if not noisy:
        return anywhere
    late = torch.randint(3 * T // 4, T, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < noisy, late, anywhere)


def drop_captions(
    captions: Sequence[str], probability: float, generator: torch.Generator | None = None
) -> list[str]:
    """Replace each caption by the empty one with a probability."""
    keep = torch.rand(len(captions), generator=generator) >= probability
    return [caption if kept else "" for caption, kept in zip(captions, keep.tolist(), strict=True)]
