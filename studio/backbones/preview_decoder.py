"""A small stand-in for a codec's decoder: what previews are made with where the decoder itself is too dear.

All of its layers work at the size of the latents; one rearrangement at the end turns channels into pixels. It learns
from the decoder (see `studio.training.tasks.preview_task`), never from pictures, and its pictures are for looking at
only.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class PreviewConfig:
    """Shape of a preview decoder."""

    channels: int = 16  # of the latents
    downscale: int = 8  # of the codec
    width: int = 128
    layers: int = 2  # between the first and the last


class PreviewDecoder(nn.Module):
    """A few 3x3 convolutions over latents, and a last one, 1x1, that gives each latent's block of pixels."""

    def __init__(self, config: PreviewConfig) -> None:
        """Build the decoder of a configuration."""
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(config.channels, config.width, 3, padding=1)
        self.middle = nn.ModuleList(
            nn.Conv2d(config.width, config.width, 3, padding=1) for _ in range(config.layers)
        )
        self.last = nn.Conv2d(config.width, 3 * config.downscale**2, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (B, channels, h, w) to pictures (B, 3, h * downscale, w * downscale), not clipped."""
        h = self.first(latents)
        for layer in self.middle:
            h = h + layer(F.silu(h))
        return F.pixel_shuffle(self.last(F.silu(h)), self.config.downscale)
