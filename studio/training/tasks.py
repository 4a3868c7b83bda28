"""The training tasks of the stages before the backbone: a module and its loss for each.

First the codec. Then, if the recipe asks for it, its decoder alone for longer: the latents stay the same, so this may
come before, beside or after the other stages. Then the preview decoder (`studio.training.distillation`) and the text
encoder's drafts. The backbone comes last (`studio.training.backbone_task`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.codec import Codec, picture_loss
from studio.backbones.text import TextEncoder
from studio.training.data.sources import draw_batch
from studio.training.loop import keyed_generator
from studio.training.objective import drop_captions

if TYPE_CHECKING:
    from studio.training.data.sources import LatentSource, Source
    from studio.training.recipe import Recipe

Loss = Callable[[torch.Generator], Tensor]
STATISTICS_KEY = -4  # of the generators that `fit_statistics` draws from; no step has it
STATISTICS_BATCHES = 16


def codec_task(recipe: Recipe, source: Source, device: torch.device) -> tuple[Codec, Loss]:
    """Return the codec and its reconstruction loss."""
    assert recipe.codec is not None and recipe.codec_loop is not None  # noqa: PT018 - the plan has this stage
    torch.manual_seed(recipe.codec_loop.seed)
    codec, batch = Codec(recipe.codec).to(device), recipe.codec_loop.batch

    def loss(generator: torch.Generator) -> Tensor:
        pictures, _ = draw_batch(source, batch, generator)
        side = recipe.data.size // codec.downscale
        noise = recipe.codec_noise * torch.randn(batch, codec.channels, side, side, generator=generator)
        pictures = pictures.to(device)
        return picture_loss(codec.decode(codec.encode(pictures) + noise.to(device)), pictures)

    return codec, loss


@torch.no_grad()
def fit_statistics(codec: Codec, source: Source, batch: int, seed: int, device: torch.device) -> None:
    """Set the codec's BatchNorm statistics to those of its present weights over the training pictures.

    The statistics that a training leaves belong to the weights of its last steps, not to the averaged weights that are
    exported. This is what `torch.optim.swa_utils.update_bn` does for averaged models. The codec is left in evaluation
    mode.

    Args:
        codec: with the weights it is to be exported with.
        source: of pictures.
        batch: pictures in each of `STATISTICS_BATCHES` batches.
        seed: of the draws.
        device: the codec's device.
    """
    codec.eval()
    norm, momentum = codec.norm, codec.norm.momentum
    norm.reset_running_stats()
    norm.train()
    norm.momentum = None  # the plain average over the batches
    for number in range(STATISTICS_BATCHES):
        pictures, _ = draw_batch(source, batch, keyed_generator(seed, STATISTICS_KEY - number))
        codec.encode(pictures.to(device))
    norm.momentum = momentum
    norm.eval()


def decoder_task(
    recipe: Recipe, source: Source, codec: Codec, device: torch.device
) -> tuple[nn.Module, Loss]:
    """Return the codec's decoder and its reconstruction loss behind a frozen encoder."""
    assert recipe.decoder_loop is not None
    batch = recipe.decoder_loop.batch

    def loss(generator: torch.Generator) -> Tensor:
        pictures, _ = draw_batch(source, batch, generator)
        pictures = pictures.to(device)
        with torch.no_grad():
            latents = codec.encode(pictures)
        noise = recipe.codec_noise * torch.randn(latents.shape, generator=generator)
        return picture_loss(codec.decode(latents + noise.to(device)), pictures)

    return codec.decoder, loss


def text_task(recipe: Recipe, latents: LatentSource, device: torch.device) -> tuple[TextEncoder, Loss]:
    """Return the text encoder and the loss of its drafts: a regression from captions to latents."""
    assert recipe.text_loop is not None
    config = recipe.text_loop
    torch.manual_seed(config.seed)
    encoder = TextEncoder(recipe.text).to(device)

    def loss(generator: torch.Generator) -> Tensor:
        wanted, captions = latents.draw(config.batch, generator, from_pool=True)
        captions = drop_captions(captions, recipe.diffusion.dropout, generator)
        return F.mse_loss(encoder.encode(captions, trim=True).extras["draft"].float(), wanted)

    return encoder, loss
