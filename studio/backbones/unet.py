"""The U-Net: what denoises, with skips from its way down to its way up.

Source:
    Ronneberger et al. 2015, arXiv:1505.04597; for diffusion Ho et al. 2020, appendix B, arXiv:2006.11239; with
    cross-attention to text Rombach et al. 2022, section 3.3, arXiv:2112.10752.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.layers import (
    Attention,
    FeedForward,
    ResidualBlock,
    TimeEmbedding,
    grid_features,
    stretched,
    zero,
)

GRID_FEATURES = 8


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net."""

    channels: int = 3  # of the picture or latents
    widths: tuple[int, ...] = (128, 256)  # of the levels, finest first
    attention: tuple[bool, ...] = (False, True)  # whether a level attends, to itself and to the text
    blocks: int = 2  # residual blocks of a level on the way down; one more on the way up
    head_width: int = 64  # features of an attention head
    embedding: int = 512  # of time and pooled text
    text: int = 0  # features of the text condition; 0: unconditional
    draft: int = 0  # channels of the draft that comes with the text; 0: none


class Transformer(nn.Module):
    """Attention of a grid's cells to each other and to the text, then a feed-forward layer, each with a skip."""

    def __init__(self, channels: int, heads: int, text: int) -> None:
        """Take the channels of the grid, the number of heads and the width of the text's tokens (0: none)."""
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.itself = Attention(channels, heads)
        self.text = Attention(channels, heads, text) if text else None
        self.feed_forward = FeedForward(channels)

    def forward(self, x: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Map (B, C, H, W), tokens (B, L, text) and their mask (B, L) to (B, C, H, W)."""
        batch, channels, height, width = x.shape
        cells = x.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        cells = cells + self.itself(self.norms[0](cells))
        if self.text is not None:
            cells = cells + self.text(self.norms[1](cells), tokens, mask)
        cells = cells + self.feed_forward(self.norms[2](cells))
        grid: Tensor = cells.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return grid


class Level(nn.Module):
    """A residual block and, where the level attends, a transformer."""

    def __init__(self, channels_in: int, channels_out: int, config: UNetConfig, *, attends: bool) -> None:
        """Take the channels before and after."""
        super().__init__()
        self.residual = ResidualBlock(channels_in, channels_out, config.embedding)
        heads = max(1, channels_out // config.head_width)
        self.transformer = Transformer(channels_out, heads, config.text) if attends else None

    def forward(self, x: Tensor, embedding: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, H, W)."""
        x = self.residual(x, embedding)
        if self.transformer is not None:
            x = self.transformer(x, tokens, mask)
        return x


class UNet(nn.Module):
    """Predicts eps, v or x0 (it does not know which) from a noisy picture, its time and a condition."""

    def __init__(self, config: UNetConfig) -> None:
        """Build the network of a configuration."""
        super().__init__()
        self.config = config
        self.embed = TimeEmbedding(config.embedding, config.text)
        self.stem = nn.Conv2d(config.channels + GRID_FEATURES + config.draft, config.widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        skips = [config.widths[0]]
        width = config.widths[0]
        for index, (level, attends) in enumerate(zip(config.widths, config.attention, strict=True)):
            for _ in range(config.blocks):
                self.down.append(Level(width, level, config, attends=attends))
                skips.append(width := level)
            if index + 1 < len(config.widths):
                self.shrink.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        self.middle = nn.ModuleList(
            [Level(width, width, config, attends=True), Level(width, width, config, attends=False)]
        )
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for index, (level, attends) in reversed(
            list(enumerate(zip(config.widths, config.attention, strict=True)))
        ):
            for _ in range(config.blocks + 1):
                self.up.append(Level(width + skips.pop(), level, config, attends=attends))
                width = level
            if index:
                self.grow.append(nn.Conv2d(width, width, 3, padding=1))
        self.out_norm = nn.GroupNorm(16, width)
        self.out = zero(nn.Conv2d(width, config.channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Predict.

        Args:
            x: noisy picture or latents, (B, channels, H, W); H and W divisible by 2 per level after the first.
            t: times, (B,), int64.
            condition: tokens (B, L, text), mask (B, L), pooled (B, text) and, for a network that takes one, a draft
                (B, draft, any, any), which is seen beside x; empty for an unconditional network.

        Returns:
            (B, channels, H, W), in x's dtype.
        """
        tokens, mask, pooled = condition[:3] if self.config.text else (None, None, None)
        embedding = self.embed(t, pooled)
        height, width = x.shape[-2:]
        grid = grid_features(height, width, x.device).to(x.dtype).expand(x.shape[0], -1, -1, -1)
        seen = [x, grid]
        if self.config.draft:
            seen.append(stretched(condition[3], height, width))
        h = self.stem(torch.cat(seen, dim=1))
        skips = [h]
        down, shrink = iter(self.down), iter(self.shrink)
        for index in range(len(self.config.widths)):
            for _ in range(self.config.blocks):
                skips.append(h := next(down)(h, embedding, tokens, mask))
            if index + 1 < len(self.config.widths):
                skips.append(h := next(shrink)(h))
        for block in self.middle:
            h = block(h, embedding, tokens, mask)
        up, grow = iter(self.up), iter(self.grow)
        for index in reversed(range(len(self.config.widths))):
            for _ in range(self.config.blocks + 1):
                h = next(up)(torch.cat([h, skips.pop()], dim=1), embedding, tokens, mask)
            if index:
                h = next(grow)(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        out: Tensor = self.out(F.silu(self.out_norm(h)))
        return out
