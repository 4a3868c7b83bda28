"""The decoder of a tiny VAE (TAESD), for previews: some thousand times cheaper than the autoencoder's own.

Its files are named as in TAESD's own repository, as in ComfyUI's pairs of encoder and decoder, or as in diffusers. The
three have the same layers; of the encoder nothing is read.

Source: https://github.com/madebyollin/taesd (``taesd.py``); the configuration is that of the repository
madebyollin/taesd on the Hugging Face hub, which taesdxl shares.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from studio.families.family import Layout, Part
from studio.families.keys import original_tiny_decoder, same_names
from studio.families.matching import Listing, match_part
from studio.families.networks import fill, on_meta, parameter_shapes
from studio.weights.reader import TensorReader

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


def _layouts(_config: Mapping[str, object]) -> tuple[Layout, ...]:
    return (
        Layout("decoder.", same_names),
        Layout("taesd_decoder.", original_tiny_decoder),
        Layout("decoder.", original_tiny_decoder),
        Layout("", original_tiny_decoder),
    )


TINY_DECODER = Part(
    name="tiny_vae",
    kind="tiny decoder",
    config=MappingProxyType(
        {
            "in_channels": 4,
            "out_channels": 3,
            "num_blocks": (3, 3, 3, 1),
            "block_out_channels": (64, 64, 64, 64),
            "upsampling_scaling_factor": 2,
            "act_fn": "relu",
            "upsample_fn": "nearest",
        }
    ),
    layouts=_layouts,
    marker="layers.2.conv.0.weight",
)
"""The decoder of TAESD and TAESDXL, which only differ in their weights."""


class TinyDecoder(nn.Module):
    """diffusers' ``DecoderTiny`` as a decoder of previews."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @torch.no_grad()
    def forward(self, latents: Tensor) -> Tensor:
        """Decode scaled latents (B, C, h, w) to pictures float32 (B, 3, H, W), nominally in [-1, 1]."""
        pictures: Any = self.network(latents.float())
        decoded: Tensor = pictures
        return decoded


def load_tiny_vae(
    path: Path, device: torch.device | str = "cpu", *, cancelled: threading.Event | None = None
) -> TinyDecoder:
    """Load the decoder of a tiny VAE, in float32.

    Raises:
        CheckpointError: the file cannot be read, or holds no such decoder.
        LoadCancelled: ``cancelled`` was set.
    """
    built = on_meta(TINY_DECODER)
    with ExitStack() as opened:
        reader = opened.enter_context(TensorReader(path, cancelled=cancelled))
        match = match_part(TINY_DECODER, Listing(path, reader.shapes), parameter_shapes(built))
        fill(built, match, reader, torch.float32)
    return TinyDecoder(built.to(device))
