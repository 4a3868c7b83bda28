"""The diffusion transformer (DiT): patches as tokens, modulated by time and text through adaLN-zero.

Source:
    Peebles and Xie 2023, arXiv:2212.09748; cross-attention to the text in each block: Chen et al. 2023, section 2.2,
    arXiv:2310.00426.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.layers import (
    Attention,
    Depth,
    FeedForward,
    Size,
    TimeEmbedding,
    resize,
    sinusoidal,
    text_of,
    zero_module,
)

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning


@dataclass(frozen=True)
class DiTConfig:
    """Shape of a diffusion transformer."""

    channels: Size = 3  # of the pictures or latents
    patch: Size = 2  # side length of a patch; height and width must be divisible by it
    features: Size = 256  # of a token; divisible by 4 and by ``heads``
    layers: Depth = 8
    heads: Size = 4
    text: Size = 0  # features of the text tokens; 0: unconditional
    draft: Size = 0  # channels of the text encoder's draft; 0: none


class Block(nn.Module):
    """Self-attention, cross-attention and a feed-forward layer; time sets scale, shift and gate (zero at first)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width = config.features
        self.modulation = zero_module(nn.Linear(width, 6 * width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.attention = Attention(width, config.heads, zero_init=False)  # the gate starts at zero
        self.text = Attention(width, config.heads, config.text) if config.text else None
        self.feed_forward = FeedForward(width, zero_init=False)

    def forward(self, x: Tensor, embedding: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Map tokens (B, N, D) to (B, N, D)."""
        shift, scale, gate, shift_out, scale_out, gate_out = self.modulation(embedding)[:, None].chunk(
            6, dim=-1
        )
        x = x + gate * self.attention(self.norms[0](x) * (1 + scale) + shift)
        if self.text is not None:
            x = x + self.text(self.norms[1](x), tokens, mask)
        out: Tensor = x + gate_out * self.feed_forward(self.norms[2](x) * (1 + scale_out) + shift_out)
        return out


class DiT(nn.Module):
    """Predicts eps, v or x0 from a noisy picture, its time and a condition; which of them, training decides."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = TimeEmbedding(config.features, config.text)
        self.stem = nn.Linear((config.channels + config.draft) * config.patch**2, config.features)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.features, elementwise_affine=False)
        self.modulation = zero_module(nn.Linear(config.features, 2 * config.features))
        self.out = zero_module(nn.Linear(config.features, config.channels * config.patch**2))

    def forward(self, x: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        """Return the prediction.

        Args:
            x: noisy pictures or latents, (B, channels, H, W).
            t: times, (B,), int64.
            condition: tokens (B, L, text), mask (B, L), pooled (B, text) and, if the network takes one, an extra
                "draft" (B, draft, any, any), which is concatenated to x; empty for an unconditional network.

        Returns:
            (B, channels, H, W).
        """
        patch, (height, width) = self.config.patch, x.shape[-2:]
        tokens, mask, pooled = text_of(condition) if self.config.text else (None, None, None)
        embedding = self.embed(t, pooled)
        if self.config.draft:
            x = torch.cat([x, resize(condition.extras["draft"], height, width)], dim=1)
        h = self.stem(F.pixel_unshuffle(x, patch).flatten(2).transpose(1, 2))
        h = h + positions(height // patch, width // patch, self.config.features, x.device)
        for block in self.blocks:
            h = block(h, embedding, tokens, mask)
        shift, scale = self.modulation(embedding)[:, None].chunk(2, dim=-1)
        h = self.out(self.norm(h) * (1 + scale) + shift)
        return F.pixel_shuffle(h.transpose(1, 2).unflatten(2, (height // patch, width // patch)), patch)


@lru_cache(maxsize=8)
def positions(height: int, width: int, features: int, device: torch.device) -> Tensor:
    """Return the fixed sinusoidal position embedding of each patch, (height * width, features).

    The first half encodes the row and the second the column. The result is cached and must not be modified.
    """
    rows = sinusoidal(torch.arange(height, device=device), features // 2)
    columns = sinusoidal(torch.arange(width, device=device), features // 2)
    grid = torch.cat([rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)], dim=-1)
    return grid.reshape(height * width, features)
