"""A small substitute for a codec's decoder, for previews when the decoder itself is too slow.

All of its layers work at the resolution of the latents; a pixel shuffle at the end turns channels into pixels. It is
distilled from the decoder (see `studio.training.tasks.preview_task`), never trained on pictures, and only used for
previews.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.layers import Depth, Size  # noqa: TC001 - msgspec reads the annotations


@dataclass(frozen=True, kw_only=True)
class PreviewConfig:
    """Shape of a preview decoder."""

    channels: Size = 16  # of the latents
    downscale: Size = 8  # of the codec
    width: Size = 128  # channels of the hidden layers
    layers: Depth = 2  # between the first and the last


class PreviewDecoder(nn.Module):
    """A few 3x3 convolutions over latents, and a final 1x1 convolution that gives the pixels of each latent."""

    def __init__(self, config: PreviewConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(config.channels, config.width, 3, padding=1)
        self.middle = nn.ModuleList(
            nn.Conv2d(config.width, config.width, 3, padding=1) for _ in range(config.layers)
        )
        self.last = nn.Conv2d(config.width, 3 * config.downscale**2, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """Decode latents (B, channels, h, w) to pictures (B, 3, h * downscale, w * downscale), not clipped."""
        h = self.first(latents)
        for layer in self.middle:
            h = h + layer(F.silu(h))
        return F.pixel_shuffle(self.last(F.silu(h)), self.config.downscale)
