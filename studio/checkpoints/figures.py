"""The most telling figures of a card's evaluation. A card may come from a stranger: what is no share is passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PATHS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("top-1", ("top1",)),
    ("top-5", ("top5",)),
    ("Korean top-1", ("languages", "ko", "top1")),
    ("background", ("background",)),
    ("count", ("compositions", "count")),
    ("position", ("compositions", "position")),
    ("size", ("compositions", "size")),
)


def telling(evaluation: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the most telling shares, 0 to 1, each with its name; none where there are none."""
    found = [(name, _at(evaluation, path)) for name, path in _PATHS]
    return [(name, value) for name, value in found if value is not None]


def _at(value: object, path: Sequence[str]) -> float | None:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)
