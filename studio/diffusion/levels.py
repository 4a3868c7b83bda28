"""Noise levels over real time: how much signal and how much noise a state x_t = alpha(t) x_0 + sigma(t) eps has.

Every schedule has T times 0 to T - 1, of which T - 1 is the noisiest, and levels for all real times between them.
**t = -1 is clean data**: alpha 1, sigma 0. Between -1 and 0 there is nothing: no model was trained on such levels.
(Of a variance-preserving table the last step may lead to the level of time 0 instead: `ending_at_first`.)

    VariancePreserving  alpha^2 = alpha_bar, sigma^2 = 1 - alpha_bar from a table, log-SNR interpolated between its rows
    FlowMatching        alpha = 1 - t', sigma = t' with t' = a u / (1 + (a - 1) u), u = (t + 1) / T
    EDM                 alpha = 1, log sigma linear in t

Only the variance-preserving table may end without any signal, at alpha = 0 (zero-terminal SNR), besides flow matching,
which always does. Everything is computed in float64. Imports no torch; what returns tensors builds them from its
argument.

Sources: Ho et al. 2020, arXiv 2006.11239; Lipman et al. 2023, arXiv 2210.02747; Esser et al. 2024, section 5.3.2 (the
shift), arXiv 2403.03206; Karras et al. 2022, table 1, arXiv 2206.00364.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch
    from torch import Tensor


FinalLevel: TypeAlias = Literal["clean", "first"]
"""Where the last step of a run leads: to clean data, or to the level of the first time."""


class Schedule(ABC):
    """The noise level over time.

    Attributes:
        name: its kind; for a named table its key in ``SCHEDULES``.
        T: the number of whole times.
        sigma_data: the standard deviation of the data that the model was trained on.
        steps_offset: what a "leading" spacing adds to its times; 1 for Stable Diffusion.
    """

    sigma_data = 1.0
    steps_offset = 0

    def __init__(self, name: str, T: int) -> None:
        if T < 1:
            raise ValueError(f"a schedule needs at least one time, not {T}")
        self.name, self.T = name, T
        self._tables: dict[torch.device, tuple[Tensor, Tensor]] = {}

    @property
    def noisiest(self) -> int:
        """The time of the noisiest level, T - 1."""
        return self.T - 1

    @abstractmethod
    def alpha(self, t: float) -> float:
        """Return the scale of x_0 in x_t; 1 at t = -1. Raises IndexError if the schedule has no such time."""

    @abstractmethod
    def sigma(self, t: float) -> float:
        """Return the scale of the noise in x_t; 0 at t = -1. Raises IndexError if the schedule has no such time."""

    @abstractmethod
    def time_of(self, log_snr: float) -> float:
        """Return the real time of a level, the inverse of `log_snr`.

        Raises:
            ValueError: the level is cleaner than that of time 0, or noisier than the noisiest.
        """

    def model_time(self, t: float) -> float:
        """Return what the model is called with at time t."""
        return t

    def input_scale(self, t: float) -> float:
        """Return the factor of x_t in the model's input."""
        return 1.0

    def snr(self, t: float) -> float:
        """Return the signal-to-noise ratio alpha^2 / sigma^2; infinite at t = -1."""
        sigma = self.sigma(t)
        return (self.alpha(t) / sigma) ** 2 if sigma else math.inf

    def log_snr(self, t: float) -> float:
        """Return the natural logarithm of the signal-to-noise ratio, from -inf (no signal) to inf (clean)."""
        snr = self.snr(t)
        return math.log(snr) if snr else -math.inf

    def var(self, t: float, s: float) -> float:
        """Return the variance of q(x_t | x_s) for s < t: sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2.

        For a variance-preserving table and s = t - 1 it is beta_t of Ho et al. 2020.
        """
        return self.sigma(t) ** 2 - (self.alpha(t) / self.alpha(s) * self.sigma(s)) ** 2

    def noise_level(self, t: float) -> float:
        """Return sigma / (alpha sigma_data + sigma): 0 for clean data, 1 where there is no signal."""
        sigma = self.sigma(t)
        return sigma / (self.alpha(t) * self.sigma_data + sigma)

    def start_scale(self, t: float, *, pure: bool = False) -> float:
        """Return the factor of unit noise in a state that starts at time t.

        Args:
            t: the first time visited.
            pure: sigma, as if nothing but noise were in the state; else the scale of a state whose data have unit
                variance.
        """
        alpha, sigma = self.alpha(t), self.sigma(t)
        return sigma if pure else math.sqrt(alpha**2 + sigma**2)

    def alphas(self, t: Tensor) -> Tensor:
        """Return alpha of each of ``t`` ((B,), -1 to T - 1) as float32 (B, 1, 1, 1) on t's device."""
        return self._values_at(t, 0)

    def sigmas(self, t: Tensor) -> Tensor:
        """Return sigma of each of ``t`` ((B,), -1 to T - 1) as float32 (B, 1, 1, 1) on t's device."""
        return self._values_at(t, 1)

    def _values_at(self, t: Tensor, which: int) -> Tensor:
        """Return alpha (0) or sigma (1): whole times from a table on the device, which is uploaded once."""
        if t.is_floating_point():
            values = map(self.sigma if which else self.alpha, t.tolist())
            return _column(t, values).to(t.device)
        if t.device not in self._tables:
            every = range(-1, self.T)
            columns = _column(t, map(self.alpha, every)), _column(t, map(self.sigma, every))
            self._tables[t.device] = columns[0].to(t.device), columns[1].to(t.device)
        return self._tables[t.device][which].index_select(0, t + 1)

    def _check(self, t: float) -> None:
        if not (t == -1 or 0 <= t <= self.T - 1):
            reason = f"t must be -1 to {self.T - 1}, not {t}"
            raise IndexError(f"{reason}: only -1 is clean data" if -1 < t < 0 else reason)

    def _beyond(self, log_snr: float) -> ValueError:
        low, high = self.log_snr(self.T - 1), self.log_snr(0)
        return ValueError(
            f"log-SNR must be {low:.4g} to {high:.4g}, not {log_snr}: the model knows no other levels"
        )


