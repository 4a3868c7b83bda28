"""Training of a preview decoder: to give the codec's decoding of anything that a run may show.

What runs show are not latents of pictures. x0_hat begins as an average of many pictures, which guidance pushes away
from another average; later it is one picture with some noise left; and x_t is mostly noise. So the decoder is trained
on

    a picture's latents                      z_1
    a blend, pushed away from another        b + g (b - a),   b = w z_1 + (1 - w) a,   a = u z_2 + (1 - u) z_3
    both with a little noise                 + n eps
    a state at any noise level               cos(r) z_1 + sin(r) eps

Source:
    Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531; the use follows the tiny
    decoders that other programs ship for previews.
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
from studio.training.data.sources import draw_batch
from studio.training.loop import keyed_generator

if TYPE_CHECKING:
    from studio.training.data.sources import Source
    from studio.training.recipe import Recipe
    from studio.training.tasks import Loss

ENCODED = 6_144
"""Pictures that are encoded, once, to blend from."""
CLEAN_SHARE, BLEND_SHARE = 0.45, 0.35
"""Shares of latents of pictures and of blends; the rest are states."""
MAX_PUSH, MAX_NOISE = 1.5, 0.3
"""Largest g and n of the formulas above."""


def preview_task(
    recipe: Recipe, source: Source, codec: Codec, device: torch.device
) -> tuple[PreviewDecoder, Loss]:
    """Return the preview decoder and its loss against the codec's decoder."""
    assert recipe.preview is not None and recipe.preview_loop is not None  # noqa: PT018 - the plan has this stage
    config = recipe.preview_loop
    torch.manual_seed(config.seed)
    decoder = PreviewDecoder(recipe.preview).to(device)

    @cache  # made at the first step, so that a stage which is done already does not wait for it
    def encoded() -> Tensor:
        generator = keyed_generator(config.seed, KEY)
        with torch.no_grad():
            batches = [
                draw_batch(source, config.batch, generator)[0] for _ in range(-(-ENCODED // config.batch))
            ]
            return torch.cat([codec.encode(pictures.to(device)) for pictures in batches])

    def loss(generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            latents = intermediate_latents(encoded(), config.batch, generator)
            wanted = codec.decode(latents)
        return picture_loss(decoder(latents), wanted)

    return decoder, loss


def intermediate_latents(latents: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw latents such as a run shows on its way, from those of pictures.

    Args:
        latents: of pictures, (N, C, h, w).
        count: how many to draw.
        generator: CPU generator.

    Returns:
        (count, C, h, w).
    """

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator).to(latents.device)

    chosen = torch.randint(len(latents), (3, count), generator=generator).to(latents.device)
    z1, z2, z3 = (latents[rows] for rows in chosen)
    eps = torch.randn(z1.shape, generator=generator).to(latents.device)
    kind, w, u = uniform(), uniform(), uniform()
    other = u * z2 + (1 - u) * z3
    blend = w * z1 + (1 - w) * other
    blend = blend + MAX_PUSH * uniform() * (blend - other)
    noise = MAX_NOISE * uniform() * eps
    angle = 0.5 * math.pi * uniform()
    state = angle.cos() * z1 + angle.sin() * eps
    picture_like = torch.where(kind < CLEAN_SHARE, z1, blend) + noise
    return torch.where(kind < CLEAN_SHARE + BLEND_SHARE, picture_like, state)
