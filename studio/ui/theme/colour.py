"""Mixing of colours in OKLab, and the contrast ratio of WCAG 2.2. Colours are "#rrggbb" strings.

OKLab (Björn Ottosson, 2020) is nearly perceptually uniform: equal steps of a ramp look equal, and its middle does
not turn grey. https://bottosson.github.io/posts/oklab/
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Triple = tuple[float, float, float]

_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_FROM_LAB = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_FROM_LMS = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


@lru_cache(maxsize=4096)  # the curves, ticks and frames of a run are painted again at every step
def mix(first: str, second: str, amount: float) -> str:
    """Return the colour ``amount`` (0 to 1) of the way from ``first`` to ``second``, in OKLab."""
    a, b = _oklab(first), _oklab(second)
    return _from_oklab(
        (_between(a[0], b[0], amount), _between(a[1], b[1], amount), _between(a[2], b[2], amount))
    )


def ramp(stops: Sequence[str], position: float) -> str:
    """Return the colour at ``position`` (clamped to 0..1) of a ramp with evenly spaced ``stops``."""
    if not position > 0.0:  # NaN too
        return stops[0]
    if position >= 1.0:
        return stops[-1]
    place = position * (len(stops) - 1)
    left = int(place)
    return mix(stops[left], stops[left + 1], place - left)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _between(a: float, b: float, amount: float) -> float:
    return a + (b - a) * amount


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(colour: str) -> Triple:
    red, green, blue = (_decoded(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return red, green, blue


def _decoded(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _encoded(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    curved = 12.92 * value if value <= 0.0031308 else 1.055 * float(value ** (1 / 2.4)) - 0.055
    return round(255 * curved)


def _times(matrix: tuple[Triple, Triple, Triple], vector: Triple) -> Triple:
    x, y, z = (row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2] for row in matrix)
    return x, y, z


def _oklab(colour: str) -> Triple:
    long, medium, short = (value ** (1 / 3) for value in _times(_TO_LMS, _linear(colour)))
    return _times(_TO_LAB, (long, medium, short))


def _from_oklab(lab: Triple) -> str:
    long, medium, short = (value**3 for value in _times(_FROM_LAB, lab))
    red, green, blue = (_encoded(value) for value in _times(_FROM_LMS, (long, medium, short)))
    return f"#{red:02x}{green:02x}{blue:02x}"
