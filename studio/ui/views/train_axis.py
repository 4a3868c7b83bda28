"""Where the values of a chart lie on its upright axis, and which of them are written beside it. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MOST_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Axis:
    """From ``low`` at the foot to ``high`` at the top.

    Attributes:
        log: whether equal steps are equal ratios; then both ends are above 0.
        ticks: the values that are written.
    """

    low: float
    high: float
    log: bool = False
    ticks: tuple[float, ...] = ()

    def share(self, value: float) -> float:
        """Return how far up a value lies: 0 at the foot, 1 at the top; what lies beyond is put at the end."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        if high <= low:
            return 0.5
        return min(max((self._scaled(value) - low) / (high - low), 0.0), 1.0)

    def _scaled(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value


def log_axis(low: float, high: float) -> Axis:
    """Return a logarithmic axis that holds ``low`` to ``high``, both above 0, with round values to write."""
    low, high = min(low, high), max(low, high)
    if high / low < 1.6:  # else the smallest wobble would fill the chart
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(1.6), middle * math.sqrt(1.6)
    steps: tuple[tuple[float, ...], ...] = (
        (1.0,),
        (1.0, 3.0),
        (1.0, 2.0, 5.0),
        tuple(map(float, range(1, 10))),
    )
    best: tuple[float, ...] = ()
    for digits in steps:
        found = tuple(
            digit * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for digit in digits
            if low <= digit * 10.0**power <= high
        )
        if len(found) > _MOST_TICKS:
            break
        best = found
    return Axis(low=low, high=high, log=True, ticks=best)


def shown(value: float) -> str:
    """Return a value as it is written beside the axis."""
    return f"{value:.3g}".replace("-", "\u2212")
