from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.metrics import Score, score
from studio.runs.memory import PictureRecord
from studio.ui.compare.reference import finish_of
from studio.ui.compare.results import MOST_POINTS, Curves
from tests.runs.steps import frame, latents, step_done

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_the_distance_is_the_root_of_the_mean_square() -> None:
    steps = [step_done(step) for step in (1, 2, 3, 4)]  # x0_hat is the step's number everywhere
    points = Curves().of(steps, latents(4.0))
    assert [point.calls for point in points] == [2, 4, 6, 8]
    assert [point.distance for point in points] == pytest.approx([3, 2, 1, 0])
    assert points[0].level == steps[0].sigma


def test_another_reference_is_another_distance() -> None:
    curves, steps = Curves(), [step_done(1)]
    assert curves.of(steps, latents(4.0))[0].distance == pytest.approx(3)
    assert curves.of(steps, latents(2.0))[0].distance == pytest.approx(1)


def test_what_has_another_shape_has_no_place_on_a_curve() -> None:
    steps = [step_done(1), step_done(2, x0_hat=None)]
    assert Curves().of(steps, np.zeros((3, 9, 9), dtype=np.float32)) == ()
    assert len(Curves().of(steps, latents(0.0))) == 1
    assert Curves().of([], latents(0.0)) == ()


def test_a_long_run_has_its_points_evenly_chosen_and_ends_at_its_end() -> None:
    steps = [step_done(step, steps=999) for step in range(1, 1000)]
    points = Curves().of(steps, latents(0.0))
    assert len(points) <= MOST_POINTS + 1
    assert (points[0].calls, points[-1].calls) == (2, 2 * 999)


def test_a_run_has_a_finish_once_its_last_step_is_taken() -> None:
    record = PictureRecord(0)
    assert finish_of(None) is None
    assert finish_of(record) is None
    for step in (1, 2, 3, 4):
        assert finish_of(record) is None
        record.add(step_done(step))
    assert finish_of(record) is record.steps[-1].x0_hat


def test_finished_pictures_are_scored_against_the_reference() -> None:
    assert score(frame(100), frame(100)) == Score(psnr=math.inf, ssim=pytest.approx(1))
    found = score(frame(101), frame(100))
    assert found.psnr == pytest.approx(20 * math.log10(255))
    assert found.ssim == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pixels", [frame(1, side=16), frame(1)[:0, :0]])
def test_what_cannot_be_compared_has_no_score(pixels: NDArray[np.uint8]) -> None:
    assert score(pixels, frame(1)) == Score(psnr=None, ssim=None)
