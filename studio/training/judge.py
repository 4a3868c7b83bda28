"""Which pictogram does a picture show, and on what background? Measured without a network, by looking.

A picture's background is the median colour of its border. To name the drawing, whatever is close to the background
becomes white, what remains is cropped and resized to 20x20 RGB, and the pictograms are ranked by their L2 distance to
it. numpy and Pillow only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from studio.training.pictograms import compose_batch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SIDE = 20
NEAR = 30.0  # of 255, in the channel that differs most: closer to the background than this is background


class Judge:
    """Ranks the pictograms that a picture may show."""

    def __init__(self, drawings: NDArray[np.uint8]) -> None:
        """Take the candidates, (N, size, size, 4) premultiplied."""
        count = len(drawings)
        white, still = np.full((count, 3), 255), np.zeros((count, 2), dtype=np.int64)
        pictures = to_bytes(compose_batch(drawings, white, still))
        self.candidates = np.stack([features(picture) for picture in pictures])  # (N, SIDE * SIDE * 3)

    def rank(self, picture: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Return the candidates' indices, likeliest first, for a picture (H, W, 3)."""
        return np.argsort(((self.candidates - features(picture)) ** 2).sum(axis=1), kind="stable")


def to_bytes(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn (B, 3, H, W) in [-1, 1] into (B, H, W, 3), 0 to 255; what lies outside is clipped."""
    scaled = np.rint((pictures.clip(-1, 1) + 1) * np.float32(127.5))
    return np.ascontiguousarray(scaled.astype(np.uint8).transpose(0, 2, 3, 1))


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
    """Return what is compared: (SIDE * SIDE * 3,), 0 to 1; all white where nothing is drawn."""
    drawn = np.abs(picture.astype(np.float64) - border_color(picture)).max(axis=2) > NEAR
    flat = np.where(drawn[..., None], picture, np.uint8(255))
    rows, columns = np.flatnonzero(drawn.sum(1) > 1), np.flatnonzero(drawn.sum(0) > 1)
    if rows.size == 0 or columns.size == 0:
        return np.ones(SIDE * SIDE * 3, dtype=np.float32)
    cropped = flat[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = Image.fromarray(np.ascontiguousarray(cropped)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel() / np.float32(255)
