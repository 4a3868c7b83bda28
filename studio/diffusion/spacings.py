"""Spacings: which of a schedule's T times are visited in n steps.

Every spacing returns n distinct times in decreasing order, within 0 to T-1. They are rounded as in diffusers, whose
schedulers visit the same times. The last step always goes to s = -1, clean data, which ``visit_times`` appends.
Imports no torch.

Source: the three spacings are compared in Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps
are Flawed", table 2, arXiv 2305.08891.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from studio.errors import RequestError, UnknownNameError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def leading(T: int, n: int) -> tuple[int, ...]:
    """Return the first n multiples of T // n; the noisiest time is not among them unless n = T."""
    stride = T // n
    return tuple(i * stride for i in reversed(range(n)))


def trailing(T: int, n: int) -> tuple[int, ...]:
    """Return T, T - T/n, ... rounded, minus one: starts at T-1, so that sampling starts from pure noise."""
    return tuple(round(T - i * T / n) - 1 for i in range(n))


def linspace(T: int, n: int) -> tuple[int, ...]:
    """Return n evenly spaced times from T-1 to 0, both included; a single step starts at T-1."""
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
    """Return the n times that ``spacing`` visits, in decreasing order, and the final -1.

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
    if type(n) is not int or not 1 <= n <= T:  # not isinstance, which accepts a bool
        raise RequestError(
            "steps", message("must be a whole number from 1 to {high}, not {value}", high=T, value=n)
        )
    return (*SPACINGS[spacing](T, n), -1)
