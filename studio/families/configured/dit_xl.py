"""DiT-XL: a class-conditional transformer of latents, from a folder of diffusers' ``DiTPipeline``.

A prompt names one of the labels that the model was trained with (`studio.families.configured.labels`). An empty one is
the class that stands for none, which guidance compares with. Of the network's output only the prediction is used; the
other half, a learned variance, is what samplers of other programs may use and ours do not.

Source: Peebles & Xie 2023, "Scalable Diffusion Models with Transformers", arXiv 2212.09748; the folders
facebook/DiT-XL-2-256 and facebook/DiT-XL-2-512 on the Hugging Face hub.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from studio.backbones.linear_decoder import fit_linear_decoder
from studio.backbones.precision import EXACT, Precision
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.families.backbone import LatentCodec
from studio.families.configured.configs import TransformerConfig
from studio.families.configured.networks import as_load_errors, schedule_of
from studio.families.family import LatentFacts, Layout, Part
from studio.families.interface import DEFAULT_TEXT, PreviewDecoders
from studio.families.keys import same_names
from studio.families.loading import load_parts
from studio.families.model import open_parts, stored_dtype
from studio.families.parts import vae_part
from studio.messages import message
from studio.weights.compute import compute_dtype, compute_in, computed_dtype
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from studio.diffusion.schedules import Schedule
    from studio.families.configured.info import ConfiguredInfo
    from studio.families.configured.labels import Labels
    from studio.families.interface import Model, Size, TextOptions
    from studio.messages import Message

LABEL = "label"
"""The extra of a conditioning that holds the numbers of labels, int64 (B,)."""


class ClassTransformer(nn.Module):
    """diffusers' ``DiTTransformer2DModel`` as a backbone, which reads the extra `LABEL` of a conditioning."""

    def __init__(self, transformer: nn.Module, channels: int, dtype: torch.dtype = torch.float32) -> None:
        """Wrap a transformer for latents of ``channels`` that computes in ``dtype``."""
        super().__init__()
        self.transformer, self.channels, self.dtype = transformer, channels, dtype

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> Tensor:
        """Return the prediction (B, C, h, w), in its dtype, for states x at times t (B,).

        Raises:
            ValueError: the conditioning has no labels.
        """
        labels = conditioning.extras.get(LABEL)
        if labels is None:
            raise ValueError("the conditioning of this model must have labels")
        output: Any = self.transformer(x.to(self.dtype), timestep=t, class_labels=labels, return_dict=False)
        predicted: Tensor = output[0]
        return predicted[:, : self.channels]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassModel:
    """A loaded DiT. Implements `studio.families.interface.Model`.

    The autoencoder computes in float32, whatever the dtype in which its weights are stored.

    Attributes:
        card: what is known of it.
        labels: what prompts can name.
        transformer: diffusers' ``DiTTransformer2DModel``.
        codec: pictures to latents and back.
        schedule: the noise schedule that it was trained with.
        device: where the weights are.
        scales: what the transformer's stored weights must be multiplied by.
    """

    card: ConfiguredInfo
    labels: Labels
    transformer: nn.Module
    codec: LatentCodec
    schedule: Schedule
    device: torch.device
    scales: Mapping[str, Tensor] = field(default_factory=dict)

    def take_rungs(self, rungs: Collection[str]) -> None:
        """Do nothing: these models take none."""

    def modules(self) -> tuple[nn.Module, ...]:
        return (self.transformer, self.codec.vae)

    def encode_prompts(
        self, prompts: Sequence[str], size: Size, text: TextOptions = DEFAULT_TEXT
    ) -> Conditioning:
        """Return the labels that prompts name; "" is the class that stands for none.

        Raises:
            RequestError: a prompt names no label, or several.
        """
        found = [self.labels.find(prompt) for prompt in prompts]
        numbers = [self.labels.count if one is None else one for one in found]
        return Conditioning(extras={LABEL: torch.tensor(numbers, device=self.device)})

    def load_adapters(self, text: TextOptions, cancelled: threading.Event) -> None:
        """Do nothing: no adapters change this model."""

    def prompt_notes(
        self, prompt: str, negative: str, text: TextOptions = DEFAULT_TEXT
    ) -> tuple[Message, ...]:
        """Return one sentence if no label is named, so that guidance has nothing to compare."""
        if prompt.split() or negative.split():
            return ()
        return (
            message("Without a label, the picture is of nothing in particular, and guidance has no effect."),
        )

    def part_precisions(self) -> dict[str, str]:
        networks = {"transformer": self.transformer, "vae": self.codec.vae}
        return {name: str(computed_dtype(one)).removeprefix("torch.") for name, one in networks.items()}

    def supported_precision(self, fastest: Precision) -> Precision:
        stored = stored_dtype(self.transformer)
        dtype = compute_dtype(stored, self.device, reduced=fastest.dtype == "bfloat16")
        return Precision(dtype=str(dtype).removeprefix("torch."))

    def denoiser(self, precision: Precision = EXACT) -> Denoiser:
        """Return the denoiser; the weights stay as stored, or are converted if that takes no more memory."""
        dtype: torch.dtype = getattr(torch, precision.dtype)
        stored = stored_dtype(self.transformer)
        compute_in(self.transformer, dtype, scales=self.scales, cast_once=stored.itemsize >= dtype.itemsize)
        backbone = ClassTransformer(self.transformer, self.codec.channels, dtype)
        return Denoiser(backbone, self.schedule, self.card.prediction, clip=self.card.clip)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        return self.codec.decode(latents)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        return self.codec.encode(pictures)

    def preview_decoders(self, cancelled: threading.Event) -> PreviewDecoders:
        """Return a linear map that is fitted to the autoencoder."""
        if cancelled.is_set():
            raise LoadCancelled
        codec: Any = self.codec
        return PreviewDecoders(decoders=MappingProxyType({"linear": fit_linear_decoder(codec)}))


def transformer_part(config: TransformerConfig) -> Part:
    """Return the transformer as a part that is found in files."""
    return Part(
        name="transformer",
        kind="dit",
        config=config.arguments(),
        layouts=lambda _config: (Layout("", same_names, (r"pos_embed\.pos_embed",)),),
        marker="pos_embed.proj.weight",
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
    assert isinstance(info.network, TransformerConfig)
    assert info.autoencoder is not None
    assert info.labels is not None
    device = torch.device(device)
    autoencoder = info.autoencoder
    parts = [
        transformer_part(info.network),
        replace(vae_part(autoencoder.scaling_factor), config=autoencoder.arguments()),
    ]
    with ExitStack() as opened, as_load_errors(files["transformer"][0]):
        built, _, scales = load_parts(parts, open_parts(files, opened, cancelled))
    compute_in(built["vae"], torch.float32, scales=scales["vae"])
    latents = LatentFacts(
        channels=info.network.in_channels, scale=autoencoder.scaling_factor, downscale=autoencoder.downscale
    )
    return ClassModel(
        card=info,
        labels=info.labels,
        transformer=built["transformer"].to(device),
        codec=LatentCodec(built["vae"].to(device), latents),
        schedule=schedule_of(info.noise),
        device=device,
        scales={name: scale.to(device) for name, scale in scales["transformer"].items()},
    )
