"""Detects the objects of a picture: their number, positions, sizes and pictograms; without a network.

What differs from the background is one object or several, and gaps do not tell which: some drawings fall into parts,
and two soft objects may touch. So both are tried. A region is cut where it is emptiest, along and across. It counts as
two objects if its halves match pictograms better than the whole does, by their pixels and by their aspect ratio, and
each half is examined in the same way. Needs numpy and Pillow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageFilter

from studio.evaluation.ranking import NEAR, aspect, border_color, box, features_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from studio.evaluation.ranking import PictogramRanker

    Halves = tuple[NDArray[np.bool_], NDArray[np.bool_]]

Place = Literal["left", "centre", "right"]
Size = Literal["small", "plain", "large"]

SMALLER, LARGER = 0.62, 0.92
"""Longer sides that separate small from plain and plain from large: between 28, 54 and 64 of 64 pixels, as measured."""
CENTRE = (0.42, 0.58)
"""An object is in the centre if its middle is between these fractions of the width."""
BLUR = 64
"""Pixels of a picture's side for each pixel of the blur that removes noise before the background is found."""
BRIDGE = 0.2
"""Maximum of the drawn pixels along a cut, as a part of those along the fullest line beside it."""
LEAST = 0.01
"""Part of the picture below which a region is noise, not an object."""
STRETCH = 0.15
"""Penalty for an aspect ratio that differs by a factor of e, in units of the distance."""
MOST = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectedObject:
    """One object in a picture.

    Attributes:
        ranked: indices of the candidates, likeliest first.
        misfit: distance of the best candidate, including the penalty for its aspect ratio.
        left: its left edge, as a part of the picture's width.
        right: its right edge, as a part of the width.
        top: its upper edge, as a part of the height.
        bottom: its lower edge, as a part of the height.
    """

    ranked: NDArray[np.intp]
    misfit: float
    left: float
    right: float
    top: float
    bottom: float

    @property
    def size(self) -> float:
        """The longer side, as a part of the picture's side."""
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def place(self) -> Place:
        """Horizontal position of its middle."""
        middle = (self.left + self.right) / 2
        return "left" if middle < CENTRE[0] else "right" if middle > CENTRE[1] else "centre"


def named_size(seen: DetectedObject) -> Size:
    """Return the name of an object's size."""
    return "small" if seen.size < SMALLER else "large" if seen.size > LARGER else "plain"


def objects_in(picture: NDArray[np.uint8], ranker: PictogramRanker) -> tuple[DetectedObject, ...]:
    """Return the objects of a picture (H, W, 3) on a plain background, from left to right; at most four."""
    found = _split(picture, foreground_mask(picture), ranker, MOST)
    return tuple(sorted(found, key=lambda seen: seen.left + seen.right))


def foreground_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask (H, W) of what is not background, without single noisy pixels."""
    radius = max(1, round(max(picture.shape[:2]) / BLUR))
    smooth = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).filter(ImageFilter.BoxBlur(radius)))
    drawn: NDArray[np.bool_] = np.abs(smooth - border_color(picture)).max(axis=2) > NEAR
    return drawn


def _split(
    picture: NDArray[np.uint8], drawn: NDArray[np.bool_], ranker: PictogramRanker, most: int
) -> tuple[DetectedObject, ...]:
    """Return a region as one object, or as the objects of its halves."""
    whole = _detect(picture, drawn, ranker)
    if whole is None or most == 1:
        return () if whole is None else (whole,)
    misfit, halves = min(
        ((_misfit(picture, halves, ranker), halves) for halves in _cuts(drawn)),
        key=lambda cut: cut[0],
        default=(math.inf, None),
    )
    if halves is None or misfit >= whole.misfit:
        return (whole,)
    first = _split(picture, halves[0], ranker, most - 1)
    return first + _split(picture, halves[1], ranker, most - len(first))


def _misfit(picture: NDArray[np.uint8], halves: Halves, ranker: PictogramRanker) -> float:
    """Return the mean misfit of two halves; infinite if one of them is noise."""
    seen = [_detect(picture, half, ranker) for half in halves]
    return sum(math.inf if one is None else one.misfit for one in seen) / 2


def _detect(
    picture: NDArray[np.uint8], drawn: NDArray[np.bool_], ranker: PictogramRanker
) -> DetectedObject | None:
    """Return a region as one object; None if it is noise."""
    found = box(drawn)
    if found is None or drawn.mean() < LEAST:
        return None
    height, width = drawn.shape
    far = ranker.distances(features_of(picture, drawn))
    stretched = np.abs(ranker.aspects - aspect(drawn))
    rows, columns = found
    return DetectedObject(
        ranked=np.argsort(far, kind="stable"),
        misfit=float((far + STRETCH * stretched).min()),
        left=columns.start / width,
        right=columns.stop / width,
        top=rows.start / height,
        bottom=rows.stop / height,
    )


def _cuts(drawn: NDArray[np.bool_]) -> Iterator[Halves]:
    """Yield a region in halves: cut at its emptiest column, and at its emptiest row."""
    for axis in (1, 0):
        profile = drawn.sum(axis=1 - axis)
        lines = np.flatnonzero(profile)
        if lines.size < 4:
            continue
        inner = np.arange(lines[0] + 1, lines[-1])
        before, after = np.maximum.accumulate(profile), np.maximum.accumulate(profile[::-1])[::-1]
        filled = profile[inner] / np.minimum(before[inner], after[inner])
        if filled.min() > BRIDGE:
            continue
        emptiest = inner[filled == filled.min()]
        # In the middle of the widest gap, if there are several.
        runs = np.split(emptiest, np.flatnonzero(np.diff(emptiest) > 1) + 1)
        gap = max(runs, key=len)
        cut = int(gap[len(gap) // 2])
        near = np.arange(drawn.shape[axis]) < cut
        half = near[None, :] if axis == 1 else near[:, None]
        yield drawn & half, drawn & ~half
