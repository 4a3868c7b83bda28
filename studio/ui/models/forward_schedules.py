"""The two schedules as plain numbers, for the window to draw: what `studio.diffusion.schedules` builds with torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

T = 1000
"""How many times there are; the noisiest is T - 1."""

_BETA_START, _BETA_END = 1e-4, 0.02
_OFFSET = 0.008
_MAX_BETA = 0.999


@dataclass(frozen=True, kw_only=True)
class NoiseLevel:
    """What a state x_t holds: alpha times the picture and sigma times the noise.

    Attributes:
        alpha_bar: the share of the variance that is signal.
    """

    alpha_bar: float

    @property
    def alpha(self) -> float:
        """The scale of the picture."""
        return math.sqrt(self.alpha_bar)

    @property
    def sigma(self) -> float:
        """The scale of the noise."""
        return math.sqrt(1 - self.alpha_bar)

    @property
    def log_snr(self) -> float:
        """The natural logarithm of the signal-to-noise ratio."""
        return math.log(self.alpha_bar / (1 - self.alpha_bar))


def level(schedule: str, t: int) -> NoiseLevel:
    """Return what a state holds at time ``t``, 0 to `T` - 1, under a schedule of `FORWARD_SCHEDULES`."""
    return NoiseLevel(alpha_bar=alpha_bars(schedule)[t])


@cache
def alpha_bars(schedule: str) -> tuple[float, ...]:
    """Return alpha_bar at every time."""
    product, table = 1.0, []
    for beta in FORWARD_SCHEDULES[schedule]():
        product *= 1 - beta
        table.append(product)
    return tuple(table)


def _linear() -> list[float]:
    """Ho et al. 2020, "Denoising Diffusion Probabilistic Models", section 4, arXiv 2006.11239."""
    return [_BETA_START + (_BETA_END - _BETA_START) * t / (T - 1) for t in range(T)]


def _cosine() -> list[float]:
    """Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", equation 17, arXiv 2102.09672."""
    f = [math.cos((u / T + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2 for u in range(T + 1)]
    return [min(1 - f[t + 1] / f[t], _MAX_BETA) for t in range(T)]


FORWARD_SCHEDULES = {"linear": _linear, "cosine": _cosine}
"""The variance of each single step, by the schedule's name."""