class VariancePreserving(Schedule):
    """A table of alpha_bar, with log-SNR linear in t between its rows.

    Where the table ends at alpha_bar = 0, log-SNR has no slope between its last two rows; there alpha is linear.

    Attributes:
        alpha_bar: of the times 0 to T - 1, strictly decreasing, within (0, 1) except for the last, which may be 0.
        final_level: what t = -1 is: "clean" data, or the level of the "first" time.
    """

    def __init__(
        self,
        name: str,
        alpha_bar: Sequence[float],
        *,
        steps_offset: int = 0,
        final_level: FinalLevel = "clean",
    ) -> None:
        """Check the table.

        Raises:
            ValueError: it does not decrease strictly within (0, 1).
        """
        self.alpha_bar, self.final_level = tuple(alpha_bar), final_level
        self._rows = (1.0, *self.alpha_bar)  # row t + 1 is time t, so row 0 is clean data
        decreases = all(later < earlier for earlier, later in pairwise(self._rows))
        if not self.alpha_bar or not decreases or not self.alpha_bar[-1] >= 0:
            raise ValueError(
                "alpha_bar must decrease strictly and stay within (0, 1); only its last value may be 0"
            )
        super().__init__(name, len(self.alpha_bar))
        if final_level == "first":
            self._rows = (self.alpha_bar[0], *self.alpha_bar)
        self.steps_offset = steps_offset
        self._log_snrs = [self.log_snr(t) for t in range(self.T)]

    def alpha_bar_at(self, t: float) -> float:
        """Return alpha_bar(t), the fraction of the variance that is signal; 1 at t = -1.

        Raises:
            IndexError: t is neither -1 nor within 0 to T - 1.
        """
        self._check(t)
        row = int(t) + 1
        if row - 1 == t:
            return self._rows[row]
        part = t - int(t)
        if not self._rows[row + 1]:
            return self._rows[row] * (1.0 - part) ** 2
        log_snr = (1.0 - part) * self._log_snrs[row - 1] + part * self._log_snrs[row]
        return 1.0 / (1.0 + math.exp(-log_snr))

    def alpha(self, t: float) -> float:
        return math.sqrt(self.alpha_bar_at(t))

    def sigma(self, t: float) -> float:
        return math.sqrt(1.0 - self.alpha_bar_at(t))

    def snr(self, t: float) -> float:
        alpha_bar = self.alpha_bar_at(t)
        return alpha_bar / (1.0 - alpha_bar) if alpha_bar < 1.0 else math.inf

    def var(self, t: float, s: float) -> float:
        # Equal to the general form, because alpha^2 + sigma^2 = 1, and without its loss of precision.
        return 1.0 - self.alpha_bar_at(t) / self.alpha_bar_at(s)

    def start_scale(self, t: float, *, pure: bool = False) -> float:
        return self.sigma(t) if pure else 1.0

    def time_of(self, log_snr: float) -> float:
        table = self._log_snrs
        if not table[-1] <= log_snr <= table[0]:
            raise self._beyond(log_snr)
        row = bisect_left(table, -log_snr, key=lambda value: -value)  # the first that is as noisy
        if table[row] == log_snr:
            return row
        if table[row] == -math.inf:
            alpha = 1.0 / math.sqrt(1.0 + math.exp(-log_snr))
            return row - alpha / math.sqrt(self.alpha_bar[row - 1])
        return row - 1 + (table[row - 1] - log_snr) / (table[row - 1] - table[row])


