from __future__ import annotations

import gc
import re
import weakref

import numpy as np
import pytest
from PySide6.QtGui import QImage

from studio.ui.core.images import ImageCache, to_image
from tests.runs.steps import frame


def noise(height: int = 4, width: int = 5) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


def read(image: QImage) -> list[list[tuple[int, int, int]]]:
    return [
        [image.pixelColor(x, y).getRgb()[:3] for x in range(image.width())] for y in range(image.height())
    ]


# Rows of these take 3 to 24 bytes, with every rest there is when Qt pads them to four.
@pytest.mark.parametrize("width", range(1, 9))
def test_every_pixel_arrives_whatever_the_width(width: int) -> None:
    pixels = noise(3, width)
    image = to_image(pixels)
    assert (image.width(), image.height()) == (width, 3)
    assert read(image) == [[tuple(map(int, pixel)) for pixel in row] for row in pixels]


def test_without_the_length_of_a_row_pixels_would_be_skewed() -> None:
    padded = np.zeros(3 * 16, dtype=np.uint8)  # what Qt takes rows of five pixels for
    padded[: 3 * 15] = noise(3, 5).reshape(-1)
    image = QImage(padded.data, 5, 3, QImage.Format.Format_RGB888)
    assert read(image) != read(to_image(noise(3, 5)))


def test_the_image_shares_the_pixels() -> None:
    pixels = noise()
    assert np.shares_memory(np.frombuffer(to_image(pixels).constBits(), dtype=np.uint8), pixels)


def test_the_image_and_its_copies_keep_the_pixels_alive() -> None:
    pixels = noise()
    alive, expected = weakref.ref(pixels), read(to_image(pixels))
    image = QImage(to_image(pixels))
    del pixels
    gc.collect()
    assert alive() is not None
    assert read(image) == expected
    del image
    gc.collect()
    assert alive() is None


def test_painting_on_a_copy_leaves_the_pixels_alone() -> None:
    pixels = noise()
    before, image = pixels.copy(), to_image(pixels)
    copy = QImage(image)
    copy.fill(0)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    "pixels",
    [noise().astype(np.float32), noise()[:, :, 0], noise()[:, :, :2], noise().reshape(1, 4, 5, 3)],
    ids=["floats", "grey", "two channels", "a batch"],
)
def test_what_are_no_pixels_is_refused(pixels: np.ndarray) -> None:
    pixels.setflags(write=False)
    with pytest.raises(ValueError, match=re.escape("pixels must be uint8 (H, W, 3)")):
        to_image(pixels)


@pytest.mark.parametrize(
    "pixels",
    [noise().copy(), noise()[:, ::2], noise()[::-1], noise()[:, 1:]],
    ids=["still writable", "with gaps", "upside down", "a part"],
)
def test_pixels_that_may_change_or_do_not_lie_together_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="read-only and contiguous"):
        to_image(pixels)


def test_one_buffer_for_all_frames_would_change_what_was_handed_over() -> None:
    buffer = noise().copy()
    handed_over = buffer.view()
    handed_over.setflags(write=False)
    image = to_image(handed_over)
    before = read(image)
    buffer += 1
    assert read(image) != before


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
