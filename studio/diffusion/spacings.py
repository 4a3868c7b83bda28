"""Spacings: which times of a schedule are visited in n steps.

Every spacing visits n distinct times in decreasing order, within 0 to T-1. The last step always goes to s = -1, clean
data. There are two kinds:

    of times    whole numbers that depend on T alone, rounded as in diffusers or ComfyUI: leading, trailing, linspace,
                simple
    of levels   real times, from rules on noise levels or unrounded times: karras, normal, sgm_uniform, turbo

Imports no torch.

Sources: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed", table 2, arXiv 2305.08891
(leading, trailing, linspace); Karras et al. 2022, equation 5, arXiv 2206.00364; ComfyUI's ``comfy/samplers.py``
(simple, normal, sgm_uniform); Sauer et al. 2023, "Adversarial Diffusion Distillation", arXiv 2311.17042 (turbo).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from studio.diffusion.levels import FlowMatching, VariancePreserving
from studio.errors import RequestError, UnknownNameError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from studio.diffusion.levels import Schedule


# ------------------------------------------------------------------------------------------------------ of times
def leading(T: int, n: int, steps_offset: int = 0) -> tuple[int, ...]:
    """Return the first n multiples of T // n, plus the offset; the noisiest time is not among them unless n = T.

    Args:
        T: the number of times.
        n: steps.
        steps_offset: 1 for Stable Diffusion; less where the first time would be beyond T - 1.
    """
    stride = T // n
    offset = min(steps_offset, T - 1 - (n - 1) * stride)
    return tuple(i * stride + offset for i in reversed(range(n)))


def trailing(T: int, n: int) -> tuple[int, ...]:
    """Return T, T - T/n, ... rounded, minus one: starts at T-1, so that sampling starts from pure noise."""
    return tuple(round(T - i * T / n) - 1 for i in range(n))


def linspace(T: int, n: int) -> tuple[int, ...]:
    """Return n evenly spaced times from T-1 to 0, both included; a single step starts at T-1."""
    if n == 1:
        return (T - 1,)
    return tuple(round(i * ((T - 1) / (n - 1))) for i in reversed(range(n)))


def simple(T: int, n: int) -> tuple[int, ...]:
    """Return T-1, T-1 - T/n, ..., the distance from T-1 rounded down."""
    return tuple(T - 1 - int(i * (T / n)) for i in range(n))


def all_times(T: int) -> tuple[int, ...]:
    """Return every time, T-1 to 0."""
    return tuple(reversed(range(T)))


TIME_SPACINGS: Mapping[str, Callable[[int, int], tuple[int, ...]]] = MappingProxyType(
    {"leading": leading, "trailing": trailing, "linspace": linspace, "simple": simple}
)


def visit_times(T: int, n: int, spacing: str) -> tuple[int, ...]:
    """Return the n times that a spacing of times visits, in decreasing order, and the final -1.

    Args:
        T: the schedule's number of times.
        n: steps, 1 to T.
        spacing: a name in ``TIME_SPACINGS``.

    Raises:
        RequestError: n is not a whole number from 1 to T, or the spacing is one of levels.
        UnknownNameError: there is no such spacing.
    """
    _check(T, n, spacing)
    if spacing not in TIME_SPACINGS:
        reason = message("{name} needs the noise levels of a whole run; choose another", name=repr(spacing))
        raise RequestError("spacing", reason)
    return (*TIME_SPACINGS[spacing](T, n), -1)


def check_start(T: int, n: int, spacing: str, steps_offset: int = 0) -> None:
    """Check that a run starts near the noisiest time, because it starts from noise.

    Only "leading" may not: rounding T / n down can leave the start far below T - 1.

    Raises:
        RequestError: the first time is more than two strides below T - 1, or there is one step only.
    """
    if spacing != "leading" or not 1 <= n <= T:
        return
    first = leading(T, n, steps_offset)[0]
    if n == 1 or T - 1 - first > 2 * (T // n):
        reason = message(
            "starts {steps} steps at time {first} of {last} when leading, where pictures are not noise yet: choose "
            "trailing",
            steps=n,
            first=first,
            last=T - 1,
        )
        raise RequestError("spacing", reason)


# ----------------------------------------------------------------------------------------------------- of levels
RHO = 7.0
"""The exponent of Karras et al."""
LARGEST_SIGMA = 4518.0
"""The noisiest level where a schedule ends without any signal, as other programs cut it off (ComfyUI: 4518)."""


def karras(schedule: Schedule, n: int) -> tuple[float, ...]:
    """Return n times whose sigma^(1/7) falls evenly from the noisiest to the cleanest."""
    high, low = _sigma(schedule, schedule.noisiest), _sigma(schedule, 0)
    start, end = min(high, LARGEST_SIGMA) ** (1 / RHO), low ** (1 / RHO)
    sigmas = [(start + i / max(n - 1, 1) * (end - start)) ** RHO for i in range(n)]
    inner = [_time_of_sigma(schedule, sigma) for sigma in sigmas[1:-1]]
    # The first and the last exactly, without the rounding of the powers.
    return (schedule.noisiest, *inner, *((0,) if n > 1 else ()))


def normal(schedule: Schedule, n: int) -> tuple[float, ...]:
    """Return n evenly spaced real times from the noisiest to the cleanest, both included."""
    return tuple(_even(schedule, n, n - 1))


def sgm_uniform(schedule: Schedule, n: int) -> tuple[float, ...]:
    """Return the first n of n + 1 evenly spaced real times: as `normal` without the last."""
    return tuple(_even(schedule, n, n))


def turbo(schedule: Schedule, n: int) -> tuple[float, ...]:
    """Return T-1, T-1 - T/n, ..., not rounded; n dividing T visits the times of `trailing`."""
    return tuple(schedule.noisiest - i * schedule.T / n for i in range(n))


LEVEL_SPACINGS: Mapping[str, Callable[[Schedule, int], tuple[float, ...]]] = MappingProxyType(
    {"karras": karras, "normal": normal, "sgm_uniform": sgm_uniform, "turbo": turbo}
)
SPACINGS: tuple[str, ...] = (*TIME_SPACINGS, *LEVEL_SPACINGS)
"""The names of all spacings."""

TimeRule: TypeAlias = Literal["interpolated", "nearest"]
"""How the model's time follows from a level between two that it was trained on."""


