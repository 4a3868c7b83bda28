"""Spacings: which of a schedule's T times are visited in n steps.

Every spacing returns n different times, falling, within 0 to T-1. The rounding is that of diffusers, so that
its schedulers visit the same times. The last step always goes to s = -1, clean data, which ``visit_times``
appends. Imports no torch.

Source: the three spacings are compared in Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps
are Flawed", table 2, arXiv 2305.08891.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from studio.errors import RequestError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def leading(T: int, n: int) -> tuple[int, ...]:
    """Return multiples of T // n from 0 up; the noisiest time is left out unless n = T."""
    stride = T // n
    return tuple(i * stride for i in reversed(range(n)))


def trailing(T: int, n: int) -> tuple[int, ...]:
    """Return T, T - T/n, ... rounded, less one: starts at T-1, where sampling starts from pure noise."""
    return tuple(round(T - i * T / n) - 1 for i in range(n))


def linspace(T: int, n: int) -> tuple[int, ...]:
    """Return n times spread evenly from T-1 to 0, both included; a single step starts at T-1."""
    if n == 1:
        return (T - 1,)
    return tuple(round(i * ((T - 1) / (n - 1))) for i in reversed(range(n)))


def all_times(T: int) -> tuple[int, ...]:
    """Return every time, T-1 to 0."""
    return tuple(reversed(range(T)))


SPACINGS: Mapping[str, Callable[[int, int], tuple[int, ...]]] = MappingProxyType(
    {"leading": leading, "trailing": trailing, "linspace": linspace}
)


def visit_times(T: int, n: int, spacing: str) -> tuple[int, ...]:
    """Return the n times that ``spacing`` visits, falling, and the final -1.

    Args:
        T: the schedule's number of times.
        n: steps, 1 to T.
        spacing: a name in ``SPACINGS``.

    Raises:
        RequestError: n is not a whole number from 1 to T.
        UnknownNameError: there is no such spacing.
    """
    if spacing not in SPACINGS:
        raise UnknownNameError("spacing", spacing, SPACINGS)
    if type(n) is not int or not 1 <= n <= T:  # a bool is no number of steps
        raise RequestError("steps", f"must be a whole number from 1 to {T}, not {n}")
    return (*SPACINGS[spacing](T, n), -1)
