"""The named noise schedules: tables of alpha_bar that models are trained on.

A state is x_t = alpha(t) x_0 + sigma(t) eps with alpha(t)^2 = alpha_bar(t) and sigma(t)^2 = 1 - alpha_bar(t)
(variance preserving). What a schedule is, and those of other kinds, is in levels.py.

The tables are computed with torch, whose cosine differs from Python's in the last bit of a few values: recorded
pictures depend on every bit of them.

The times that a sampler visits are a *spacing* (spacings.py), not a schedule.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import torch
from msgspec import Meta

from studio.diffusion.levels import Schedule, VariancePreserving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

__all__ = ["MAX_BETA", "SCHEDULES", "Schedule", "VariancePreserving", "cosine", "linear", "scaled_linear"]

Times = Annotated[int, Meta(ge=0, le=10_000)]
Coefficient = Annotated[float, Meta(ge=-1e6, le=1e6)]
"""Parameters of a schedule, limited because model cards are untrusted; the resulting table is validated."""

MAX_BETA = 0.999
"""The largest beta; keeps alpha_bar(T-1) above zero (Nichol & Dhariwal)."""

_SCALED_TO = 1000
"""The number of times for which the usual beta_start and beta_end were chosen."""


def linear(
    T: Times = 1000, beta_start: Coefficient = 1e-4, beta_end: Coefficient = 0.02, scaled: bool = False
) -> VariancePreserving:
    """Build the schedule with linearly increasing beta.

    Args:
        T: the number of times.
        beta_start: beta of time 0.
        beta_end: beta of time T - 1.
        scaled: multiply both by 1000 / T, as guided-diffusion does, so that alpha_bar(T-1) hardly depends on T. Without
            it, as in diffusers, a small T leaves more signal at T-1 (alpha_bar of 0.08 at T = 250). Model cards store
            a schedule by its name and parameters, so a card without ``scaled`` keeps the betas it was trained with.

    Source: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", section 4, arXiv 2006.11239.
    """
    betas = torch.linspace(beta_start, beta_end, T, dtype=torch.float64)
    return _from_betas("linear", (betas * (_SCALED_TO / T)).clamp(max=MAX_BETA) if scaled else betas)


def cosine(T: Times = 1000, s: Coefficient = 0.008) -> VariancePreserving:
    """Build the schedule whose alpha_bar is a squared cosine, with beta clamped to 0.999.

    The clamp is active at t = T-1 only and leaves alpha_bar(T-1) near 2e-9. A state there is almost pure noise, so
    a model that predicts eps gives hardly any information about x_0 at that time (its error is divided by alpha);
    v and x0 are safe.

    Source: Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", equation 17, arXiv
    2102.09672.
    """
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * (math.pi / 2)) ** 2
    return _from_betas("cosine", (1.0 - f[1:] / f[:-1]).clamp(max=MAX_BETA))


def scaled_linear(
    T: Times = 1000, beta_start: Coefficient = 0.00085, beta_end: Coefficient = 0.012
) -> VariancePreserving:
    """Build the schedule with a linearly increasing square root of beta, as used by Stable Diffusion.

    Source: Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv
    2112.10752.
    """
    roots = torch.linspace(math.sqrt(beta_start), math.sqrt(beta_end), T, dtype=torch.float64)
    return _from_betas("scaled_linear", roots**2)


def _from_betas(name: str, betas: Tensor) -> VariancePreserving:
    """Build a schedule from beta_t of each single step, float64 (T,)."""
    return VariancePreserving(name, torch.cumprod(1.0 - betas, dim=0).tolist())


SCHEDULES: Mapping[str, Callable[..., VariancePreserving]] = MappingProxyType(
    {"linear": linear, "cosine": cosine, "scaled_linear": scaled_linear}
)
