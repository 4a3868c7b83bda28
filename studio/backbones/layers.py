"""Layers that several backbones share.

Shapes: B pictures, C channels, H and W pixels of the grid a layer sees, L tokens, D features.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_M = TypeVar("_M", bound=nn.Module)
SHORT = 64 * 64  # queries times keys: up to here attention is written out while it learns on a CPU


def sinusoidal(values: Tensor, features: int, *, longest: float = 10_000.0) -> Tensor:
    """Embed scalars in sines and cosines of geometrically spaced wavelengths.

    Args:
        values: times or positions, (B,), any real dtype.
        features: width of the result, even.
        longest: the longest wavelength is 2 pi times this.

    Returns:
        (B, features), float32: cosines first, then sines.

    Source:
        Vaswani et al. 2017, section 3.5, arXiv:1706.03762; used for time in Ho et al. 2020, arXiv:2006.11239.
    """
    half = features // 2
    rates = torch.exp(
        -math.log(longest) * torch.arange(half, device=values.device, dtype=torch.float32) / half
    )
    angles = values.to(torch.float32)[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def grid_features(height: int, width: int, device: torch.device) -> Tensor:
    """Tell each cell of a grid where it lies, so that a convolution can draw the same thing in the same place.

    Returns:
        (8, height, width), float32: sine and cosine of half a turn and of a whole one along each axis.
    """
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    planes = []
    for axis in (y[:, None].expand(height, width), x[None, :].expand(height, width)):
        planes += [torch.sin(math.pi * k * axis) for k in (1, 2)] + [
            torch.cos(math.pi * k * axis) for k in (1, 2)
        ]
    return torch.stack(planes)


def stretched(grid: Tensor, height: int, width: int) -> Tensor:
    """Stretch a grid (B, C, any, any) to (B, C, height, width), bilinearly; one of that size comes back as it is."""
    if grid.shape[-2:] == (height, width):
        return grid
    return F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)


def zero(module: _M) -> _M:
    """Set a module's parameters to zero, so that the branch it ends starts as the identity, and return it."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class TimeEmbedding(nn.Module):
    """The time t, and whatever vector joins it, as the one vector that every block is modulated by."""

    def __init__(self, features: int, extra: int) -> None:
        """Take the width of the result and of the joined vector (0: none)."""
        super().__init__()
        self.features = features
        self.time = nn.Sequential(nn.Linear(features, features), nn.SiLU(), nn.Linear(features, features))
        self.extra = nn.Linear(extra, features) if extra else None
        if self.extra is not None:  # as loud as time from the start, or it is learned long after it
            nn.init.normal_(self.extra.weight, std=extra**-0.5)

    def forward(self, t: Tensor, extra: Tensor | None) -> Tensor:
        """Embed times (B,) and the joined vector (B, extra) as (B, features)."""
        embedding: Tensor = self.time(sinusoidal(t, self.features))
        if self.extra is not None and extra is not None:
            embedding = embedding + self.extra(extra)
        return F.silu(embedding)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip; the time vector scales and shifts what lies between them.

    Source:
        Dhariwal and Nichol 2021, section 3 and appendix A (adaptive group normalisation), arXiv:2105.05233.
    """

    def __init__(self, channels_in: int, channels_out: int, embedding: int, *, groups: int = 16) -> None:
        """Take the channels before and after and the width of the time vector (0: the block is not modulated)."""
        super().__init__()
        self.norm_in = nn.GroupNorm(min(groups, channels_in), channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels_out) if embedding else None
        self.norm_out = nn.GroupNorm(min(groups, channels_out), channels_out)
        self.conv_out = zero(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Map (B, channels_in, H, W) and (B, embedding) to (B, channels_out, H, W)."""
        h = self.norm_out(self.conv_in(F.silu(self.norm_in(x))))
        if self.modulation is not None and embedding is not None:
            scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        out: Tensor = self.skip(x) + self.conv_out(F.silu(h))
        return out


class Attention(nn.Module):
    """Multi-head attention of tokens to themselves or to a context.

    Source:
        Vaswani et al. 2017, section 3.2, arXiv:1706.03762.
    """

    def __init__(self, features: int, heads: int, context: int | None = None, *, live: bool = False) -> None:
        """Lay out the heads.

        Args:
            features: width of the tokens.
            heads: their number; divides ``features``.
            context: width of the context; None: the tokens attend to themselves.
            live: start with a random last layer instead of zero; for a branch that a gate keeps shut at first, since
                behind a shut gate a zero would never learn.
        """
        super().__init__()
        if heads < 1 or features % heads:
            raise ValueError(f"{features} features cannot be shared by {heads} heads")
        self.heads = heads
        self.query = nn.Linear(features, features, bias=False)
        self.key_value = nn.Linear(context or features, 2 * features, bias=False)
        last = nn.Linear(features, features)
        self.out = last if live else zero(last)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Attend from x (B, L, D) to context (B, M, context); mask (B, M) is true where there is a token."""
        source = x if context is None else context
        batch, length, features = x.shape
        shape = (batch, -1, self.heads, features // self.heads)
        query = self.query(x).view(shape).transpose(1, 2)
        key, value = self.key_value(source).chunk(2, dim=-1)
        attended = attend(
            query,
            key.reshape(shape).transpose(1, 2),
            value.reshape(shape).transpose(1, 2),
            None if mask is None else mask[:, None, None, :],
        )
        out: Tensor = self.out(attended.transpose(1, 2).reshape(batch, length, features))
        return out


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mix values by softmax(query key^T / sqrt(features of a head)).

    Written out where a short sequence learns on a CPU: the fused kernel's way back is made for long ones, and a whole
    step of training takes 1.15 (U-Net) to 1.35 times (DiT) as long with it.

    Args:
        query: (B, heads, L, D).
        key: (B, heads, M, D).
        value: (B, heads, M, D).
        mask: (B, 1, 1, M), true where there is something to attend to.

    Returns:
        (B, heads, L, D).
    """
    short = query.shape[-2] * key.shape[-2] <= SHORT
    if not (short and torch.is_grad_enabled() and query.device.type == "cpu"):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    mixed: Tensor = scores.softmax(dim=-1).to(value.dtype) @ value
    return mixed


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them."""

    def __init__(self, features: int, *, factor: int = 4, live: bool = False) -> None:
        """Take the width, the factor by which the hidden layer is wider, and ``live`` as in :class:`Attention`."""
        last = nn.Linear(factor * features, features)
        super().__init__(nn.Linear(features, factor * features), nn.GELU(), last if live else zero(last))
