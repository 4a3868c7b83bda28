"""What each of the README's figures shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.schedules import SCHEDULES
from tests.bench.chart_panels import Axis, Bars, Line, Lines
from tests.bench.figures_axes import amount_axis, minus, percents, share_axis, steps_axis, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.checkpoints.card import ModelCard

BLUE, GREEN, OCHRE, RED, INK = "#0072b2", "#1f7a4d", "#8a6d00", "#b8442a", "#1c1c1f"
OF_MODELS = (BLUE, RED, GREEN, OCHRE)
OF_SAMPLERS = {"ddim": BLUE, "ddpm": RED, "langevin": GREEN, "pc": OCHRE}
OF_SCHEDULES = {"cosine": BLUE, "linear": RED}
KINDS = (
    ("top-1\nEnglish", ("languages", "en", "top1"), 0.90),
    ("top-5\nEnglish", ("languages", "en", "top5"), 0.97),
    ("top-1\nKorean", ("languages", "ko", "top1"), 0.85),
    ("back-\nground", ("background",), 0.98),
    ("count", ("compositions", "count"), 0.85),
    ("position", ("compositions", "position"), 0.85),
    ("size", ("compositions", "size"), None),
)
"""What is compared between models: what stands under the bars, where the card says it, and the bar it is to reach."""


@dataclass(frozen=True, eq=False)
class Subject:
    """One model in the figures."""

    title: str
    colour: str
    card: ModelCard

    def found(self, *path: str) -> Any:  # noqa: ANN401
        """Return what the card's evaluation says, None where it does not."""
        value: Any = self.card.to_dict()["evaluation"]
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value


Figure = tuple[list[Lines | Bars], int, str]


def guidance(subjects: Sequence[Subject]) -> Figure:
    """Accuracy, distance to what was asked for, and diversity over the guidance scale."""
    shown = [subject for subject in subjects if subject.found("guidance", "curve")]
    if not shown:
        return [], 0, ""
    x = Axis(label="guidance scale", low=1, high=10, ticks=(1, 2, 4, 6, 8, 10))
    panels: list[Lines | Bars] = []
    for title, key in (
        ("Names recognised", "top1"),
        ("Distance to the drawing", "distance"),
        ("Diversity over seeds", "diversity"),
    ):
        lines = []
        for subject in shown:
            found = subject.found("guidance")
            points = [(point["guidance"], point[key]) for point in found["curve"]]
            number = found["concepts"] * found["seeds"]
            band = [wilson(y, number) for _, y in points] if key == "top1" else ()
            lines.append(Line(name=subject.title, colour=subject.colour, points=points, band=band))
        y = share_axis(lines) if key == "top1" else amount_axis(lines)
        panels.append(Lines(title=title, x=x, y=y, lines=lines))
    told = shown[0].found("guidance")
    caption = (
        f"{told['concepts']} names, {told['seeds']} seeds each, DDIM with {told['settings']['steps']} steps. "
        "Diversity: mean distance of two pictures of one name. Band: one standard error."
    )
    return panels, 3, caption


def steps(subjects: Sequence[Subject]) -> Figure:
    """Accuracy and detail over steps: a column for each model, a line for each sampler."""
    shown = [subject for subject in subjects if subject.found("steps", "curves")]
    if not shown:
        return [], 0, ""
    panels: list[Lines | Bars] = []
    for words, key in (("names recognised", "top1"), ("detail", "detail")):
        row = [(subject, sampler_lines(subject, key)) for subject in shown]
        y = share_axis([line for _, lines in row for line in lines])
        panels += [
            Lines(title=f"{subject.title}: {words}", x=steps_axis(lines), y=y, lines=lines)
            for subject, lines in row
        ]
    told = shown[0].found("steps")
    low, high = wilson(0.9, told["concepts"])
    caption = (
        f"{told['concepts']} names, one seed, guidance {told['guidance']:g}; one standard error at 90% is "
        f"{(high - low) / 2:.0%}. Detail: contrast of neighbouring pixels, of that in the drawings."
    )
    return panels, max(2, len(shown)), caption


def schedules(subjects: Sequence[Subject]) -> Figure:
    """Linear and cosine: what they are, and how the models that learned on them do with few steps."""
    times = range(0, 1000, 5)
    names = {kind: kind for kind in OF_SCHEDULES}
    learned: dict[str, Subject] = {}
    for subject in subjects:
        kind = subject.card.schedule.kind
        if kind in OF_SCHEDULES and kind not in learned and subject.found("steps", "curves"):
            learned[kind], names[kind] = subject, f"{kind} ({subject.title.split(',')[0]})"
    x = Axis(label="t", low=0, high=1000, ticks=(0, 250, 500, 750, 1000))
    of_t: dict[str, list[Line]] = {"alpha_bar": [], "snr": []}
    for kind, colour in OF_SCHEDULES.items():
        built, times = SCHEDULES[kind](), range(0, 1000, 4)
        for key, points in (
            ("alpha_bar", [(t, built.alpha_bar_at(t)) for t in times]),
            ("snr", [(t, 10 * math.log10(built.snr(t))) for t in times]),
        ):
            of_t[key].append(Line(name=names[kind], colour=colour, points=points, dots=False))
    decibels = Axis(label="", low=-50, high=40, ticks=(-40, -20, 0, 20, 40), word=minus)
    panels: list[Lines | Bars] = [
        Lines(title="Share of signal, alpha_bar", x=x, y=percents(0.0, 1.0), lines=of_t["alpha_bar"]),
        Lines(title="Signal to noise, dB", x=x, y=decibels, lines=of_t["snr"]),
    ]
    measured = []
    for kind, subject in learned.items():
        number, curves = subject.found("steps", "concepts"), subject.found("steps", "curves")
        points = [(point["steps"], point["top1"]) for point in curves.get("ddim", ())]
        band = [wilson(y, number) for _, y in points]
        measured.append(Line(name=names[kind], colour=OF_SCHEDULES[kind], points=points, band=band))
    if measured:
        title = "Names recognised, DDIM"
        panels.append(Lines(title=title, x=steps_axis(measured), y=share_axis(measured), lines=measured))
    return panels, len(panels), ""


def models(subjects: Sequence[Subject]) -> Figure:
    """What each model gets right."""
    values = [
        (subject.title, subject.colour, [subject.found(*path) for _, path, _ in KINDS])
        for subject in subjects
    ]
    if not any(value is not None for _, _, column in values for value in column):
        return [], 0, ""
    panel = Bars(
        title="Right, in percent",
        y=percents(0.0, 1.0),
        groups=[name for name, _, _ in KINDS],
        bars=values,
        marks=[bar for _, _, bar in KINDS],
    )
    return (
        [panel],
        1,
        "Background, count, position, size: of combinations that training held out. Marks beside the bars: the goal.",
    )


def sampler_lines(subject: Subject, key: str) -> list[Line]:
    """Return a line for each sampler that was measured."""
    return [
        Line(
            name=SAMPLERS[sampler].title,
            colour=OF_SAMPLERS.get(sampler, INK),
            points=[(point["steps"], point[key]) for point in curve],
        )
        for sampler, curve in subject.found("steps", "curves").items()
    ]