class FlowMatching(Schedule):
    """Straight lines from data to noise: x_t = (1 - t') x_0 + t' eps.

    Attributes:
        shift: a; above 1 it moves the visited times to the noisy end.
        time_scale: the model is called with time_scale t'.
    """

    def __init__(self, T: int = 1000, shift: float = 1.0, time_scale: float = 1000.0) -> None:
        if not shift > 0:
            raise ValueError(f"the shift must be above 0, not {shift}")
        super().__init__("flow", T)
        self.shift, self.time_scale = shift, time_scale

    def alpha(self, t: float) -> float:
        self._check(t)
        # Not 1 - sigma, which would lose the digits of an alpha near 0.
        u = (t + 1) / self.T
        return (1.0 - u) / (1.0 + (self.shift - 1.0) * u)

    def sigma(self, t: float) -> float:
        self._check(t)
        u = (t + 1) / self.T
        return self.shift * u / (1.0 + (self.shift - 1.0) * u)

    def model_time(self, t: float) -> float:
        return self.time_scale * self.sigma(t)

    def start_scale(self, t: float, *, pure: bool = False) -> float:
        return self.sigma(t)

    def time_of(self, log_snr: float) -> float:
        if not self.log_snr(self.T - 1) <= log_snr <= self.log_snr(0):
            raise self._beyond(log_snr)
        if log_snr == -math.inf:
            return self.T - 1
        # alpha / sigma = (1 - u) / (a u)
        u = 1.0 / (1.0 + self.shift * math.exp(0.5 * log_snr))
        return min(max(u * self.T - 1, 0.0), self.T - 1)


class EDM(Schedule):
    """Noise added to unscaled data; the model sees x_t scaled to unit variance.

    Attributes:
        sigma_min: sigma at time 0.
        sigma_max: sigma at time T - 1.
        sigma_data: the standard deviation of the data.
    """

    def __init__(
        self, T: int = 1000, sigma_min: float = 0.002, sigma_max: float = 80.0, sigma_data: float = 0.5
    ) -> None:
        if T < 2 or not 0 < sigma_min < sigma_max or not sigma_data > 0:
            raise ValueError("sigma_min and sigma_max must be increasing and above 0, and sigma_data above 0")
        super().__init__("edm", T)
        self.sigma_min, self.sigma_max, self.sigma_data = sigma_min, sigma_max, sigma_data

    def alpha(self, t: float) -> float:
        self._check(t)
        return 1.0

    def sigma(self, t: float) -> float:
        self._check(t)
        return 0.0 if t == -1 else self.sigma_min * (self.sigma_max / self.sigma_min) ** (t / (self.T - 1))

    def time_of(self, log_snr: float) -> float:
        if not self.log_snr(self.T - 1) <= log_snr <= self.log_snr(0):
            raise self._beyond(log_snr)
        log_min, log_max = math.log(self.sigma_min), math.log(self.sigma_max)
        t = (self.T - 1) * (-0.5 * log_snr - log_min) / (log_max - log_min)
        return min(max(t, 0.0), self.T - 1)

    def model_time(self, t: float) -> float:
        """Return c_noise = ln(sigma) / 4."""
        return 0.25 * math.log(self.sigma(t))

    def input_scale(self, t: float) -> float:
        """Return c_in = 1 / sqrt(sigma^2 + sigma_data^2)."""
        return 1.0 / math.sqrt(self.sigma(t) ** 2 + self.sigma_data**2)

    def c_skip(self, t: float) -> float:
        """Return the factor of x_t in the denoised picture: sigma_data^2 / (sigma^2 + sigma_data^2)."""
        return self.sigma_data**2 / (self.sigma(t) ** 2 + self.sigma_data**2)

    def c_out(self, t: float) -> float:
        """Return the factor of the model's output in it: sigma sigma_data / sqrt(sigma^2 + sigma_data^2)."""
        return self.sigma(t) * self.sigma_data * self.input_scale(t)


def zero_terminal_snr(schedule: VariancePreserving) -> VariancePreserving:
    """Return the schedule with alpha shifted and scaled, so that the last is 0 and the first stays.

    Source: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1, arXiv
    2305.08891.
    """
    alphas = [math.sqrt(alpha_bar) for alpha_bar in schedule.alpha_bar]
    first, last = alphas[0], alphas[-1]
    rescaled = [((alpha - last) * first / (first - last)) ** 2 for alpha in alphas]
    return VariancePreserving(
        schedule.name, rescaled, steps_offset=schedule.steps_offset, final_level=schedule.final_level
    )


def ending_at_first(schedule: VariancePreserving) -> VariancePreserving:
    """Return the schedule whose last step leads to the level of time 0, as diffusers' ``set_alpha_to_one=False``."""
    return VariancePreserving(
        schedule.name, schedule.alpha_bar, steps_offset=schedule.steps_offset, final_level="first"
    )


def _column(like: Tensor, values: Iterable[float]) -> Tensor:
    """Return float32 (N, 1, 1, 1), rounded from float64, on the CPU."""
    return like.new_empty(0, device="cpu").double().new_tensor(list(values)).float().view(-1, 1, 1, 1)
