"""Codecs: autoencoders between pictures and latents.

A *codec* encodes pictures (B, 3, H, W) in [-1, 1] as latents (B, channels, H/downscale, W/downscale) of about unit
variance, and decodes them. Pixel models use the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta
from torch import Tensor, nn

from studio.backbones.layers import MAX_LEVELS, ResidualBlock, Size


@dataclass(frozen=True)
class IdentityConfig:
    """The identity has no parameters."""


class Identity(nn.Module):
    """The codec of pixel models: the latents are the pictures."""

    downscale = 1
    channels = 3

    def __init__(self, config: IdentityConfig | None = None) -> None:
        """Accept the empty configuration, as every codec is built from one."""
        super().__init__()

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures

    def decode(self, latents: Tensor) -> Tensor:
        return latents


@dataclass(frozen=True)
class CodecConfig:
    """Shape of a convolutional autoencoder."""

    channels: Size = 16  # of the latents
    # Channels of each level, finest first; the first has half the resolution.
    widths: Annotated[tuple[Size, ...], Meta(max_length=MAX_LEVELS)] = (32, 64, 128)


class Codec(nn.Module):
    """A small convolutional autoencoder.

    The latents go through a batch normalisation without affine parameters, so that each channel has mean 0 and variance
    1 over the training data by construction. Noise added to them during training then has a fixed relative size, which
    keeps the latent space smooth and makes decoding robust to a sampler's small errors. After training the running
    statistics are used, so encoding is a fixed function.

    Source:
        The role follows Rombach et al. 2022, section 3.1, arXiv:2112.10752.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.channels = config.channels
        self.downscale = 2 ** len(config.widths)
        finest, *_, coarsest = config.widths
        down: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, finest, 3, padding=1)]
        for before, after in zip(config.widths, config.widths[1:], strict=False):
            down += [nn.Conv2d(before, after, 4, stride=2, padding=1), ResidualBlock(after, after, 0)]
        down += [nn.GroupNorm(16, coarsest), nn.SiLU(), nn.Conv2d(coarsest, config.channels, 3, padding=1)]
        self.encoder = nn.Sequential(*down)
        self.norm = nn.BatchNorm2d(config.channels, affine=False, momentum=0.02)
        up: list[nn.Module] = [
            nn.Conv2d(config.channels, coarsest, 3, padding=1),
            ResidualBlock(coarsest, coarsest, 0),
        ]
        for before, after in zip(config.widths[::-1], config.widths[-2::-1], strict=False):
            up += [
                ResidualBlock(before, before, 0),
                nn.Conv2d(before, 4 * after, 3, padding=1),
                nn.PixelShuffle(2),
            ]
        up += [ResidualBlock(finest, finest, 0), nn.GroupNorm(16, finest), nn.SiLU()]
        up += [nn.Conv2d(finest, 12, 3, padding=1), nn.PixelShuffle(2)]
        self.decoder = nn.Sequential(*up)

    def encode(self, pictures: Tensor) -> Tensor:
        """Encode pictures (B, 3, H, W) in [-1, 1] as latents (B, channels, H/downscale, W/downscale)."""
        latents: Tensor = self.norm(self.encoder(pictures))
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents to pictures (B, 3, H, W), nominally in [-1, 1]; values outside are not clipped."""
        pictures: Tensor = self.decoder(latents)
        return pictures


def picture_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Return the reconstruction loss: L1 + MSE + L1 of the image gradients.

    The gradient term keeps edges sharp: a blurred edge has a small L1 error, but a large one in its gradient.

    Args:
        decoded: (B, 3, H, W).
        pictures: (B, 3, H, W) in [-1, 1].

    Returns:
        A scalar.
    """
    error = decoded - pictures
    rows, columns = error.diff(dim=2).abs().mean(), error.diff(dim=3).abs().mean()
    return error.abs().mean() + error.square().mean() + rows + columns
