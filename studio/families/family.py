"""What a family of models is: its networks, how files name them, and what its pictures need. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from studio.diffusion.prediction import PredictionKind
    from studio.families.keys import Naming

NetworkKind: TypeAlias = Literal["unet", "vae", "tiny decoder", "clip", "projected clip", "pixel unet", "dit"]
"""The class of a part: diffusers' U-Net, autoencoder or decoder of its tiny autoencoder, transformers' text model
without or with a projection, diffusers' U-Net without text or its class-conditional transformer.
"""

PART_LABELS: Mapping[str, Message] = MappingProxyType(
    {
        "unet": message("U-Net"),
        "transformer": message("transformer"),
        "vae": message("autoencoder (VAE)"),
        "tiny_vae": message("tiny VAE"),
        "text_encoder": message("text encoder"),
        "text_encoder_2": message("second text encoder"),
    }
)
"""What people call the parts; the keys are the names of their folders in diffusers' layout, but for the tiny VAE."""


@dataclass(frozen=True)
class Layout:
    """One way in which files name a part's parameters.

    Attributes:
        prefix: what stands before each name.
        naming: the names after it.
        ignored: regular expressions of names, after the prefix, that real files hold and nothing needs.
    """

    prefix: str
    naming: Naming
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A network of a model.

    Attributes:
        name: the name of its folder in diffusers' layout, a key of `PART_LABELS`.
        kind: its class.
        config: the constructor's arguments.
        layouts: a function from ``config`` to the layouts in which files hold it; of those that fit a file, the first
            is taken.
        marker: a parameter that every file with this part holds and whose name differs between the layouts.
    """

    name: str
    kind: NetworkKind
    config: Mapping[str, object]
    layouts: Callable[[Mapping[str, object]], tuple[Layout, ...]]
    marker: str


@dataclass(frozen=True, kw_only=True)
class TextPart(Part):
    """A text encoder.

    Attributes:
        pad_token: the token that fills a chunk after the text's end.
        clip_skip: how many of the last layers are left out, plus one, as A1111 counts: 1 is the last layer's output.
        last_layer: the smallest clip skip; 2 if the last layer is not there.
        final_norm: whether the final layer norm follows the layer that is used.
    """

    pad_token: int
    clip_skip: int = 1
    last_layer: int = 1
    final_norm: bool = True

    @property
    def largest_clip_skip(self) -> int:
        """The clip skip of the first layer."""
        layers = self.config["num_hidden_layers"]
        assert isinstance(layers, int)
        return layers + self.last_layer - 1


@dataclass(frozen=True, kw_only=True)
class LatentFacts:
    """The latents of a family.

    Attributes:
        channels: of the latents.
        scale: what the autoencoder's latents are multiplied by before they are noised, so that their variance is
            about 1.
        downscale: pixels per latent, in each direction.
    """

    channels: int = 4
    scale: float
    downscale: int = 8


@dataclass(frozen=True, kw_only=True)
class ScheduleFacts:
    """The noise schedule that a family was trained with.

    Attributes:
        name: a name in `studio.diffusion.schedules.SCHEDULES`.
        T: its number of times.
        beta_start: of the first time.
        beta_end: of the last.
        steps_offset: what diffusers adds to the times of the spacing "leading".
    """

    name: str = "scaled_linear"
    T: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    steps_offset: int = 1


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a run is set to when a model is chosen.

    Attributes:
        steps: number of steps.
        guidance: scale of classifier-free guidance; 1 is off.
        sampler: a name in `studio.diffusion.samplers.SAMPLERS`.
        spacing: a name in `studio.diffusion.spacings.SPACINGS`.
    """

    steps: int
    guidance: float
    sampler: str
    spacing: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models.

    Attributes:
        name: its key.
        title: what people call it.
        parts: its networks; the U-Net first, then the autoencoder, then the text encoders in the order in which
            their outputs are joined.
        latents: what the autoencoder's latents are like.
        schedule: the noise schedule.
        prediction: the meaning of the U-Net's output, unless a file says otherwise.
        sizes: the trained sizes, width and height in pixels, the usual one first.
        size_multiple: what width and height must be a multiple of.
        defaults: settings of a run.
        variants: by name, the settings of distilled models that have the same networks.
        size_conditioning: whether the U-Net is conditioned on the sizes of the picture and of its crop.
        attention_float32: whether attention overflows in float16 and is computed in float32 there.
        vae_dtypes: the dtypes in which the autoencoder works, the most exact first.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    latents: LatentFacts
    schedule: ScheduleFacts = field(default_factory=ScheduleFacts)
    prediction: PredictionKind = "eps"
    sizes: tuple[tuple[int, int], ...]
    size_multiple: int = 8
    defaults: Defaults
    variants: Mapping[str, Defaults] = field(default_factory=dict)
    size_conditioning: bool = False
    attention_float32: bool = False
    vae_dtypes: tuple[str, ...] = ("float32", "bfloat16")

    def part(self, name: str) -> Part:
        """Return the part of that name. Raises KeyError if there is none."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)

    @property
    def text_parts(self) -> tuple[TextPart, ...]:
        """The text encoders."""
        return tuple(part for part in self.parts if isinstance(part, TextPart))
