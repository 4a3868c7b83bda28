"""Measures of the difference between two pictures. Needs numpy only; pictures are uint8 (H, W, 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PEAK = 255.0
_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, kw_only=True)
class Score:
    """The similarity of a picture to a reference.

    Attributes:
        psnr: in decibels, infinite for identical pictures; None if their sizes differ.
        ssim: at most 1; None if their sizes differ.
    """

    psnr: float | None
    ssim: float | None


def score(pixels: Pixels, reference: Pixels) -> Score:
    """Return PSNR and SSIM of a picture. Takes a while for large pictures."""
    if pixels.size == 0 or pixels.shape != reference.shape:
        return Score(psnr=None, ssim=None)
    return Score(psnr=psnr(pixels, reference), ssim=ssim(pixels, reference))


def difference(first: Pixels, second: Pixels) -> Pixels:
    """Return the absolute difference of each pixel, uint8 (H, W): the largest of its three channels.

    Raises:
        ValueError: the sizes differ.
    """
    _check_sizes(first, second)
    # Unsigned bytes wrap around, so the smaller value is subtracted from the larger.
    apart = np.maximum(first, second) - np.minimum(first, second)
    return np.asarray(np.maximum(np.maximum(apart[:, :, 0], apart[:, :, 1]), apart[:, :, 2]))


def mse(first: Pixels, second: Pixels) -> float:
    """Return the mean squared error over all pixels and channels, on the scale 0 to 255.

    Raises:
        ValueError: the sizes differ.
    """
    _check_sizes(first, second)
    apart = first.astype(np.float64) - second
    return float(np.mean(apart * apart))


def psnr(first: Pixels, second: Pixels) -> float:
    """Return the peak signal-to-noise ratio in decibels; infinite for identical pictures.

    Raises:
        ValueError: the sizes differ.
    """
    error = mse(first, second)
    return math.inf if error == 0.0 else 10.0 * math.log10(PEAK * PEAK / error)


def ssim(first: Pixels, second: Pixels) -> float:
    """Return the mean structural similarity of the luma, at most 1 (identical).

    The windows are Gaussian, 11 by 11 pixels with a standard deviation of 1.5. Only whole windows count; a picture
    smaller than a window is one window.

    Raises:
        ValueError: the sizes differ.

    Source: Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural
    similarity", equation 13.
    """
    _check_sizes(first, second)
    x, y = first @ _LUMA, second @ _LUMA
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x * mean_x
    var_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * PEAK) ** 2, (_K2 * PEAK) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    scale = (mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2)
    return float(np.mean(similarity / scale))


def gaussian(size: int) -> NDArray[np.float64]:
    """Return the weights of one row of a window, (size,); they sum to one."""
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    return np.asarray(weights / weights.sum())


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean of every whole window; the Gaussian is separable."""
    for axis in (0, 1):
        size = min(_WINDOW, plane.shape[axis])
        windows = np.lib.stride_tricks.sliding_window_view(plane, size, axis=axis)
        plane = windows @ gaussian(size)
    return plane


def _check_sizes(first: Pixels, second: Pixels) -> None:
    if first.shape != second.shape:
        raise ValueError(f"pictures of {first.shape} and {second.shape} cannot be compared")