@dataclass(frozen=True, kw_only=True)
class Visits:
    """The levels that a run visits.

    Attributes:
        times: their times, n in decreasing order and the final -1.
        model_times: what the model is called with at each of the n.
    """

    times: tuple[float, ...]
    model_times: tuple[float, ...]


def visit(schedule: Schedule, n: int, spacing: str, rule: TimeRule = "interpolated") -> Visits:
    """Return the levels that any spacing visits, with the model's times.

    Args:
        schedule: the noise level over time.
        n: steps, 1 to T.
        spacing: a name in ``SPACINGS``.
        rule: "interpolated" in log-SNR, as A1111 has it; "nearest" calls the model with the whole time of the nearest
            level, as ComfyUI does with models that were trained on a table. The levels are the same.

    Raises:
        RequestError: n is not a whole number from 1 to T.
        UnknownNameError: there is no such spacing.
    """
    _check(schedule.T, n, spacing)
    times: tuple[float, ...]
    if spacing == "leading":
        times = leading(schedule.T, n, schedule.steps_offset)
    elif spacing in TIME_SPACINGS:
        times = TIME_SPACINGS[spacing](schedule.T, n)
    else:
        times = LEVEL_SPACINGS[spacing](schedule, n)
    times = tuple(int(t) if t == int(t) else t for t in times)
    asked = [nearest_time(schedule, t) for t in times] if rule == "nearest" else times
    return Visits(times=(*times, -1), model_times=tuple(schedule.model_time(t) for t in asked))


def nearest_time(schedule: Schedule, t: float) -> float:
    """Return the whole time whose log-SNR is nearest; t itself unless the schedule is a table."""
    if not isinstance(schedule, VariancePreserving) or t == int(t):
        return t
    above, below = int(t) + 1, int(t)
    log_snr = schedule.log_snr(t)
    return below if schedule.log_snr(below) - log_snr <= log_snr - schedule.log_snr(above) else above


def _check(T: int, n: int, spacing: str) -> None:
    if spacing not in SPACINGS:
        raise UnknownNameError("spacing", spacing, SPACINGS)
    if type(n) is not int or not 1 <= n <= T:  # not isinstance, which accepts a bool
        raise RequestError(
            "steps", message("must be a whole number from 1 to {high}, not {value}", high=T, value=n)
        )


def _even(schedule: Schedule, n: int, strides: int) -> Sequence[float]:
    """Return the first n times after every stride, of which ``strides`` lead from the noisiest to the cleanest."""
    first: float = schedule.noisiest
    last = 0.0
    if isinstance(schedule, FlowMatching):
        last = max(schedule.T * schedule.sigma(0) - 1, 0.0)  # ComfyUI shifts the cleanest level twice
    return [first - i * (first - last) / max(strides, 1) for i in range(n)]


def _sigma(schedule: Schedule, t: float) -> float:
    """Return the noise level as k-diffusion counts it: sigma / alpha, or sigma of flow matching."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    if isinstance(schedule, FlowMatching):
        return sigma
    return sigma / alpha if alpha else math.inf


def _time_of_sigma(schedule: Schedule, sigma: float) -> float:
    """Return the time of a level that `_sigma` counts."""
    if isinstance(schedule, FlowMatching):
        return schedule.time_of(2.0 * (math.log1p(-sigma) - math.log(sigma)))
    return schedule.time_of(-2.0 * math.log(sigma))
