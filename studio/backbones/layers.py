"""Layers shared by several backbones.

Shapes: B pictures, C channels, H and W the resolution of a layer's input, L tokens, D features.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, TypeVar

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning

_M = TypeVar("_M", bound=nn.Module)

# A configuration may come from an untrusted model card and describe a network of gigabytes or of 100,000 layers, so its
# fields are limited. The network is then built on the meta device and compared with the weights file.
Size = Annotated[int, Meta(ge=0, le=4096)]
Depth = Annotated[int, Meta(ge=0, le=64)]
MAX_LEVELS = 8

SHORT = 64 * 64  # queries times keys, up to which attention is not fused in training on a CPU


def sinusoidal(values: Tensor, features: int, *, longest: float = 10_000.0) -> Tensor:
    """Embed scalars as sines and cosines of geometrically spaced wavelengths.

    Args:
        values: times or positions, (B,), any real dtype.
        features: of the result; even.
        longest: the longest wavelength is 2 pi times this.

    Returns:
        (B, features), float32: cosines first, then sines.

    Source:
        Vaswani et al. 2017, section 3.5, arXiv:1706.03762; used for time in Ho et al. 2020, arXiv:2006.11239.
    """
    angles = values.to(torch.float32)[:, None] * _rates(features // 2, longest, values.device)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


@lru_cache(maxsize=16)
def _rates(count: int, longest: float, device: torch.device) -> Tensor:
    """Return geometrically decreasing frequencies, float32 (count,), from 1 to nearly 1 / longest."""
    return torch.exp(-math.log(longest) * torch.arange(count, device=device, dtype=torch.float32) / count)


@lru_cache(maxsize=8)
def grid_features(height: int, width: int, device: torch.device) -> Tensor:
    """Return position features for each pixel of a grid, so that convolutions can depend on the position.

    The result is cached and must not be modified.

    Returns:
        (8, height, width), float32: sines and cosines of half a period and of a whole one along each axis.
    """
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    planes = []
    for axis in (y[:, None].expand(height, width), x[None, :].expand(height, width)):
        planes += [torch.sin(math.pi * k * axis) for k in (1, 2)] + [
            torch.cos(math.pi * k * axis) for k in (1, 2)
        ]
    return torch.stack(planes)


def resize(grid: Tensor, height: int, width: int) -> Tensor:
    """Resize a grid (B, C, any, any) to (B, C, height, width) bilinearly; one of that size is returned unchanged."""
    if grid.shape[-2:] == (height, width):
        return grid
    return F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)


def zero_module(module: _M) -> _M:
    """Set all parameters of a module to zero and return it; a residual block that ends in it starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def text_of(condition: Conditioning) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return tokens, mask and pooled vector of a conditioning with text.

    Raises:
        ValueError: it has no text.
    """
    if condition.tokens is None or condition.pooled is None:
        raise ValueError("the network needs tokens and a pooled vector")
    return condition.tokens, condition.mask, condition.pooled


class TimeEmbedding(nn.Module):
    """Embeds the time t, and optionally another vector, as the vector that modulates every block."""

    def __init__(self, features: int, extra: int) -> None:
        """Create it for ``features`` output features and ``extra`` features of the other vector (0: none)."""
        super().__init__()
        self.features = features
        self.time = nn.Sequential(nn.Linear(features, features), nn.SiLU(), nn.Linear(features, features))
        self.extra = nn.Linear(extra, features) if extra else None
        if self.extra is not None:  # the same scale as time from the start; else it is learned much later
            nn.init.normal_(self.extra.weight, std=extra**-0.5)

    def forward(self, t: Tensor, extra: Tensor | None) -> Tensor:
        """Embed times (B,) and the other vector (B, extra) as (B, features)."""
        embedding: Tensor = self.time(sinusoidal(t, self.features))
        if self.extra is not None and extra is not None:
            embedding = embedding + self.extra(extra)
        return F.silu(embedding)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip connection; the embedding scales and shifts the activations between them.

    Source:
        Dhariwal and Nichol 2021, section 3 and appendix A (adaptive group normalisation), arXiv:2105.05233.
    """

    def __init__(self, channels_in: int, channels_out: int, embedding: int, *, groups: int = 16) -> None:
        """Create a block from ``channels_in`` to ``channels_out``; ``embedding`` is the features of the embedding.

        With 0 the block has no modulation.
        """
        super().__init__()
        self.norm_in = nn.GroupNorm(min(groups, channels_in), channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels_out) if embedding else None
        self.norm_out = nn.GroupNorm(min(groups, channels_out), channels_out)
        self.conv_out = zero_module(nn.Conv2d(channels_out, channels_out, 3, padding=1))
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

    def __init__(
        self, features: int, heads: int, context: int | None = None, *, zero_init: bool = True
    ) -> None:
        """Build the projections.

        Args:
            features: of the tokens.
            heads: number of heads; divides ``features``.
            context: features of the context; None: self-attention.
            zero_init: initialise the last layer with zeros. Not for a branch whose gate starts at zero: gate and layer
                would then both have zero gradients and never learn.
        """
        super().__init__()
        if heads < 1 or features % heads:
            raise ValueError(f"features ({features}) must be divisible by heads ({heads})")
        self.heads = heads
        self.query = nn.Linear(features, features, bias=False)
        self.key_value = nn.Linear(context or features, 2 * features, bias=False)
        last = nn.Linear(features, features)
        self.out = zero_module(last) if zero_init else last

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Attend from x (B, L, D) to context (B, M, context); mask (B, M) is true for tokens, false for padding."""
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
    """Return softmax(query key^T / sqrt(D)) value.

    Not fused for short sequences in training on a CPU: the backward pass of the fused kernel is made for long ones, and
    a training step would take 1.15 (U-Net) to 1.35 times (DiT) as long. So the kernel depends on whether gradients are
    enabled, and the same weights give results that differ in the last bits in training and in evaluation. This is
    intended: only sampling, which never has gradients, promises the same bits.

    Args:
        query: (B, heads, L, D).
        key: (B, heads, M, D).
        value: (B, heads, M, D).
        mask: (B, 1, 1, M), true for tokens, false for padding.

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

    def __init__(self, features: int, *, factor: int = 4, zero_init: bool = True) -> None:
        """Create it with ``factor * features`` hidden features; ``zero_init`` as in `Attention`."""
        last = nn.Linear(factor * features, features)
        super().__init__(
            nn.Linear(features, factor * features), nn.GELU(), zero_module(last) if zero_init else last
        )
