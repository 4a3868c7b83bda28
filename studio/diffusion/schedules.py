"""Noise schedules: how much signal and how much noise a state has at time t.

A state is x_t = alpha(t) x_0 + sigma(t) eps with alpha(t)^2 = alpha_bar(t) and sigma(t)^2 = 1 - alpha_bar(t)
(variance preserving). Time is an integer from 0 to T-1, where T-1 is the noisiest; **t = -1 is clean data**:
alpha 1, sigma 0.

The times that a sampler visits are a *spacing* (spacings.py), not a schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import torch
from msgspec import Meta
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Times = Annotated[int, Meta(ge=0, le=10_000)]
Coefficient = Annotated[float, Meta(ge=-1e6, le=1e6)]
"""Parameters of a schedule, limited because model cards are untrusted; `Schedule` validates the resulting table."""

MAX_BETA = 0.999
"""The largest beta; keeps alpha_bar(T-1) above zero (Nichol & Dhariwal)."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """A table of alpha_bar, and the quantities derived from it.

    Attributes:
        name: its key in ``SCHEDULES``.
        alpha_bar: float64, (T,), within (0, 1) and strictly decreasing.

    Raises:
        ValueError: the table is not a float64 tensor of strictly decreasing numbers within (0, 1).
    """

    name: str
    alpha_bar: Tensor
    _values: tuple[float, ...] = field(init=False, repr=False)
    _tables: dict[torch.device, tuple[Tensor, Tensor]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Validate the table, and derive the tables of alpha and sigma; row t + 1 is time t, so row 0 is clean data."""
        table = self.alpha_bar
        if table.dtype != torch.float64 or table.ndim != 1 or len(table) == 0:
            raise ValueError("alpha_bar must be a float64 tensor of shape (T,)")
        with_clean = torch.cat([torch.ones(1, dtype=torch.float64), table])
        if not bool((table > 0).all()) or not bool((with_clean.diff() < 0).all()):
            raise ValueError("alpha_bar must decrease strictly and stay within (0, 1)")
        object.__setattr__(self, "_values", tuple(with_clean.tolist()))
        alphas = with_clean.sqrt().float().view(-1, 1, 1, 1)
        sigmas = (1.0 - with_clean).sqrt().float().view(-1, 1, 1, 1)
        object.__setattr__(self, "_tables", {alphas.device: (alphas, sigmas)})

    @property
    def T(self) -> int:
        """The number of times."""
        return len(self._values) - 1

    def alpha_bar_at(self, t: int) -> float:
        """Return alpha_bar(t), the fraction of the variance that is signal; 1 at t = -1.

        Raises:
            IndexError: t is not within -1 to T - 1.
        """
        if not -1 <= t < self.T:
            raise IndexError(f"t must be -1 to {self.T - 1}, not {t}")
        return self._values[t + 1]

    def alpha(self, t: int) -> float:
        """Return the scale of x_0 in x_t; 1 at t = -1."""
        return math.sqrt(self.alpha_bar_at(t))

    def sigma(self, t: int) -> float:
        """Return the scale of the noise in x_t; 0 at t = -1."""
        return math.sqrt(1.0 - self.alpha_bar_at(t))

    def snr(self, t: int) -> float:
        """Return the signal-to-noise ratio alpha^2 / sigma^2; infinite at t = -1."""
        alpha_bar = self.alpha_bar_at(t)
        return alpha_bar / (1.0 - alpha_bar) if alpha_bar < 1.0 else math.inf

    def beta(self, t: int, s: int) -> float:
        """Return the variance of q(x_t | x_s) for s < t; for s = t - 1 this is beta_t of Ho et al. 2020."""
        return 1.0 - self.alpha_bar_at(t) / self.alpha_bar_at(s)

    def alphas(self, t: Tensor) -> Tensor:
        """Return alpha of each of ``t`` (int64, (B,), -1 to T-1) as float32 (B, 1, 1, 1) on t's device."""
        return self._tables_on(t.device)[0].index_select(0, t + 1)

    def sigmas(self, t: Tensor) -> Tensor:
        """Return sigma of each of ``t`` (int64, (B,), -1 to T-1) as float32 (B, 1, 1, 1) on t's device."""
        return self._tables_on(t.device)[1].index_select(0, t + 1)

    def _tables_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the tables of alpha and sigma on a device; each device gets one copy."""
        if device not in self._tables:
            alphas, sigmas = next(iter(self._tables.values()))
            self._tables[device] = alphas.to(device), sigmas.to(device)
        return self._tables[device]


def linear(T: Times = 1000, beta_start: Coefficient = 1e-4, beta_end: Coefficient = 0.02) -> Schedule:
    """Build the schedule with linearly increasing beta.

    beta_start and beta_end are used as they are for every T, as in diffusers. guided-diffusion scales them by 1000 / T,
    so that alpha_bar(T-1) hardly depends on T; here a small T leaves more signal at T-1 (alpha_bar of 0.08 at T = 250).
    Model cards store a schedule by its name and T, so this convention cannot change.

    Source: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", section 4, arXiv 2006.11239.
    """
    return _from_betas("linear", torch.linspace(beta_start, beta_end, T, dtype=torch.float64))


def cosine(T: Times = 1000, s: Coefficient = 0.008) -> Schedule:
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
) -> Schedule:
    """Build the schedule with a linearly increasing square root of beta, as used by Stable Diffusion.

    Source: Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv
    2112.10752.
    """
    roots = torch.linspace(math.sqrt(beta_start), math.sqrt(beta_end), T, dtype=torch.float64)
    return _from_betas("scaled_linear", roots**2)


def _from_betas(name: str, betas: Tensor) -> Schedule:
    """Build a schedule from beta_t of each single step, float64 (T,)."""
    return Schedule(name, torch.cumprod(1.0 - betas, dim=0))


SCHEDULES: Mapping[str, Callable[..., Schedule]] = MappingProxyType(
    {"linear": linear, "cosine": cosine, "scaled_linear": scaled_linear}
)
