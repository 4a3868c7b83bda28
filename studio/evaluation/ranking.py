"""Ranks pictograms by their similarity to a picture, and names its background colour; without a network.

The background is the median colour of the picture's border. To recognise the pictogram, pixels close to the background
become white, the rest is cropped and resized to 20x20 RGB, and the pictograms are ranked by their L2 distance to it.
Needs numpy and Pillow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from studio.arrays import to_uint8
from studio.training.pictograms.drawing import compose_batch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SIDE = 20
NEAR = 30.0
"""The largest difference from the background colour, 0 to 255 in any channel, of a pixel that is background."""


class PictogramRanker:
    """Ranks the pictograms by their similarity to a picture."""

    def __init__(self, drawings: NDArray[np.uint8]) -> None:
        """Prepare the candidates ``drawings``, uint8 (N, size, size, 4), RGBA with premultiplied alpha."""
        count = len(drawings)
        white, still = np.full((count, 3), 255), np.zeros((count, 2), dtype=np.int64)
        pictures = to_uint8(compose_batch(drawings, white, still))
        marked = [_drawn(picture) for picture in pictures]
        self.candidates = np.stack(
            [features_of(picture, drawn) for picture, drawn in zip(pictures, marked, strict=True)]
        )  # (N, SIDE * SIDE * 3)
        self.aspects = np.asarray([aspect(drawn) for drawn in marked])  # (N,)

    def rank(self, picture: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Return the indices of the candidates, most similar first, for a picture (H, W, 3)."""
        return np.argsort(self.distances(features(picture)), kind="stable")

    def distances(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the root mean square distance, 0 to 1, of each candidate (N,) from a picture's `features`."""
        far: NDArray[np.float32] = np.sqrt(np.square(self.candidates - seen).mean(axis=1))
        return far


def border_color(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the median colour (3,) of the outermost pixels of a picture (H, W, 3)."""
    edges = [picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]]
    median: NDArray[np.float64] = np.median(np.concatenate(edges), axis=0)
    return median


def background(picture: NDArray[np.uint8], colors: Mapping[str, tuple[int, int, int]]) -> str:
    """Return the name of the colour nearest to the border's."""
    found = border_color(picture)
    return min(colors, key=lambda name: float(np.square(np.asarray(colors[name]) - found).sum()))


def features(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the feature vector of a picture, (SIDE * SIDE * 3,), 0 to 1; all ones if nothing is drawn."""
    return features_of(picture, _drawn(picture))


def features_of(picture: NDArray[np.uint8], drawn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the `features` of a masked part of a picture; ``drawn`` is the mask, (H, W)."""
    found = box(drawn)
    if found is None:
        return np.ones(SIDE * SIDE * 3, dtype=np.float32)
    cropped = np.where(drawn[found][..., None], picture[found], np.uint8(255))
    small = Image.fromarray(np.ascontiguousarray(cropped)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel() / np.float32(255)


def box(drawn: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the rows and columns of a mask's bounding box, ignoring single pixels; None if it is empty."""
    rows, columns = np.flatnonzero(drawn.sum(1) > 1), np.flatnonzero(drawn.sum(0) > 1)
    if rows.size == 0 or columns.size == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def aspect(drawn: NDArray[np.bool_]) -> float:
    """Return the logarithm of the aspect ratio (width over height) of a mask; 0 if it is empty."""
    found = box(drawn)
    if found is None:
        return 0.0
    rows, columns = found
    return math.log((columns.stop - columns.start) / (rows.stop - rows.start))


def _drawn(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    drawn: NDArray[np.bool_] = np.abs(picture.astype(np.float64) - border_color(picture)).max(axis=2) > NEAR
    return drawn
