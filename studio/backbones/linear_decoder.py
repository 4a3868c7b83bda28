"""The cheapest decoder: a linear map, fitted to a codec in closed form.

A latent and its eight neighbours, 9 channels + 1 numbers with the bias, give the downscale x downscale pixels of that
latent. The map is the least-squares fit over simple synthetic pictures (flat and graded backgrounds, discs, boxes) that
the codec encodes and decodes. So it needs no data and no training, and is deterministic. A codec that is itself such a
map is recovered exactly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from studio.backbones.codec import Codec

PICTURES, CELLS = 32, 8
SHAPES = 6
RIDGE = 1e-6
"""Ridge regularisation, relative to the mean power of the inputs: only keeps the equations solvable."""


class LinearDecoder(nn.Module):
    """A 3x3 convolution whose output channels are the pixels of one latent."""

    def __init__(self, weight: Tensor, bias: Tensor, downscale: int) -> None:
        """Create it with weight (3 * downscale^2, channels, 3, 3) and bias (3 * downscale^2,)."""
        super().__init__()
        self.weight, self.bias = (nn.Parameter(part, requires_grad=False) for part in (weight, bias))
        self.downscale = downscale

    def forward(self, latents: Tensor) -> Tensor:
        """Decode latents (B, channels, h, w) to pictures (B, 3, h * downscale, w * downscale), not clipped."""
        return F.pixel_shuffle(F.conv2d(latents, self.weight, self.bias, padding=1), self.downscale)


@torch.no_grad()
def fit_linear_decoder(codec: Codec) -> LinearDecoder:
    """Return the linear map closest to a codec's decoder over synthetic pictures."""
    device = next(codec.parameters()).device
    pictures = draw_synthetic_pictures(PICTURES, CELLS * codec.downscale).to(device)
    latents = codec.encode(pictures)
    # On the CPU, where float64 is always available.
    given, wanted = latents.cpu().double(), codec.decode(latents).cpu().double()
    cells = F.unfold(given, 3, padding=1).transpose(1, 2).flatten(0, 1)
    cells = torch.cat([cells, torch.ones_like(cells[:, :1])], dim=1)
    blocks = F.pixel_unshuffle(wanted, codec.downscale).flatten(2).transpose(1, 2).flatten(0, 1)
    power = cells.T @ cells
    power += RIDGE * power.diagonal().mean() * torch.eye(len(power), dtype=power.dtype)
    solved = torch.linalg.solve(power, cells.T @ blocks).float().to(device)
    weight = solved[:-1].T.reshape(-1, codec.channels, 3, 3).contiguous()
    return LinearDecoder(weight, solved[-1], codec.downscale)


def draw_synthetic_pictures(count: int, side: int) -> Tensor:
    """Draw flat and graded backgrounds with discs and boxes of other colours, from a fixed seed.

    Returns:
        (count, 3, side, side) in [-1, 1].
    """
    generator = torch.Generator().manual_seed(0)

    def draw(lowest: float, highest: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(count, channels, 1, 1, generator=generator)
        return lowest + (highest - lowest) * drawn

    rows, columns = torch.meshgrid(*2 * [torch.linspace(-1, 1, side)], indexing="ij")
    angle = draw(0.0, 2.0 * math.pi)
    slope = columns * angle.cos() + rows * angle.sin()
    pictures = draw(-1.0, 1.0, 3) + torch.where(draw(0.0, 1.0) < 0.5, slope * draw(-1.0, 1.0, 3), 0.0)
    for _ in range(SHAPES):
        across, down = columns - draw(-0.8, 0.8), rows - draw(-0.8, 0.8)
        width, height = draw(0.08, 0.7), draw(0.08, 0.7)
        disc = (across / width).square() + (down / height).square() < 1
        box = (across.abs() < width) & (down.abs() < height)
        pictures = torch.where(torch.where(draw(0.0, 1.0) < 0.5, disc, box), draw(-1.0, 1.0, 3), pictures)
    return pictures.clamp(-1, 1)
