"""The curves of a training, read from what ``stepwise train`` told on stderr: "backbone 120/7500  loss 0.2031  ..."."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from tests.bench.chart_panels import Axis, Line, Lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.bench.chart_panels import Point

TOLD = re.compile(r"\b([a-z]+) +(\d+) ?/ ?(\d+) +loss +(\d+\.\d+)")
STAGES = ("codec", "decoder", "text", "backbone")
SMOOTHED = 40
"""A curve is smoothed over this part of its points."""


def read_log(path: Path) -> dict[str, list[Point]]:
    """Return the loss over steps of each stage; a step told twice counts as it was told last."""
    found: dict[str, dict[float, float]] = {}
    for stage, step, _, loss in TOLD.findall(path.read_text(encoding="utf-8", errors="replace")):
        if float(loss) > 0:
            found.setdefault(stage, {})[float(step)] = float(loss)
    return {stage: sorted(points.items()) for stage, points in found.items()}


def training(logs: Mapping[str, Path], colours: Sequence[str]) -> tuple[list[Lines], int, str]:
    """Return a panel for each stage, with a line for each training."""
    read = {name: read_log(path) for name, path in logs.items()}
    panels = []
    for stage in STAGES:
        lines = [
            Line(name=name, colour=colour, points=smooth(stages[stage]), dots=False)
            for (name, stages), colour in zip(read.items(), colours, strict=False)
            if stages.get(stage)
        ]
        if lines:
            panels.append(Lines(title=f"Loss, {stage}", x=count_axis(lines), y=loss_axis(lines), lines=lines))
    return panels, min(3, max(1, len(panels))), ""


def smooth(points: Sequence[Point]) -> list[Point]:
    """Return the running mean of the losses, in logarithms, over the neighbours on both sides."""
    reach = len(points) // SMOOTHED
    logs = [math.log(loss) for _, loss in points]
    made = []
    for place, (step, _) in enumerate(points):
        near = min(reach, place, len(points) - 1 - place)
        window = logs[place - near : place + near + 1]
        made.append((step, math.exp(sum(window) / len(window))))
    return made


def count_axis(lines: Sequence[Line]) -> Axis:
    """Return an axis of steps from 0."""
    most = max(x for line in lines for x, _ in line.points)
    step = 10 ** math.floor(math.log10(most))
    step = step if most / step >= 3 else step / 2 if most / step >= 1.5 else step / 4
    ticks = [step * number for number in range(math.floor(most / step) + 1)]
    return Axis(label="steps", low=0, high=most, ticks=ticks, word=thousands)


def loss_axis(lines: Sequence[Line]) -> Axis:
    """Return a logarithmic axis that holds the losses, with a few round values to write."""
    losses = [y for line in lines for _, y in line.points]
    low, high = min(losses) / 1.05, max(losses) * 1.05
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [
            digit * 10.0**power for power in tens for digit in digits if low <= digit * 10.0**power <= high
        ]
        if len(ticks) <= 6:
            break
    return Axis(label="", low=low, high=high, ticks=ticks, log=True)


def thousands(value: float) -> str:
    """Return a number of steps in short."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
