from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.metrics import Score, score
from studio.runs.memory import PictureRecord
from studio.ui.compare.reference import final_x0_hat
from studio.ui.compare.results_view import MAX_POINTS, Curve, Curves, DistancePlot, Point
from studio.ui.theme.colour import contrast
from studio.ui.theme.theme import Theme
from studio.ui.theme.tokens import DARK, LIGHT
from studio.ui.widgets.chart import COLOURS
from tests.runs.steps import frame, latents, step_done

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


def test_the_distance_is_the_root_of_the_mean_square() -> None:
    steps = [step_done(step) for step in (1, 2, 3, 4)]  # x0_hat is the step's number everywhere
    points = Curves().of(steps, latents(4.0))
    assert [point.calls for point in points] == [2, 4, 6, 8]
    assert [point.distance for point in points] == pytest.approx([3, 2, 1, 0])
    assert points[0].level == steps[0].level


def test_another_reference_is_another_distance() -> None:
    curves, steps = Curves(), [step_done(1)]
    assert curves.of(steps, latents(4.0))[0].distance == pytest.approx(3)
    assert curves.of(steps, latents(2.0))[0].distance == pytest.approx(1)


def test_steps_of_another_shape_are_not_on_the_curve() -> None:
    steps = [step_done(1), step_done(2, x0_hat=None)]
    assert Curves().of(steps, np.zeros((3, 9, 9), dtype=np.float32)) == ()
    assert len(Curves().of(steps, latents(0.0))) == 1
    assert Curves().of([], latents(0.0)) == ()


def test_a_long_run_has_its_points_evenly_chosen_and_ends_at_its_end() -> None:
    steps = [step_done(step, steps=999) for step in range(1, 1000)]
    points = Curves().of(steps, latents(0.0))
    assert len(points) <= MAX_POINTS + 1
    assert (points[0].calls, points[-1].calls) == (2, 2 * 999)


def test_a_run_has_a_finish_once_its_last_step_is_taken() -> None:
    record = PictureRecord(0)
    assert final_x0_hat(None) is None
    assert final_x0_hat(record) is None
    for step in (1, 2, 3, 4):
        assert final_x0_hat(record) is None
        record.add(step_done(step))
    assert final_x0_hat(record) is record.steps[-1].x0_hat


def test_finished_pictures_are_scored_against_the_reference() -> None:
    assert score(frame(100), frame(100)) == Score(psnr=math.inf, ssim=pytest.approx(1))
    found = score(frame(101), frame(100))
    assert found.psnr == pytest.approx(20 * math.log10(255))
    assert found.ssim == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pixels", [frame(1, side=16), frame(1)[:0, :0]])
def test_pictures_that_cannot_be_compared_have_no_score(pixels: NDArray[np.uint8]) -> None:
    assert score(pixels, frame(1)) == Score(psnr=None, ssim=None)


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
def test_every_curve_is_visible_and_distinct_from_the_others(place: int, ground: str) -> None:
    colours = [pair[place] for pair in COLOURS]
    assert all(contrast(colour, ground) >= 3 for colour in colours)
    assert len(set(colours)) == len(colours)


def test_curves_are_drawn_in_their_colours(plot: DistancePlot) -> None:
    plot.set_curves("Distance", [curve(3, 2, 1, 0), curve(4, 4, 4, 4, name="DDPM", at=4)])
    image = plot.grab().toImage()
    seen = {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}
    assert {plot.colour(0).rgb(), plot.colour(1).rgb()} <= seen
    described = plot.accessibleDescription()
    places = [described.index(part) for part in ("DDIM, 4 steps", "0.000", "DDPM", "4.000")]
    assert places == sorted(places)


def test_missing_curves_are_explained(plot: DistancePlot) -> None:
    empty = plot.grab().toImage()
    plot.set_curves("Distance", (), "Later.")
    assert plot.accessibleDescription() == "Later."
    assert plot.grab().toImage() != empty


@pytest.mark.parametrize("curves", [[curve()], [curve(1.0)], [curve(0.0, 0.0)], [curve(*range(200))] * 6])
def test_any_curves_can_be_drawn(plot: DistancePlot, curves: list[Curve]) -> None:
    plot.set_curves("x" * 500, curves)
    plot.resize(200, 120)
    plot.grab()
