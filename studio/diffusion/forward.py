"""The forward process from data to noise, and its exact reverse for known x_0.

    one step    q(x_t | x_{t-1})    = N(sqrt(1 - beta_t) x_{t-1}, beta_t)
    the jump    q(x_t | x_0)        = N(alpha_t x_0, sigma_t^2)
    posterior   q(x_s | x_t, x_0)   for any s < t, with beta = 1 - alpha_bar_t / alpha_bar_s:
                mean      alpha_s beta / sigma_t^2 x_0 + (alpha_t / alpha_s) sigma_s^2 / sigma_t^2 x_t
                variance  beta sigma_s^2 / sigma_t^2

Noise is always passed in. Source: Ho et al. 2020, equations 2, 4, 6 and 7, arXiv 2006.11239, where the posterior
is that of s = t - 1.
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
    beta = schedule.beta(t, t - 1)
    return math.sqrt(1.0 - beta) * x_prev + math.sqrt(beta) * eps


def q_sample(schedule: Schedule, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """Return a sample of x_t given x_0, each picture at its own time.

    Args:
        schedule: the noise schedule.
        x0: clean data, (B, C, H, W).
        t: int64, (B,), 0 to T - 1.
        eps: unit noise of x0's shape.
    """
    return schedule.alphas(t) * x0 + schedule.sigmas(t) * eps


def posterior(schedule: Schedule, x_t: Tensor, x0: Tensor, t: int, s: int) -> tuple[Tensor, float]:
    """Return mean and variance of q(x_s | x_t, x_0); at s = -1 they are x_0 and 0.

    Args:
        schedule: the noise schedule.
        x_t: states at time t, (B, C, H, W).
        x0: clean data, or a prediction of it, of the same shape.
        t: the time of x_t, 0 to T - 1.
        s: the earlier time, -1 to t - 1.

    Raises:
        ValueError: s is not below t.
    """
    if not s < t:
        raise ValueError(f"s must be below t, not s = {s} and t = {t}")
    alpha_s, sigma2_s, sigma2_t = schedule.alpha(s), schedule.sigma(s) ** 2, schedule.sigma(t) ** 2
    beta = schedule.beta(t, s)
    mean = (alpha_s * beta / sigma2_t) * x0 + (schedule.alpha(t) / alpha_s * sigma2_s / sigma2_t) * x_t
    return mean, beta * sigma2_s / sigma2_t
