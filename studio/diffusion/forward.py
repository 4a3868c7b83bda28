"""The forward process from data to noise, and its exact reverse for known x_0.

    a step      q(x_t | x_s)        = N((alpha_t / alpha_s) x_s, var(t|s)) for any s < t, with
                var(t|s) = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2 (`Schedule.var`)
    the jump    q(x_t | x_0)        = N(alpha_t x_0, sigma_t^2)
    posterior   q(x_s | x_t, x_0)   for any s < t:
                mean      alpha_s var(t|s) / sigma_t^2 x_0 + (alpha_t / alpha_s) sigma_s^2 / sigma_t^2 x_t
                variance  var(t|s) sigma_s^2 / sigma_t^2

Noise is always passed in. Source: Ho et al. 2020, equations 2, 4, 6 and 7, arXiv 2006.11239, where s = t - 1 and
alpha^2 + sigma^2 = 1; for other schedules Kingma et al. 2021, appendix A, arXiv 2107.00630.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from studio.diffusion.schedules import Schedule


def q_step(schedule: Schedule, x_prev: Tensor, t: int, eps: Tensor) -> Tensor:
    """Return a sample of x_t given x_{t-1}.

    Args:
        schedule: the noise schedule.
        x_prev: states at time t - 1, (B, C, H, W).
        t: the new time, 0 to T - 1.
        eps: unit noise of x_prev's shape.
    """
    kept = schedule.alpha(t) / schedule.alpha(t - 1)
    return kept * x_prev + math.sqrt(schedule.var(t, t - 1)) * eps


def q_sample(schedule: Schedule, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """Return a sample of x_t given x_0, each picture at its own time.

    Args:
        schedule: the noise schedule.
        x0: clean data, (B, C, H, W).
        t: int64, (B,), 0 to T - 1.
        eps: unit noise of x0's shape.
    """
    return schedule.alphas(t) * x0 + schedule.sigmas(t) * eps


def posterior(schedule: Schedule, x_t: Tensor, x0: Tensor, t: float, s: float) -> tuple[Tensor, float]:
    """Return mean and variance of q(x_s | x_t, x_0); at s = -1 they are x_0 and 0.

    Args:
        schedule: the noise schedule.
        x_t: states at time t, (B, C, H, W).
        x0: clean data, or a prediction of it, of the same shape.
        t: the time of x_t, 0 to T - 1.
        s: the earlier time, -1 or from 0 to below t.

    Raises:
        ValueError: s is not below t.
    """
    if not s < t:
        raise ValueError(f"s must be below t, not s = {s} and t = {t}")
    alpha_s, sigma2_s, sigma2_t = schedule.alpha(s), schedule.sigma(s) ** 2, schedule.sigma(t) ** 2
    var = schedule.var(t, s)
    mean = (alpha_s * var / sigma2_t) * x0 + (schedule.alpha(t) / alpha_s * sigma2_s / sigma2_t) * x_t
    return mean, var * sigma2_s / sigma2_t
