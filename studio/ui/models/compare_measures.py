"""How far two pictures are apart: per pixel, as PSNR and as SSIM. numpy only; pictures are uint8 (H, W, 3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PEAK = 255.0
_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
_LUMA = np.array([0.299, 0.587, 0.114])


def difference(first: Pixels, second: Pixels) -> Pixels:
    """Return how far each pixel of one picture is from the other's, uint8 (H, W): the largest of its three channels.

    Raises:
        ValueError: the pictures differ in size.
    """
    _check(first, second)
    # The one subtraction that cannot wrap around: where bytes are unsigned, the smaller is taken from the larger.
    apart = np.maximum(first, second) - np.minimum(first, second)
    return np.asarray(np.maximum(np.maximum(apart[:, :, 0], apart[:, :, 1]), apart[:, :, 2]))


def mse(first: Pixels, second: Pixels) -> float:
    """Return the mean squared error over all pixels and channels, on the scale of bytes.

    Raises:
        ValueError: the pictures differ in size.
    """
    _check(first, second)
    apart = first.astype(np.float64) - second
    return float(np.mean(apart * apart))


def psnr(first: Pixels, second: Pixels) -> float:
    """Return the peak signal-to-noise ratio in decibels; infinite where the pictures are identical."""
    error = mse(first, second)
    return math.inf if error == 0.0 else 10.0 * math.log10(PEAK * PEAK / error)


def ssim(first: Pixels, second: Pixels) -> float:
    """Return the mean structural similarity of the pictures' luma, at most 1 (identical).

    Windows are Gaussian, 11 by 11 with a deviation of 1.5, and only whole ones count; a picture smaller than a window
    has one window, the whole of it.

    Source: Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural
    similarity", equation 13.
    """
    _check(first, second)
    x, y = first @ _LUMA, second @ _LUMA
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x * mean_x
    var_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * PEAK) ** 2, (_K2 * PEAK) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    scale = (mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2)
    return float(np.mean(likeness / scale))


def gaussian(size: int) -> NDArray[np.float64]:
    """Return the weights of a window's row, which sum to one."""
    away = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (away / _SIGMA) ** 2)
    return np.asarray(weights / weights.sum())


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean of every whole window: the Gaussian is applied to columns and rows in turn."""
    for axis in (0, 1):
        size = min(_WINDOW, plane.shape[axis])
        windows = np.lib.stride_tricks.sliding_window_view(plane, size, axis=axis)
        plane = windows @ gaussian(size)
    return plane


def _check(first: Pixels, second: Pixels) -> None:
    if first.shape != second.shape:
        raise ValueError(f"pictures of {first.shape} and {second.shape} cannot be compared")
