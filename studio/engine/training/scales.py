"""The three sizes of each backbone. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TOKENS_SIDE = 16
"""A transformer's patches are chosen such that a picture is at most so many of them high and wide."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large a model is.

    Attributes:
        title: for people.
        backbone: entries of the backbone's configuration.
        text: likewise of the text encoder's.
        codec: likewise of the codec's.
    """

    title: str
    backbone: Mapping[str, Any]
    text: Mapping[str, Any] = field(default_factory=lambda: {"features": 192})
    codec: Mapping[str, Any] = field(default_factory=lambda: {"channels": 16, "widths": (32, 64, 128)})


SCALES: dict[str, dict[str, Scale]] = {
    "unet": {
        "small": Scale(title="Small", backbone={"widths": (96, 160), "embedding": 256}),
        "medium": Scale(title="Medium", backbone={"widths": (160, 256), "embedding": 384}),
        "large": Scale(title="Large", backbone={"widths": (256, 384), "embedding": 512}),
    },
    "dit": {
        "small": Scale(title="Small", backbone={"features": 192, "layers": 6, "heads": 4}),
        "medium": Scale(title="Medium", backbone={"features": 256, "layers": 10, "heads": 4}),
        "large": Scale(title="Large", backbone={"features": 384, "layers": 12, "heads": 6}),
    },
}
"""By kind of backbone, then by name, smallest first."""


def backbone_of(kind: str, scale: Scale, side: int) -> Mapping[str, Any]:
    """Return the entries of a backbone's configuration that sees squares of ``side`` pixels or cells.

    A U-Net gets a level more, half as wide, for every doubling beyond 16; a transformer larger patches.
    """
    entries = dict(scale.backbone)
    if kind == "dit":
        patch = 1
        while side // patch > MAX_TOKENS_SIDE:
            patch *= 2
        return MappingProxyType({"patch": patch, **entries})
    widths = tuple(entries.pop("widths"))
    while side > MAX_TOKENS_SIDE:
        side //= 2
        widths = (max(32, widths[0] // 2 // 16 * 16), *widths)
    attention = (False,) * len(widths)  # the middle still attends, to itself and to the text
    return MappingProxyType({"widths": widths, "attention": attention, "blocks": 1, **entries})
