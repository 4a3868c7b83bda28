"""Decodes large latents in tiles that overlap.

The first layers and the attention of the decoder, which are small, see all latents; only the layers that enlarge see
tiles. Their group norms need the mean and variance of the whole picture: a first pass over the tiles gathers them, the
second uses them, so that no tile gets a tint or contrast of its own. Each norm is measured behind norms that still had
the statistics of a tile, and convolutions end at the edges of tiles: the result is close to that without tiles, not
the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from studio.families.memory.costs import TILE_LATENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERLAP = 16
"""How many latents neighbouring tiles share, where their values are blended."""


@dataclass(frozen=True)
class _Span:
    """A tile along one side of the latents.

    Attributes:
        start: its first latent.
        stop: the one after its last.
        core: the part of it that belongs to no other tile; the cores cover everything.
    """

    start: int
    stop: int
    core: tuple[int, int]


@torch.no_grad()
def decode_in_tiles(
    autoencoder: nn.Module, latents: Tensor, *, tile: int = TILE_LATENTS, overlap: int = OVERLAP
) -> Tensor:
    """Return about the pictures (B, 3, H, W) that diffusers' ``AutoencoderKL`` decodes latents (B, C, h, w) to.

    Args:
        autoencoder: the ``AutoencoderKL``.
        latents: unscaled, in the dtype in which it computes; those no larger than a tile are decoded as a whole.
        tile: the sides of the tiles, in latents.
        overlap: how many latents two of them share, at least.
    """
    vae: Any = autoencoder
    height, width = latents.shape[-2:]
    if height <= tile and width <= tile:
        whole: Tensor = vae.decode(latents, return_dict=False)[0]
        return whole
    decoder = vae.decoder
    hidden = decoder.conv_in(latents if vae.post_quant_conv is None else vae.post_quant_conv(latents))
    hidden = decoder.mid_block(hidden)
    rows, columns = _spans(height, tile, overlap), _spans(width, tile, overlap)
    with _SharedNorms(decoder) as norms:
        for _ in _pieces(decoder, norms, hidden, rows, columns):
            pass
        norms.share()
        return _blended(_pieces(decoder, norms, hidden, rows, columns), (height, width), overlap)


def _pieces(
    decoder: Any,  # noqa: ANN401 - diffusers.models.autoencoders.vae.Decoder
    norms: _SharedNorms,
    hidden: Tensor,
    rows: list[_Span],
    columns: list[_Span],
) -> Iterator[tuple[_Span, _Span, Tensor]]:
    """Yield each tile and its pixels."""
    for row in rows:
        for column in columns:
            norms.tile = row, column
            piece = hidden[..., row.start : row.stop, column.start : column.stop]
            for block in decoder.up_blocks:
                piece = block(piece)
            piece = decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(piece)))
            yield row, column, piece.float()


def _blended(pieces: Iterator[tuple[_Span, _Span, Tensor]], size: tuple[int, int], overlap: int) -> Tensor:
    pictures = weights = torch.zeros(())
    for row, column, piece in pieces:
        scale = piece.shape[-1] // (column.stop - column.start)
        if not pictures.dim():
            pictures = piece.new_zeros(*piece.shape[:2], size[0] * scale, size[1] * scale)
            weights = piece.new_zeros(pictures.shape[-2:])
        ramps = [
            _ramp(span, length, overlap, scale).to(piece.device)
            for span, length in zip((row, column), size, strict=True)
        ]
        weight = ramps[0][:, None] * ramps[1]
        place = (
            slice(row.start * scale, row.stop * scale),
            slice(column.start * scale, column.stop * scale),
        )
        pictures[..., *place] += piece.mul_(weight)
        weights[place] += weight
    return pictures.div_(weights)


def _spans(length: int, tile: int, overlap: int) -> list[_Span]:
    """Return tiles that cover ``length``, of which two neighbours share at least ``overlap``."""
    if length <= tile:
        return [_Span(0, length, (0, length))]
    count = -(-(length - overlap) // (tile - overlap))
    starts = [round(place * (length - tile) / (count - 1)) for place in range(count)]
    # Neighbours meet in the middle of what they share.
    edges = [
        0,
        *((before + tile + start) // 2 for before, start in pairwise(starts)),
        length,
    ]
    return [
        _Span(start, start + tile, (edges[place], edges[place + 1])) for place, start in enumerate(starts)
    ]


def _ramp(span: _Span, length: int, overlap: int, scale: int) -> Tensor:
    """Return the weights of a tile's pixels along one side: they fall towards its neighbours."""
    count = (span.stop - span.start) * scale
    pixels, weight = torch.arange(count, dtype=torch.float32) + 0.5, torch.ones(count)
    if span.start > 0:
        weight = torch.minimum(weight, pixels / (overlap * scale))
    if span.stop < length:
        weight = torch.minimum(weight, (count - pixels) / (overlap * scale))
    return weight.clamp_min(1e-6)


@dataclass(eq=False)
class _Moments:
    """Sums over the cores of tiles, of each group of channels: (B, G), float64."""

    count: int = 0
    total: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    squares: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))


class _SharedNorms:
    """Makes the group norms behind the middle of a decoder use statistics of all tiles.

    Attributes:
        tile: the one that is decoded.
    """

    def __init__(self, decoder: nn.Module) -> None:
        parts: Any = decoder
        self._norms = [
            module
            for part in (parts.up_blocks, parts.conv_norm_out)
            for module in part.modules()
            if isinstance(module, nn.GroupNorm)
        ]
        self._gathered: dict[nn.Module, _Moments] = {}
        self._shared: dict[nn.Module, _Moments] = {}
        self._hooks: list[Any] = []
        self.tile = (_Span(0, 0, (0, 0)),) * 2

    def __enter__(self) -> _SharedNorms:
        for norm in self._norms:
            self._hooks += [
                norm.register_forward_pre_hook(self._gather),
                norm.register_forward_hook(self._normalise),
            ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def share(self) -> None:
        """Use what was gathered from now on."""
        self._shared, self._gathered = self._gathered, {}

    def _gather(self, norm: Any, inputs: tuple[Tensor]) -> None:  # noqa: ANN401 - torch.nn.GroupNorm
        if self._shared:
            return
        (x,) = inputs
        scale = x.shape[-1] // (self.tile[1].stop - self.tile[1].start)
        row, column = (
            slice((span.core[0] - span.start) * scale, (span.core[1] - span.start) * scale)
            for span in self.tile
        )
        core = x[..., row, column].reshape(len(x), norm.num_groups, -1).float()
        moments = self._gathered.setdefault(norm, _Moments())
        moments.count += core.shape[-1]
        moments.total = moments.total.to(x.device) + core.sum(-1, dtype=torch.float64)
        moments.squares = moments.squares.to(x.device) + core.square().sum(-1, dtype=torch.float64)

    def _normalise(self, norm: Any, inputs: tuple[Tensor], output: Tensor) -> Tensor:  # noqa: ANN401
        if norm not in self._shared:
            return output
        (x,), moments = inputs, self._shared[norm]
        mean = moments.total / moments.count
        deviation = (moments.squares / moments.count - mean.square()).clamp_min(0).add(norm.eps).sqrt()
        channels = x.shape[1] // norm.num_groups
        mean, deviation = (one.float().repeat_interleave(channels, 1) for one in (mean, deviation))
        factor = norm.weight.float() / deviation
        offset = norm.bias.float() - mean * factor
        normalised: Tensor = x * factor[..., None, None] + offset[..., None, None]
        return normalised.to(output.dtype)
