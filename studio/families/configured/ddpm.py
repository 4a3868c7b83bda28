"""DDPM: a U-Net of pixels without text, from a folder of diffusers' ``DDPMPipeline`` or ``DDIMPipeline``.

Source: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239; the folders google/ddpm-cifar10-32
and google/ddpm-celebahq-256 on the Hugging Face hub.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from studio.backbones.precision import EXACT, Precision
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.families.configured.configs import UNetConfig
from studio.families.configured.networks import as_load_errors, schedule_of
from studio.families.family import Layout, Part
from studio.families.interface import DEFAULT_TEXT, PreviewDecoders
from studio.families.keys import diffusers_attention
from studio.families.loading import load_parts
from studio.families.model import open_parts, stored_dtype
from studio.weights.compute import compute_dtype, compute_in, computed_dtype

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from studio.diffusion.schedules import Schedule
    from studio.families.configured.info import ConfiguredInfo
    from studio.families.interface import Model, Size, TextOptions
    from studio.messages import Message


class PixelUNet(nn.Module):
    """diffusers' ``UNet2DModel`` as a backbone; of an output with a learned variance only the mean is used."""

    def __init__(
        self,
        unet: nn.Module,
        channels: int,
        dtype: torch.dtype = torch.float32,
        *,
        channels_last: bool = False,
    ) -> None:
        """Wrap a U-Net for pictures of ``channels`` that computes in ``dtype``."""
        super().__init__()
        self.unet, self.channels, self.dtype = unet, channels, dtype
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> Tensor:
        """Return the U-Net's prediction (B, C, H, W), in its dtype, for states x at times t (B,)."""
        output: Any = self.unet(x.to(self.dtype, memory_format=self.layout), t, return_dict=False)
        predicted: Tensor = output[0]
        return predicted[:, : self.channels]


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelModel:
    """A loaded DDPM, whose states are pictures. Implements `studio.families.interface.Model`.

    Attributes:
        card: what is known of it.
        unet: diffusers' ``UNet2DModel``.
        schedule: the noise schedule that it was trained with.
        device: where the weights are.
        scales: what its stored weights must be multiplied by.
    """

    card: ConfiguredInfo
    unet: nn.Module
    schedule: Schedule
    device: torch.device
    scales: Mapping[str, Tensor] = field(default_factory=dict)

    def take_rungs(self, rungs: Collection[str]) -> None:
        """Do nothing: these models take none."""

    def modules(self) -> tuple[nn.Module, ...]:
        return (self.unet,)

    def encode_prompts(
        self, prompts: Sequence[str], size: Size, text: TextOptions = DEFAULT_TEXT
    ) -> Conditioning:
        """Return an empty conditioning: the model takes no text."""
        return Conditioning()

    def load_adapters(self, text: TextOptions, cancelled: threading.Event) -> None:
        """Do nothing: no adapters change this model."""

    def prompt_notes(
        self, prompt: str, negative: str, text: TextOptions = DEFAULT_TEXT
    ) -> tuple[Message, ...]:
        return ()

    def part_precisions(self) -> dict[str, str]:
        return {"unet": str(computed_dtype(self.unet)).removeprefix("torch.")}

    def supported_precision(self, fastest: Precision) -> Precision:
        dtype = compute_dtype(stored_dtype(self.unet), self.device, reduced=fastest.dtype == "bfloat16")
        return Precision(dtype=str(dtype).removeprefix("torch."), channels_last=fastest.channels_last)

    def denoiser(self, precision: Precision = EXACT) -> Denoiser:
        """Return the denoiser; the weights stay as stored, or are converted if that takes no more memory."""
        unet: Any = self.unet
        dtype: torch.dtype = getattr(torch, precision.dtype)
        stored = stored_dtype(unet)
        # The first parameter's dtype is the one in which diffusers' U-Net embeds the time.
        compute_in(unet.conv_in, dtype, scales=_of_layer(self.scales, "conv_in."), cast_once=True)
        compute_in(
            unet,
            dtype,
            scales={name: scale for name, scale in self.scales.items() if not name.startswith("conv_in.")},
            cast_once=stored.itemsize >= dtype.itemsize,
            channels_last=precision.channels_last,
        )
        backbone = PixelUNet(
            unet, self.card.network.in_channels, dtype, channels_last=precision.channels_last
        )
        return Denoiser(backbone, self.schedule, self.card.prediction, clip=self.card.clip)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures of three channels; those of a model of grey pictures are equal."""
        return latents.expand(-1, 3, -1, -1)

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the pictures as states; for a model of grey pictures the mean of their channels."""
        return pictures if self.card.network.in_channels == 3 else pictures.mean(dim=1, keepdim=True)

    def preview_decoders(self, cancelled: threading.Event) -> PreviewDecoders:
        """Return none: its own decoder costs nothing."""
        return PreviewDecoders()


def _of_layer(scales: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): scale for name, scale in scales.items() if name.startswith(prefix)}


def unet_part(config: UNetConfig) -> Part:
    """Return the U-Net as a part that is found in files."""
    return Part(
        name="unet",
        kind="pixel unet",
        config=config.arguments(),
        layouts=lambda _config: (Layout("", diffusers_attention),),
        marker="conv_in.weight",
    )


def load(
    info: ConfiguredInfo,
    files: Mapping[str, Sequence[Path]],
    *,
    device: torch.device | str = "cpu",
    cancelled: threading.Event | None = None,
) -> Model:
    """Load a model from safetensors files.

    Args:
        info: what is known of it.
        files: by part, the file that holds it, or its shards.
        device: where the weights go.
        cancelled: stops the load when set.

    Raises:
        CheckpointError: a file cannot be read, or does not hold what it should.
        LoadCancelled: ``cancelled`` was set.
    """
    assert isinstance(info.network, UNetConfig)
    device = torch.device(device)
    with ExitStack() as opened, as_load_errors(files["unet"][0]):
        parts = [unet_part(info.network)]
        built, _, scales = load_parts(parts, open_parts(files, opened, cancelled))
    return PixelModel(
        card=info,
        unet=built["unet"].to(device),
        schedule=schedule_of(info.noise),
        device=device,
        scales={name: scale.to(device) for name, scale in scales["unet"].items()},
    )
