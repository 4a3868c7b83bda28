from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage

from studio.ui.compare.images import ImageCache
from tests.runs.steps import frame

EACH = 8 * 8 * 4


def test_a_picture_is_made_into_an_image_once() -> None:
    cache, pixels = ImageCache(), frame(9)
    image = cache.image(pixels)
    assert image.format() == QImage.Format.Format_RGB32
    assert image.pixelColor(3, 3).getRgb()[:3] == (9, 9, 9)
    assert cache.image(pixels) is image


def test_the_image_used_longest_ago_goes_first() -> None:
    cache = ImageCache(max_bytes=2 * EACH)
    first, second, third = frame(1), frame(2), frame(3)
    kept = cache.image(first)
    gone = cache.image(second)
    assert cache.image(first) is kept
    cache.image(third)
    assert cache.image(first) is kept
    assert cache.image(second) is not gone


def test_one_image_is_kept_however_large() -> None:
    cache, pixels = ImageCache(max_bytes=1), frame(1)
    assert cache.image(pixels) is cache.image(pixels)


def test_identical_pictures_have_a_difference_of_nothing() -> None:
    found = ImageCache().difference(frame(40), frame(40), 10)
    assert found is not None
    assert (found.largest, found.mean) == pytest.approx((0, 0))
    assert found.image.pixelColor(0, 0) == found.image.pixelColor(7, 7)


def test_a_difference_is_made_once_for_each_pair_and_gain() -> None:
    cache, first = ImageCache(), frame(40)
    pixels = np.array(first)
    pixels[0, 0] = 91
    pixels.setflags(write=False)
    found = cache.difference(first, pixels, 1)
    assert found is not None
    assert found.largest == pytest.approx(51 / 255)
    assert found.mean == pytest.approx(51 / 255 / 64)
    assert cache.difference(first, pixels, 1) is found
    assert cache.difference(first, pixels, 5) is not found


def test_pictures_of_two_sizes_have_no_difference() -> None:
    assert ImageCache().difference(frame(1), frame(1, side=16), 1) is None
