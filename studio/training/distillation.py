"""How a preview decoder learns from a codec's decoder: to give the same picture for whatever a run may show.

What runs show are not latents of pictures. x0_hat begins as an average of many pictures, which guidance pushes away
from another average; later it is one picture with some noise left in it; and x_t is mostly noise. So the decoder is
taught on

    a picture's latents                      z_1
    a blend, pushed away from another        b + g (b - a),   b = w z_1 + (1 - w) a,   a = u z_2 + (1 - u) z_3
    both with a little noise                 + n eps
    a state at any noise level               cos(r) z_1 + sin(r) eps

Source:
    Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531; the use follows the tiny
    decoders that other studios ship for previews.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.backbones.codec import Codec, picture_loss
from studio.backbones.preview_decoder import PreviewDecoder
from studio.training.data.pool import KEY
from studio.training.loop import keyed_generator
from studio.training.tasks import Loss, draw

if TYPE_CHECKING:
    from studio.training.data.sources import Source
    from studio.training.recipe import Recipe

ENCODED = 6_144
"""Pictures that are encoded, once, to blend from."""
CLEAN, BLENDED = 0.45, 0.35
"""Shares of latents of pictures and of blends; the rest are states."""
PUSH, NOISE = 1.5, 0.3
"""Largest g and n of the formulas above."""


def preview_task(
    recipe: Recipe, source: Source, codec: Codec, device: torch.device
) -> tuple[PreviewDecoder, Loss]:
    """Return the preview decoder and the loss that teaches it to do as the codec's decoder does."""
    assert recipe.preview is not None and recipe.preview_loop is not None  # noqa: PT018 - the caller asked for it
    config = recipe.preview_loop
    torch.manual_seed(config.seed)
    decoder = PreviewDecoder(recipe.preview).to(device)

    @cache  # made at the first step, so that a stage which is done does not wait for it
    def pool() -> Tensor:
        generator = keyed_generator(config.seed, KEY)
        with torch.no_grad():
            drawn = [draw(source, config.batch, generator)[0] for _ in range(-(-ENCODED // config.batch))]
            return torch.cat([codec.encode(pictures.to(device)) for pictures in drawn])

    def loss(generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            latents = half_formed(pool(), config.batch, generator)
            wanted = codec.decode(latents)
        return picture_loss(decoder(latents), wanted)

    return decoder, loss


def half_formed(latents: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw ``count`` latents such as a run shows on its way, from those of pictures.

    Args:
        latents: of pictures, (N, C, h, w).
        count: how many to draw.
        generator: CPU generator.
    """

    def draw_shares() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator).to(latents.device)

    chosen = torch.randint(len(latents), (3, count), generator=generator).to(latents.device)
    one, two, three = (latents[places] for places in chosen)
    eps = torch.randn(one.shape, generator=generator).to(latents.device)
    kind, w, u = draw_shares(), draw_shares(), draw_shares()
    other = u * two + (1 - u) * three
    blend = w * one + (1 - w) * other
    blend = blend + PUSH * draw_shares() * (blend - other)
    noise = NOISE * draw_shares() * eps
    angle = 0.5 * math.pi * draw_shares()
    state = angle.cos() * one + angle.sin() * eps
    formed = torch.where(kind < CLEAN, one, blend) + noise
    return torch.where(kind < CLEAN + BLENDED, formed, state)
