"""The axes of the README's figures, and how uncertain a share is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.bench.chart_panels import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.chart_panels import Line

percent = "{:.0%}".format


def wilson(share: float, number: int) -> tuple[float, float]:
    """Return the interval of one standard error around a share of ``number`` (Wilson 1927), which is never empty."""
    middle = (share + 1 / (2 * number)) / (1 + 1 / number)
    half = math.sqrt(share * (1 - share) / number + 1 / (4 * number**2)) / (1 + 1 / number)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_axis(lines: Sequence[Line]) -> Axis:
    """Return an axis of shares that begins at a round value below the lowest point."""
    values = [y for line in lines for y in (*(y for _, y in line.points), *(low for low, _ in line.band))]
    low = max(0.0, math.floor(min(values) * 5 - 0.01) / 5)
    return percents(low, max(1.0, math.ceil(max(values) * 10 - 0.01) / 10))


def percents(low: float, high: float) -> Axis:
    """Return an axis of percents with round values to write."""
    step = 0.1 if high - low <= 0.5 else 0.2
    ticks = [low + number * step for number in range(math.floor((high - low) / step + 1e-6) + 1)]
    return Axis(label="", low=low, high=high, ticks=ticks, word=percent)


def amount_axis(lines: Sequence[Line]) -> Axis:
    """Return an axis from nothing to a round value above the highest point."""
    highest = max(y for line in lines for _, y in line.points)
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.5) if highest / step <= 5)
    count = math.ceil(highest / step)
    return Axis(
        label="", low=0, high=count * step, ticks=[step * n for n in range(count + 1)], word="{:.2f}".format
    )


def steps_axis(lines: Sequence[Line]) -> Axis:
    """Return a logarithmic axis of steps."""
    asked = [x for line in lines for x, _ in line.points]
    least, most = min(asked), max(asked)
    ticks = [value for value in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if least <= value <= most]
    return Axis(label="steps", low=least, high=most, ticks=ticks, log=True)


def minus(value: float) -> str:
    """Return a number with a minus sign instead of a hyphen."""
    return f"{value:g}".replace("-", "\u2212")
