"""The U-Net: a downsampling and an upsampling path with skip connections between them.

Source:
    Ronneberger et al. 2015, arXiv:1505.04597; for diffusion Ho et al. 2020, appendix B, arXiv:2006.11239; with
    cross-attention to text: Rombach et al. 2022, section 3.3, arXiv:2112.10752.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.layers import (
    MAX_LEVELS,
    Attention,
    FeedForward,
    ResidualBlock,
    Size,
    TimeEmbedding,
    grid_features,
    resize,
    text_of,
    zero_module,
)

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning

GRID_FEATURES = 8


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net."""

    # The names of the fields are the keys of a model card.
    channels: Size = 3  # of the pictures or latents
    # Channels of each level, finest first; and whether a level has self-attention and cross-attention.
    widths: Annotated[tuple[Size, ...], Meta(max_length=MAX_LEVELS)] = (128, 256)
    attention: Annotated[tuple[bool, ...], Meta(max_length=MAX_LEVELS)] = (False, True)
    # Per level of the downsampling path; one more in the upsampling path.
    blocks: Annotated[int, Meta(ge=0, le=8)] = 2
    head_width: Size = 64  # features of an attention head
    embedding: Size = 512  # features of the embedding of time and pooled text
    text: Size = 0  # features of the text tokens; 0: unconditional
    draft: Size = 0  # channels of the text encoder's draft; 0: none


class Transformer(nn.Module):
    """Self-attention of the pixels, cross-attention to the text and a feed-forward layer, each residual."""

    def __init__(self, channels: int, heads: int, text: int) -> None:
        """Create it for text tokens with ``text`` features (0: no cross-attention)."""
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.itself = Attention(channels, heads)
        self.text = Attention(channels, heads, text) if text else None
        self.feed_forward = FeedForward(channels)

    def forward(self, x: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Map (B, C, H, W), tokens (B, L, text) and their mask (B, L) to (B, C, H, W)."""
        batch, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        pixels = pixels + self.itself(self.norms[0](pixels))
        if self.text is not None:
            pixels = pixels + self.text(self.norms[1](pixels), tokens, mask)
        pixels = pixels + self.feed_forward(self.norms[2](pixels))
        out: Tensor = pixels.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return out


class Block(nn.Module):
    """A residual block, followed by a transformer on the levels with attention."""

    def __init__(self, channels_in: int, channels_out: int, config: UNetConfig, *, attention: bool) -> None:
        """Create it with a transformer if ``attention``."""
        super().__init__()
        self.residual = ResidualBlock(channels_in, channels_out, config.embedding)
        heads = max(1, channels_out // config.head_width)
        self.transformer = Transformer(channels_out, heads, config.text) if attention else None

    def forward(self, x: Tensor, embedding: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, H, W)."""
        x = self.residual(x, embedding)
        if self.transformer is not None:
            x = self.transformer(x, tokens, mask)
        return x


class UNet(nn.Module):
    """Predicts eps, v or x0 from a noisy picture, its time and a condition; which of them, training decides.

    The names of its submodules are the keys of the weights in model files: ``shrink`` holds the downsampling
    convolutions and ``grow`` those after upsampling.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = TimeEmbedding(config.embedding, config.text)
        self.stem = nn.Conv2d(config.channels + GRID_FEATURES + config.draft, config.widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        skips = [config.widths[0]]
        channels = config.widths[0]
        levels = list(enumerate(zip(config.widths, config.attention, strict=True)))
        for index, (level_channels, attention) in levels:
            for _ in range(config.blocks):
                self.down.append(Block(channels, level_channels, config, attention=attention))
                skips.append(channels := level_channels)
            if index + 1 < len(config.widths):
                self.shrink.append(nn.Conv2d(channels, channels, 3, stride=2, padding=1))
                skips.append(channels)
        self.middle = nn.ModuleList(
            Block(channels, channels, config, attention=attention) for attention in (True, False)
        )
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for index, (level_channels, attention) in reversed(levels):
            for _ in range(config.blocks + 1):
                self.up.append(Block(channels + skips.pop(), level_channels, config, attention=attention))
                channels = level_channels
            if index:
                self.grow.append(nn.Conv2d(channels, channels, 3, padding=1))
        self.out_norm = nn.GroupNorm(16, channels)
        self.out = zero_module(nn.Conv2d(channels, config.channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        """Return the prediction.

        Args:
            x: noisy pictures or latents, (B, channels, H, W); H and W divisible by 2 for each level after the first.
            t: times, (B,), int64.
            condition: tokens (B, L, text), mask (B, L), pooled (B, text) and, if the network takes one, an extra
                "draft" (B, draft, any, any), which is concatenated to x; empty for an unconditional network.

        Returns:
            (B, channels, H, W), in x's dtype.
        """
        tokens, mask, pooled = text_of(condition) if self.config.text else (None, None, None)
        embedding = self.embed(t, pooled)
        height, width = x.shape[-2:]
        grid = grid_features(height, width, x.device).to(x.dtype).expand(x.shape[0], -1, -1, -1)
        inputs = [x, grid]
        if self.config.draft:
            inputs.append(resize(condition.extras["draft"], height, width))
        h = self.stem(torch.cat(inputs, dim=1))
        skips = [h]
        down, downsample = iter(self.down), iter(self.shrink)
        for index in range(len(self.config.widths)):
            for _ in range(self.config.blocks):
                skips.append(h := next(down)(h, embedding, tokens, mask))
            if index + 1 < len(self.config.widths):
                skips.append(h := next(downsample)(h))
        for block in self.middle:
            h = block(h, embedding, tokens, mask)
        up, upsample = iter(self.up), iter(self.grow)
        for index in reversed(range(len(self.config.widths))):
            for _ in range(self.config.blocks + 1):
                h = next(up)(torch.cat([h, skips.pop()], dim=1), embedding, tokens, mask)
            if index:
                h = next(upsample)(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        out: Tensor = self.out(F.silu(self.out_norm(h)))
        return out
