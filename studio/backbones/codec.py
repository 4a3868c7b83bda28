"""Between pictures and what the sampler sees.

A *codec* maps pictures (B, 3, H, W) in [-1, 1] to latents (B, channels, H/downscale, W/downscale) of about unit
variance, and back. Pixel models use the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from studio.backbones.layers import ResidualBlock


@dataclass(frozen=True)
class IdentityConfig:
    """A pixel model has nothing to choose here."""


class Identity(nn.Module):
    """The codec of pixel models: latents are the picture."""

    downscale = 1
    channels = 3

    def __init__(self, config: IdentityConfig | None = None) -> None:
        """Take the empty configuration."""
        super().__init__()

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the pictures."""
        return pictures

    def decode(self, latents: Tensor) -> Tensor:
        """Return the latents."""
        return latents


@dataclass(frozen=True)
class CodecConfig:
    """Shape of a convolutional autoencoder."""

    channels: int = 16  # of the latents
    widths: tuple[int, ...] = (32, 64, 128)  # of the levels, finest first; the first sits at half size


class Codec(nn.Module):
    """A small convolutional autoencoder.

    The latents pass a batch normalisation without scale, so that each channel has mean 0 and variance 1 over the
    training data by construction; noise that training adds to them then has a fixed cost, which keeps the code smooth
    and forgives a sampler's small errors. The mean of the training data's normalisation is kept, so encoding is a fixed
    function afterwards.

    Source:
        The role follows Rombach et al. 2022, section 3.1, arXiv:2112.10752.
    """

    def __init__(self, config: CodecConfig) -> None:
        """Build the autoencoder of a configuration."""
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
        """Map pictures (B, 3, H, W) in [-1, 1] to latents (B, channels, H/downscale, W/downscale)."""
        latents: Tensor = self.norm(self.encoder(pictures))
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents back to pictures (B, 3, H, W), nominally in [-1, 1]; what lies outside is not clipped here."""
        pictures: Tensor = self.decoder(latents)
        return pictures


def picture_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Measure how far decoded pictures are from the true ones: L1 + MSE + L1 of the gradients.

    The gradient term is what keeps edges sharp: a blurred edge has little L1 error but a large one in its differences.

    Args:
        decoded: (B, 3, H, W).
        pictures: (B, 3, H, W) in [-1, 1].

    Returns:
        A scalar.
    """
    error = decoded - pictures
    rows, columns = error.diff(dim=2).abs().mean(), error.diff(dim=3).abs().mean()
    return error.abs().mean() + error.square().mean() + rows + columns
