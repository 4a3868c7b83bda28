from __future__ import annotations

import numpy as np
import pytest

from studio.ui.compare.paint import DifferenceCache
from tests.runs.steps import frame


def test_identical_pictures_have_a_difference_of_nothing() -> None:
    found = DifferenceCache().get(frame(40), frame(40), 10)
    assert found is not None
    assert (found.largest, found.mean) == pytest.approx((0, 0))
    assert found.image.pixelColor(0, 0) == found.image.pixelColor(7, 7)


def test_a_difference_is_made_once_for_each_pair_and_gain() -> None:
    cache, first = DifferenceCache(), frame(40)
    pixels = np.array(first)
    pixels[0, 0] = 91
    pixels.setflags(write=False)
    found = cache.get(first, pixels, 1)
    assert found is not None
    assert found.largest == pytest.approx(51 / 255)
    assert found.mean == pytest.approx(51 / 255 / 64)
    assert cache.get(first, pixels, 1) is found
    assert cache.get(first, pixels, 5) is not found


def test_pictures_of_two_sizes_have_no_difference() -> None:
    assert DifferenceCache().get(frame(1), frame(1, side=16), 1) is None
