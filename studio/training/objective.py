"""What a backbone is trained on: to tell the noise from the picture.

    t ~ uniform{0, ..., T - 1},   eps ~ N(0, I),   x_t = alpha_t x_0 + sigma_t eps
    loss = mean | network(x_t, t, condition) - target |^2

with target eps (Ho et al. 2020, equation 14, arXiv:2006.11239), v = alpha_t eps - sigma_t x_0 (Salimans and Ho 2022,
section 4, arXiv:2202.00512) or x_0. Dropping the condition now and then teaches the same network the unconditional
score that classifier-free guidance needs (Ho and Salimans 2022, algorithm 1, arXiv:2207.12598).
"""

from __future__ import annotations

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


def denoising_loss(
    network: Callable[[Tensor, Tensor, tuple[Tensor, ...]], Tensor],
    schedule: Schedule,
    x0: Tensor,
    condition: tuple[Tensor, ...],
    *,
    prediction: PredictionKind = "eps",
    noisy: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Measure the mean squared error of a network's prediction at random times.

    Args:
        network: maps x_t (B, C, H, W), t (B,) and the condition to a prediction (B, C, H, W).
        schedule: the noise level over t.
        x0: clean pictures or latents, (B, C, H, W).
        condition: tensors that share the batch axis, or empty.
        prediction: what the network predicts: "eps", "v" or "x0".
        noisy: see :func:`draw_times`.
        generator: CPU generator of times and noise.

    Returns:
        A scalar.
    """
    t = draw_times(schedule.T, x0.shape[0], noisy, generator).to(x0.device)
    eps = torch.randn(x0.shape, generator=generator).to(x0.device)
    x_t = q_sample(schedule, x0, t, eps)
    wanted = target(prediction, x0, eps, schedule.alphas(t), schedule.sigmas(t))
    return F.mse_loss(network(x_t, t, condition).float(), wanted)


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
