"""Picture sizes of models that make more than those they were trained at. Imports no Qt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from studio.families.interface import makes_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio.families.interface import ModelInfo, Size

_RATIOS: Final = ((1, 1), (4, 3), (3, 2), (16, 9), (2, 1), (21, 9))
"""The aspect ratios that pictures and screens usually have."""


def aspect_ratio(size: Size) -> str:
    """Return the usual aspect ratio that is nearest to that of ``size``, such as "3:2" or "2:3"."""
    width, height = size
    shape = _shape(size)
    long, short = min(_RATIOS, key=lambda ratio: abs(math.log(ratio[0] / ratio[1]) - abs(shape)))
    return f"{long}:{short}" if width >= height else f"{short}:{long}"


def nearest_in_shape(size: Size, sizes: Iterable[Size]) -> Size:
    """Return the one of ``sizes`` whose aspect ratio is nearest to that of ``size``; of several, the first."""
    return min(sizes, key=lambda other: abs(_shape(other) - _shape(size)))


def fitting_size(size: Size, card: ModelInfo) -> Size:
    """Return ``size`` if the model makes it, else the nearest that it makes, or its default size if none is near."""
    rule = card.size_rule
    if makes_size(card, *size):
        return size
    if rule is not None and all(rule.minimum <= side <= rule.maximum for side in size):
        return rule.nearest(size[0]), rule.nearest(size[1])
    return card.sizes[0]


def size_for_model(size: Size, old: ModelInfo | None, new: ModelInfo) -> Size:
    """Return the size to use after another model was chosen.

    A size that the old model was trained at becomes one of the new model's, of about the same shape: pictures that are
    much larger than those a model was trained on repeat things.
    """
    if new.size_rule is not None and old is not None and size in old.sizes and size not in new.sizes:
        return nearest_in_shape(size, new.sizes)
    return fitting_size(size, new)


def _shape(size: Size) -> float:
    """Return the logarithm of the aspect ratio, so that 3:2 and 2:3 are as far from a square."""
    return math.log(size[0] / size[1])
