from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from studio.metrics import difference, gaussian, mse, psnr, ssim
from studio.ui.compare.paint import GAINS, heat_colours, heat_map
from studio.ui.theme.colour import contrast

if TYPE_CHECKING:
    from numpy.typing import NDArray


def flat(value: int, size: tuple[int, int] = (16, 16)) -> NDArray[np.uint8]:
    return np.full((*size, 3), value, dtype=np.uint8)


def noisy(seed: int, size: tuple[int, int] = (24, 31)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_identical_pictures_differ_nowhere() -> None:
    picture = noisy(0)
    assert not difference(picture, picture.copy()).any()
    assert mse(picture, picture) == 0
    assert psnr(picture, picture) == math.inf
    assert ssim(picture, picture) == pytest.approx(1.0, abs=1e-12)


def test_bytes_do_not_wrap_around_whichever_is_larger() -> None:
    for first, second in ((3, 250), (250, 3)):
        assert (difference(flat(first), flat(second)) == 247).all()
        assert mse(flat(first), flat(second)) == 247**2


def test_a_pixel_differs_by_its_worst_channel() -> None:
    other = flat(100)
    other[2, 5] = (100, 151, 90)
    amount = difference(flat(100), other)
    assert amount[2, 5] == 51
    assert np.count_nonzero(amount) == 1


@pytest.mark.parametrize("apart", [1, 10, 255])
def test_the_psnr_of_a_constant_offset_is_that_of_its_closed_form(apart: int) -> None:
    assert psnr(flat(0), flat(apart)) == pytest.approx(20 * math.log10(255 / apart))


@pytest.mark.parametrize(("first", "second"), [(0, 255), (100, 130), (7, 8)])
def test_the_ssim_of_two_flat_pictures_is_that_of_their_means(first: int, second: int) -> None:
    c1 = (0.01 * 255) ** 2
    wanted = (2 * first * second + c1) / (first**2 + second**2 + c1)
    assert ssim(flat(first), flat(second)) == pytest.approx(wanted, abs=1e-9)


def test_the_ssim_of_a_picture_and_its_negative_is_negative() -> None:
    picture = noisy(1)
    assert ssim(picture, 255 - picture) < -0.5


def windows_of(plane: torch.Tensor) -> torch.Tensor:
    """The weighted mean of each whole window, by a convolution in two dimensions."""
    row = torch.exp(-0.5 * ((torch.arange(11, dtype=torch.float64) - 5) / 1.5) ** 2)
    kernel = torch.outer(row, row)
    return torch.nn.functional.conv2d(plane[None, None], (kernel / kernel.sum())[None, None])[0, 0]


@pytest.mark.parametrize("seed", range(3))
def test_the_ssim_agrees_with_a_second_implementation(seed: int) -> None:
    first = noisy(seed)
    second = np.clip(first.astype(int) + np.random.default_rng(seed + 9).normal(0, 30, first.shape), 0, 255)
    second = second.astype(np.uint8)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    x, y = (torch.from_numpy(picture.astype(np.float64)) @ weights for picture in (first, second))
    mean_x, mean_y = windows_of(x), windows_of(y)
    var_x, var_y = windows_of((x) ** 2) - mean_x**2, windows_of(y**2) - mean_y**2
    both = windows_of(x * y) - mean_x * mean_y
    c1, c2 = 2.55**2, 7.65**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * both + c2) / (var_x + var_y + c2)
    assert ssim(first, second) == pytest.approx(float((luminance * structure).mean()), abs=1e-10)


def test_a_picture_smaller_than_a_window_is_one_window() -> None:
    assert ssim(flat(5, (4, 4)), flat(5, (4, 4))) == pytest.approx(1.0)
    assert -1 <= ssim(noisy(0, (4, 7)), noisy(1, (4, 7))) < 1


def test_a_window_is_symmetric_and_weighs_one() -> None:
    weights = gaussian(11)
    assert weights.sum() == pytest.approx(1)
    assert weights == pytest.approx(weights[::-1])


def test_pictures_of_two_sizes_are_refused() -> None:
    for measure in (difference, mse, psnr, ssim):
        with pytest.raises(ValueError, match="cannot be compared"):
            measure(flat(0, (4, 4)), flat(0, (4, 5)))


# ---------------------------------------------------------------------------------------------------------- colours
def test_the_colours_grow_lighter_all_the_way_and_never_repeat() -> None:
    black = "#000000"
    lightness = [contrast(black, "#{:02x}{:02x}{:02x}".format(*row)) for row in heat_colours()]
    assert all(later > before for before, later in itertools.pairwise(lightness))
    assert len({tuple(row) for row in heat_colours()}) == len(heat_colours())


def test_no_difference_is_the_darkest_colour_and_all_of_it_the_lightest() -> None:
    amount = np.array([[0, 255]], dtype=np.uint8)
    assert (heat_map(amount, 1)[0] == heat_colours()[[0, 255]]).all()


@pytest.mark.parametrize("gain", GAINS)
def test_gain_enlarges_a_difference_and_stops_at_the_last_colour(gain: int) -> None:
    amount = np.array([[13, 128]], dtype=np.uint8)
    wanted = [min(value * gain, 255) for value in (13, 128)]
    assert (heat_map(amount, gain)[0] == heat_colours()[wanted]).all()


def test_a_coloured_difference_can_be_shown_as_it_is() -> None:
    picture = heat_map(np.zeros((3, 4), dtype=np.uint8), 1)
    assert picture.shape == (3, 4, 3)
    assert picture.flags.c_contiguous
    assert not picture.flags.writeable
