from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.ui.compare.results import Point
from studio.ui.compare.results_view import Curve, DistancePlot
from studio.ui.theme.colour import contrast
from studio.ui.theme.theme import Theme
from studio.ui.theme.tokens import DARK, LIGHT
from studio.ui.widgets.chart import COLOURS

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


@pytest.fixture
def plot(qtbot: QtBot, qapp: QApplication) -> DistancePlot:
    plot = DistancePlot(Theme(qapp, "dark"))
    qtbot.addWidget(plot)
    plot.resize(600, 240)
    return plot


def curve(*distances: float, name: str = "DDIM, 4 steps", at: int | None = None) -> Curve:
    points = tuple(Point(calls=2 * n, distance=d, level=0.5) for n, d in enumerate(distances, start=1))
    return Curve(name=name, points=points, at=at)


@pytest.mark.parametrize(("place", "ground"), [(0, DARK.panel), (1, LIGHT.panel)])
def test_every_curve_is_seen_on_its_ground_and_told_from_the_others(place: int, ground: str) -> None:
    colours = [pair[place] for pair in COLOURS]
    assert all(contrast(colour, ground) >= 3 for colour in colours)
    assert len(set(colours)) == len(colours)


def test_curves_are_drawn_in_their_colours(plot: DistancePlot) -> None:
    plot.set_curves("Distance", [curve(3, 2, 1, 0), curve(4, 4, 4, 4, name="DDPM", at=4)])
    image = plot.grab().toImage()
    seen = {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}
    assert {plot.colour(0).rgb(), plot.colour(1).rgb()} <= seen
    assert plot.accessibleDescription() == ("DDIM, 4 steps ends at 0.000, DDPM ends at 4.000")


def test_what_cannot_be_drawn_yet_is_said(plot: DistancePlot) -> None:
    empty = plot.grab().toImage()
    plot.set_curves("Distance", (), "Later.")
    assert plot.accessibleDescription() == "Later."
    assert plot.grab().toImage() != empty


@pytest.mark.parametrize("curves", [[curve()], [curve(1.0)], [curve(0.0, 0.0)], [curve(*range(200))] * 6])
def test_any_curves_can_be_drawn(plot: DistancePlot, curves: list[Curve]) -> None:
    plot.set_curves("x" * 500, curves)
    plot.resize(200, 120)
    plot.grab()
