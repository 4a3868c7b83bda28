"""What the rest of the program needs from a model, whatever its family and however it is stored.

A model is known in two steps. `ModelInfo` is what its files say without loading weights: enough for lists, for checking
a request and for planning memory. `Model` is the loaded model, which the engine samples. Both are structural types: a
family implements them with classes of its own. `studio.checkpoints.card.ModelCard` and
`studio.checkpoints.model.NativeModel` are the implementations for this program's own format.

The engine calls a model only in the thread that owns the device, without gradients. Imports no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor

    from studio.backbones.precision import Precision
    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.denoiser import Denoiser
    from studio.diffusion.prediction import PredictionKind
    from studio.diffusion.schedules import Schedule
    from studio.errors import CheckpointError
    from studio.messages import Message
    from studio.prompts.emphasis import Emphasis

Size: TypeAlias = tuple[int, int]
"""Width and height of a picture in pixels."""

PreviewTier: TypeAlias = Literal["small", "linear"]
"""The decoders that are cheaper than the model's own, best first."""


@dataclass(frozen=True, kw_only=True)
class SizeRule:
    """The sizes that a model makes besides those that it offers.

    Attributes:
        multiple: what width and height must be multiples of, in pixels.
        minimum: the smallest side in pixels.
        maximum: the largest side in pixels.
    """

    multiple: int
    minimum: int
    maximum: int

    def allows(self, width: int, height: int) -> bool:
        """Whether pictures of this size can be made."""
        return all(
            self.minimum <= side <= self.maximum and side % self.multiple == 0 for side in (width, height)
        )

    def nearest(self, side: float) -> int:
        """Return the allowed side, in pixels, that is nearest to ``side``."""
        low, high = -(-self.minimum // self.multiple), self.maximum // self.multiple
        return min(max(math.floor(side / self.multiple + 0.5), low), high) * self.multiple


class PartInfo(Protocol):
    """A part of a model, as lists show it."""

    @property
    def kind(self) -> str:
        """What it is, such as "unet" or "scaled_linear"."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What it is built from: JSON values."""


class RunDefaults(Protocol):
    """The values of settings that a request leaves open."""

    @property
    def sampler(self) -> str:
        """A name in `studio.diffusion.samplers.SAMPLERS`."""

    @property
    def steps(self) -> int:
        """Number of sampling steps."""

    @property
    def guidance(self) -> float:
        """The scale of classifier-free guidance; 1 is off."""

    @property
    def spacing(self) -> str:
        """A name in `studio.diffusion.spacings.SPACINGS`."""


@dataclass(frozen=True, kw_only=True)
class LoraUse:
    """A LoRA that a request applies.

    Attributes:
        name: as the prompt has it.
        path: its file.
        weight: of its changes to the U-Net.
        text_weight: of its changes to the text encoders.
    """

    name: str
    path: Path
    weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class InversionUse:
    """A textual inversion that a prompt refers to.

    Attributes:
        name: as prompts have it, in small letters.
        path: its file.
        tokens: how many tokens it stands for.
    """

    name: str
    path: Path
    tokens: int


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How CLIP reads the prompts of a request, and the files that they refer to.

    Attributes:
        emphasis: the rule for the weights in prompts.
        clip_skip: which layer's output of the text encoders is used, as A1111 counts: 1 is the last, 2 the one before;
            None: the family's default.
        loras: what is added to text encoders and U-Net, for both sides of guidance.
        inversions: the textual inversions in the prompts.
    """

    emphasis: Emphasis = "a1111"
    clip_skip: int | None = None
    loras: tuple[LoraUse, ...] = ()
    inversions: tuple[InversionUse, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TextDefaults:
    """What a request leaves open of its `TextOptions`, and how far it can go.

    Attributes:
        emphasis: the rule for the weights in prompts.
        clip_skip: which layer's output of the text encoders is used.
        largest_clip_skip: the one of the first layer of the encoder with the fewest layers.
    """

    emphasis: Emphasis = "a1111"
    clip_skip: int
    largest_clip_skip: int


class ModelInfo(Protocol):
    """What is known of a model before it is loaded. Two are equal if and only if they describe the same model."""

    @property
    def name(self) -> str:
        """What ``--model`` takes and what records of runs store."""

    @property
    def title(self) -> str:
        """The display name."""

    @property
    def backbone(self) -> PartInfo:
        """The network that denoises."""

    @property
    def text(self) -> PartInfo | None:
        """What reads prompts; None: the model takes none, and guidance is off."""

    @property
    def text_defaults(self) -> TextDefaults | None:
        """How CLIP reads prompts by default; None: nothing reads prompts, or it is not CLIP."""

    @property
    def schedule(self) -> PartInfo:
        """The noise schedule that it was trained with."""

    @property
    def prediction(self) -> PredictionKind:
        """What the backbone predicts."""

    @property
    def clip(self) -> bool:
        """Whether x0_hat is clipped to [-1, 1]."""

    @property
    def T(self) -> int:
        """The number of times of the schedule."""

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes to offer, trained ones first; the first is the default."""

    @property
    def size_rule(self) -> SizeRule | None:
        """The other sizes that it makes; None: it makes only those in ``sizes``."""

    @property
    def downscale(self) -> int:
        """Pixels per latent along each side."""

    @property
    def defaults(self) -> RunDefaults:
        """The values of settings that a request leaves open."""

    @property
    def licence(self) -> str:
        """The terms under which the weights may be used."""

    @property
    def training_data(self) -> str:
        """What it was trained on."""

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """Results of its evaluation; empty: not measured."""

    @property
    def parameters(self) -> int:
        """Number of parameters of all parts."""

    @property
    def weights_sha256(self) -> str:
        """The hash of the weights, by which runs and pictures identify the model; lower-case hexadecimal."""

    def latent_shape_for(self, width: int, height: int) -> tuple[int, int, int]:
        """Return (C, h, w) of the latents of pictures of ``width`` x ``height`` pixels."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything that is known as JSON values."""


def makes_size(info: ModelInfo, width: int, height: int) -> bool:
    """Whether a model makes pictures of this size."""
    rule = info.size_rule
    return (width, height) in info.sizes or (rule is not None and rule.allows(width, height))


def makes_latents(info: ModelInfo, shape: Sequence[int]) -> bool:
    """Whether ``shape`` is that of the latents (C, h, w) of a picture that the model makes."""
    if len(shape) != 3:
        return False
    width, height = shape[2] * info.downscale, shape[1] * info.downscale
    return makes_size(info, width, height) and tuple(shape) == info.latent_shape_for(width, height)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreviewDecoders:
    """The decoders of a model that are cheaper than its own.

    Attributes:
        decoders: each maps latents (1, C, h, w), which it may change, to a picture (1, 3, H, W), nominally in [-1, 1].
        fault: why one that should be there cannot be used; None if nothing is wrong.
    """

    decoders: Mapping[PreviewTier, Callable[[Tensor], Tensor]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    fault: CheckpointError | None = None


DEFAULT_TEXT: Final = TextOptions()


class Model(Protocol):
    """A loaded model: its networks in evaluation mode on one device, without gradients."""

    @property
    def card(self) -> ModelInfo:
        """What is known of it; equal to that of the installed model it was loaded from."""

    @property
    def schedule(self) -> Schedule:
        """The noise schedule that it was trained with."""

    @property
    def device(self) -> torch.device:
        """Where states and latents are."""

    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Return the networks of its parts."""

    def take_rungs(self, rungs: Collection[str]) -> None:
        """Do what makes a run fit in memory, and nothing else (see `studio.engine.memory_plan`).

        The results stay the same up to rounding, but for pictures that are decoded in tiles. A model that supports no
        rungs does nothing.
        """

    def encode_prompts(
        self, prompts: Sequence[str], size: Size, text: TextOptions = DEFAULT_TEXT
    ) -> Conditioning:
        """Return the conditioning of one picture for each prompt, on `device`; an empty one if the model takes no text.

        A prompt must give the same bits whatever it is encoded with: the engine encodes each alone. The conditionings
        of two prompts may have different layouts (see `Conditioning.layout`); they then do not share a model call.

        Args:
            prompts: B texts; "" means no prompt.
            size: of the pictures, for families that condition on it.
            text: how prompts are read; only for models with `ModelInfo.text_defaults`. LoRA tags in the prompts are
                skipped: what is applied are ``text.loras``.
        """

    def load_adapters(self, text: TextOptions, cancelled: threading.Event) -> None:
        """Load the files that prompts refer to, so that nothing has to be read while sampling.

        Raises:
            CheckpointError: a file cannot be read, or is not for this model.
            LoadCancelled: ``cancelled`` was set.
        """

    def prompt_notes(
        self, prompt: str, negative: str, text: TextOptions = DEFAULT_TEXT
    ) -> tuple[Message, ...]:
        """Return one sentence for each part of the prompts that the model does not read; "" means no prompt."""

    def supported_precision(self, fastest: Precision) -> Precision:
        """Return the precision of its backbone on a device where ``fastest`` is the fastest.

        Text encoder and codec compute in whatever precision their family needs. Results stay float32.
        """

    def part_precisions(self) -> Mapping[str, str]:
        """Return the precision in which each part computes once `denoiser` was called; empty: all in the backbone's."""

    def denoiser(self, precision: Precision) -> Denoiser:
        """Return what samplers query, in a precision that `supported_precision` returned.

        It takes and returns float32 states. Weights may be converted in place: called once for a loaded model.
        """

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents (B, C, h, w), which it may change, to pictures (B, 3, H, W), nominally in [-1, 1]."""

    def encode(self, pictures: Tensor) -> Tensor:
        """Encode pictures (B, 3, H, W) in [-1, 1] as latents (B, C, h, w) of about unit variance."""

    def preview_decoders(self, cancelled: threading.Event) -> PreviewDecoders:
        """Load or fit the decoders that are cheaper than `decode`; called once for a loaded model.

        Raises:
            LoadCancelled: ``cancelled`` was set.
        """
