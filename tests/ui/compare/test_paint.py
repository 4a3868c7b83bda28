from __future__ import annotations

import numpy as np
import pytest

from studio.ui.compare.paint import DifferenceCache, heat_colours, heat_map
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


def test_the_colour_scale_only_gets_lighter() -> None:
    """As a scale has to that is read in greyscale; one through the hues at full saturation would not."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    lightness = heat_colours() @ weights
    assert (np.diff(lightness) > -1).all()
    assert (np.diff(lightness[::16]) > 0).all()
    hues = np.array([[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 0, 255]]) @ weights
    assert not (np.diff(hues) > 0).all()


def test_a_difference_beyond_the_scale_has_its_last_colour() -> None:
    amounts = np.array([[0, 20, 51, 200]], dtype=np.uint8)
    faint, full = heat_map(amounts, 1)[0].tolist(), heat_map(amounts, 5)[0].tolist()
    last = heat_colours()[-1].tolist()
    assert last not in faint
    assert [colour == last for colour in full] == [False, False, True, True]
    assert full[0] == faint[0], "no difference stays none however much it is amplified"
