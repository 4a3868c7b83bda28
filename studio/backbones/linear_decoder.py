"""The cheapest way to see a latent: a linear map, fitted to a codec in closed form.

A latent cell and its eight neighbours, 9 channels + 1 numbers, give the cell's block of downscale x downscale pixels.
The map is the least-squares one over plain pictures (grounds, gradients, discs, boxes) that the codec itself encodes
and decodes, so it needs no data and no training, and it is the same every time. Where a codec is such a map, it is
recovered.
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
"""Weight of the map's own size, relative to the mean power of what it is fed: only keeps the equations solvable."""


class LinearDecoder(nn.Module):
    """A convolution over latents whose channels are the pixels of a block."""

    def __init__(self, weight: Tensor, bias: Tensor, downscale: int) -> None:
        """Take the map: weight (3 * downscale^2, channels, 3, 3), and bias."""
        super().__init__()
        self.weight, self.bias = (nn.Parameter(part, requires_grad=False) for part in (weight, bias))
        self.downscale = downscale

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (B, channels, h, w) to pictures (B, 3, h * downscale, w * downscale), not clipped."""
        return F.pixel_shuffle(F.conv2d(latents, self.weight, self.bias, padding=1), self.downscale)


@torch.no_grad()
def fit_linear_decoder(codec: Codec) -> LinearDecoder:
    """Return the linear map that is nearest to a codec's decoder over plain pictures."""
    device = next(codec.parameters()).device
    pictures = draw_plain_pictures(PICTURES, CELLS * codec.downscale).to(device)
    latents = codec.encode(pictures)
    # Solved where float64 is always to be had.
    given, wanted = latents.cpu().double(), codec.decode(latents).cpu().double()
    cells = F.unfold(given, 3, padding=1).transpose(1, 2).flatten(0, 1)
    cells = torch.cat([cells, torch.ones_like(cells[:, :1])], dim=1)
    blocks = F.pixel_unshuffle(wanted, codec.downscale).flatten(2).transpose(1, 2).flatten(0, 1)
    power = cells.T @ cells
    power += RIDGE * power.diagonal().mean() * torch.eye(len(power), dtype=power.dtype)
    solved = torch.linalg.solve(power, cells.T @ blocks).float().to(device)
    weight = solved[:-1].T.reshape(-1, codec.channels, 3, 3).contiguous()
    return LinearDecoder(weight, solved[-1], codec.downscale)


def draw_plain_pictures(count: int, side: int) -> Tensor:
    """Draw grounds, plain or graded, with discs and boxes of other colours; the same ones every time.

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
