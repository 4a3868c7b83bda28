"""What a chart shows: panels of curves or bars, and their axes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """From ``low`` to ``high``, with the values that are written."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    log: bool = False
    word: Callable[[float], str] = "{:g}".format

    def share(self, value: float) -> float:
        """Return how far along a value lies, 0 to 1; what lies beyond is put at the end."""
        scaled = [math.log(number) if self.log else number for number in (value, self.low, self.high)]
        return min(max((scaled[0] - scaled[1]) / (scaled[2] - scaled[1]), 0.0), 1.0)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve.

    Attributes:
        name: in the legend.
        colour: of the line.
        points: x and y.
        band: below and above each point, where it is uncertain.
        dots: mark the points that were measured.
        tags: written beside the points.
    """

    name: str
    colour: str
    points: Sequence[Point]
    band: Sequence[Point] = ()
    dots: bool = True
    tags: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Lines:
    """A panel of curves."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A panel of groups of bars.

    Attributes:
        title: over the panel.
        y: the upright axis.
        groups: what stands under each group.
        bars: name, colour and one value a group (None: not measured).
        marks: for each group the value that is asked for, if any.
    """

    title: str
    y: Axis
    groups: Sequence[str]
    bars: Sequence[tuple[str, str, Sequence[float | None]]]
    marks: Sequence[float | None] = field(default=())
