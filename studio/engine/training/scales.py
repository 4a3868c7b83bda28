"""The three sizes of each backbone. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.messages import Message

MAX_TOKENS_SIDE = 16
"""Patches of a transformer are chosen such that a picture has at most so many of them along each side."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A model size.

    Attributes:
        title: its display name.
        backbone: entries of the backbone's configuration.
        text: entries of the text encoder's configuration.
        codec: entries of the codec's configuration.
    """

    title: Message
    backbone: Mapping[str, Any]
    text: Mapping[str, Any] = field(default_factory=lambda: {"features": 192})
    codec: Mapping[str, Any] = field(default_factory=lambda: {"channels": 16, "widths": (32, 64, 128)})


SCALES: dict[str, dict[str, Scale]] = {
    "unet": {
        "small": Scale(title=message("Small"), backbone={"widths": (96, 160), "embedding": 256}),
        "medium": Scale(title=message("Medium"), backbone={"widths": (160, 256), "embedding": 384}),
        "large": Scale(title=message("Large"), backbone={"widths": (256, 384), "embedding": 512}),
    },
    "dit": {
        "small": Scale(title=message("Small"), backbone={"features": 192, "layers": 6, "heads": 4}),
        "medium": Scale(title=message("Medium"), backbone={"features": 256, "layers": 10, "heads": 4}),
        "large": Scale(title=message("Large"), backbone={"features": 384, "layers": 12, "heads": 6}),
    },
}
"""By kind of backbone, then by name, smallest first."""


def backbone_of(kind: str, scale: Scale, side: int) -> Mapping[str, Any]:
    """Return the entries of a backbone's configuration for inputs of ``side`` pixels or latent cells along each side.

    For every doubling beyond 16 a U-Net gets another level, half as wide, and a transformer patches twice as large.
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
