"""Loads the networks of a model of a family."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from studio.diffusion.conditioning import Conditioning
from studio.families.backbone import SIZE, Float32Attention, LatentCodec, LatentUNet, size_ids
from studio.families.clip import TextEncoder
from studio.families.family import TextPart
from studio.families.matching import DryLoad, Listing, dry_load_parts, match_part
from studio.families.memory.ladder import MemoryLadder
from studio.families.networks import fill, on_meta, parameter_shapes
from studio.families.parts import TINY_DECODER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from studio.diffusion.conditioning import Adapters
    from studio.families.family import Family, Part
    from studio.families.networks import TensorReader


@dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """The networks of a model, on the CPU, in evaluation mode, without gradients.

    Attributes:
        family: their family.
        unet: diffusers' ``UNet2DConditionModel``.
        vae: diffusers' ``AutoencoderKL``.
        text_encoders: in the family's order.
        report: which tensors of the files they were made from.
        scales: by part, what its stored weights must be multiplied by (see `studio.weights.compute.compute_in`).
    """

    family: Family
    unet: nn.Module
    vae: nn.Module
    text_encoders: tuple[TextEncoder, ...]
    report: DryLoad
    scales: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)

    def backbone(
        self,
        dtype: torch.dtype = torch.float32,
        *,
        channels_last: bool = False,
        use_adapters: Callable[[Adapters], None] | None = None,
    ) -> LatentUNet:
        """Return the U-Net as a backbone that computes in ``dtype``; ``use_adapters`` is as in `LatentUNet`."""
        return LatentUNet(
            self.unet,
            size_conditioning=self.family.size_conditioning,
            dtype=dtype,
            channels_last=channels_last,
            use_adapters=use_adapters,
        )

    def codec(self, dtype: torch.dtype = torch.float32) -> LatentCodec:
        """Return the autoencoder as a codec that computes in ``dtype``."""
        return LatentCodec(self.vae, self.family.latents, dtype, tiled=self.ladder.tiled)

    @cached_property
    def ladder(self) -> MemoryLadder:
        """What is done so that they fit in memory."""
        return MemoryLadder(
            self.unet,
            self.vae,
            {one.part.name: one.model for one in self.text_encoders},
            float32_attention=self.family.attention_float32,
        )

    def conditioning(
        self, encoded: Sequence[tuple[Tensor, Tensor | None]], width: int, height: int
    ) -> Conditioning:
        """Return the conditioning of B pictures from what each text encoder made of their prompts.

        Args:
            encoded: the features of tokens and the pooled vectors of B prompts, in the order of the text encoders.
            width: of the pictures, in pixels.
            height: of them.
        """
        tokens = torch.cat([hidden for hidden, _ in encoded], dim=-1)
        if not self.family.size_conditioning:
            return Conditioning(tokens=tokens)
        sizes = size_ids(width, height).to(tokens.device).expand(len(tokens), -1)
        return Conditioning(tokens=tokens, pooled=encoded[-1][1], extras={SIZE: sizes})


def load(
    family: Family,
    files: Mapping[str, TensorReader],
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> Networks:
    """Load a model.

    Args:
        family: the model's family.
        files: by part, the open file that holds it; the same for several parts if it is a single file.
        dtypes: by part, the dtype of its parameters; parts left out keep the dtypes in which they are stored.

    Raises:
        CheckpointError: a file does not hold what it should, or cannot be read.
    """
    built, report, scales = load_parts(family.parts, files, dtypes)
    unet: Any = built["unet"]
    if family.attention_float32:
        unet.set_attn_processor(Float32Attention())
    encoders = tuple(
        TextEncoder(built[part.name], part) for part in family.parts if isinstance(part, TextPart)
    )
    return Networks(
        family=family, unet=unet, vae=built["vae"], text_encoders=encoders, report=report, scales=scales
    )


def load_tiny_decoder(file: TensorReader) -> nn.Module:
    """Return the decoder of a tiny VAE, in float32: scaled latents (B, C, h, w) to pictures (B, 3, H, W) in [-1, 1].

    Raises:
        CheckpointError: the file holds none, or cannot be read.
    """
    built = on_meta(TINY_DECODER)
    match = match_part(TINY_DECODER, Listing(file.path, file.shapes), parameter_shapes(built))
    fill(built, match, file, torch.float32)
    return built


def load_parts(
    parts: Sequence[Part],
    files: Mapping[str, TensorReader],
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> tuple[dict[str, nn.Module], DryLoad, dict[str, dict[str, Tensor]]]:
    """Load networks. Arguments and errors are those of `load`.

    Returns:
        The networks by part, on the CPU, in evaluation mode, without gradients; which tensors of the files they were
        made from; and by part what its stored weights must be multiplied by.
    """
    dtypes = dtypes or {}
    built = {part.name: on_meta(part) for part in parts}
    listings = {id(file): Listing(file.path, file.shapes) for file in files.values()}
    report = dry_load_parts(
        parts,
        {name: listings[id(file)] for name, file in files.items()},
        {name: parameter_shapes(network) for name, network in built.items()},
    )
    scales = {
        name: fill(built[name], match, files[name], dtypes.get(name))
        for name, match in report.matches.items()
    }
    return built, report, scales
