"""How far two pictures are apart: per pixel, as PSNR and as SSIM. numpy only; pictures are uint8 (H, W, 3).

How far each run is from the finished picture of one of them, at every step, and how near it came. numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    from collections.abc import Sequence

    from studio.engine.events import StepDone


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


MOST_POINTS = 200
"""Of one curve; a run of more steps has them evenly chosen."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One step on a curve.

    Attributes:
        calls: the model calls spent so far.
        distance: the root of the mean squared difference to the reference, in the model's own units.
        level: the noise level reached.
    """

    calls: int
    distance: float
    level: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """How near a finished picture comes to the reference.

    Attributes:
        psnr: decibels, infinite where the pictures are identical; None where their sizes differ.
        ssim: at most 1, likewise.
    """

    psnr: float | None
    ssim: float | None


class Curves:
    """Distances to one reference; each step's is reckoned once."""

    def __init__(self) -> None:
        """Begin without a reference."""
        self._reference: NDArray[np.float32] | None = None
        self._known: dict[StepDone, float] = {}

    def of(self, steps: Sequence[StepDone], reference: NDArray[np.float32]) -> tuple[Point, ...]:
        """Return how far x0_hat is from the reference at each step; one of another shape has no place on a curve."""
        if reference is not self._reference:
            self._reference = reference
            self._known.clear()
        stride = max(math.ceil(len(steps) / MOST_POINTS), 1)
        chosen = [done for place, done in enumerate(steps) if place % stride == 0 or done is steps[-1]]
        return tuple(
            Point(calls=done.model_calls, distance=self._distance(done, done.x0_hat), level=done.sigma)
            for done in chosen
            if done.x0_hat is not None and done.x0_hat.shape == reference.shape
        )

    def _distance(self, done: StepDone, x0_hat: NDArray[np.float32]) -> float:
        if done not in self._known:
            assert self._reference is not None, "set by the only caller"
            apart = x0_hat.astype(np.float64) - self._reference
            self._known[done] = math.sqrt(float(np.mean(apart * apart)))
        return self._known[done]


def score(pixels: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Score:
    """Return how near a finished picture comes to the reference. Large ones take a while."""
    if pixels.size == 0 or pixels.shape != reference.shape:
        return Score(psnr=None, ssim=None)
    return Score(psnr=psnr(pixels, reference), ssim=ssim(pixels, reference))
