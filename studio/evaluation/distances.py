"""Distances of pictures to each other and to the training pictures.

The distance of two pictures is the root mean square of their difference: 0 for equal ones, 1 for black and white.
Diversity compares pixels. Memorization compares `studio.evaluation.ranking.features`, so that neither a shift nor
another background hides a copy. Needs numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from studio.evaluation.ranking import SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

COPIED = 0.5
"""A picture is a copy if it is nearer to one training picture than this part of the distance to the next nearest.

Yoon et al. 2023, "Diffusion Probabilistic Models Generalize When They Fail to Memorize", use a third; a soft copy of a
pictogram is distinguished from other pictograms at a half.
"""


@dataclass(frozen=True, kw_only=True)
class Memorization:
    """The distances of samples to the training pictures.

    Original samples are as far from the training pictures as these are from each other, are no copies, and have as much
    detail. Copies are close; an average of several training pictures is no copy, but lacks their detail.

    Attributes:
        sample: median distance of a sample to the nearest training picture.
        training: median distance of a training picture to its own nearest neighbour.
        copied: share of the samples that are copies, see `COPIED`.
        detail: detail of the samples relative to that of the training pictures.
    """

    sample: float
    training: float
    copied: float
    detail: float


def diversity(pictures: NDArray[np.uint8]) -> float:
    """Return the mean distance of all pairs among N >= 2 pictures of one prompt, (N, H, W, 3), 0 to 1.

    For N copies of one picture it is 0; for independent noise of standard deviation s it tends to s sqrt(2).
    """
    flat = pictures.reshape(len(pictures), -1).astype(np.float64) / 255
    squares = np.square(flat).sum(axis=1)
    far = squares[:, None] + squares[None, :] - 2 * flat @ flat.T
    above = np.triu_indices(len(flat), k=1)
    return float(np.sqrt(far[above].clip(min=0) / flat.shape[1]).mean())


def measure_memorization(samples: NDArray[np.float32], training: NDArray[np.float32]) -> Memorization:
    """Compare the features of samples (N, D) with those of the training pictures (M, D), M >= 2."""
    far = _distances(samples, training)
    ordered = np.sort(far, axis=1)
    nearest, next_nearest = ordered[:, 0], ordered[:, 1]
    among = _distances(training, training)
    np.fill_diagonal(among, np.inf)
    return Memorization(
        sample=float(np.median(nearest)),
        training=float(np.median(among.min(axis=1))),
        copied=float((nearest < COPIED * next_nearest).mean()),
        detail=float(detail(samples).mean() / detail(training).mean()),
    )


def detail(seen: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the root mean square contrast of neighbouring pixels (N,) in features (N, D)."""
    pictures = seen.reshape(len(seen), SIDE, SIDE, -1).astype(np.float64)
    steps = [np.square(np.diff(pictures, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2)]
    contrast: NDArray[np.float64] = np.sqrt(sum(steps) / 2)
    return contrast


def _distances(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the distances of all pairs, (N, M)."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    far = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * a @ b.T
    roots: NDArray[np.float64] = np.sqrt(far.clip(min=0) / a.shape[1])
    return roots
