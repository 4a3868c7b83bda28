"""The configurations in a folder of diffusers, read as strictly as a model card: JSON values and nothing else.

Folders of these families differ in their architecture, so what their networks are built from is taken from their files:
known arguments only, names of blocks from a list, bounded sizes. Nothing is imported by a name in a file. Imports no
torch.

The arguments and their defaults are those of diffusers' classes (`models/unets/unet_2d.py`,
`models/transformers/dit_transformer_2d.py`, `models/autoencoders/autoencoder_kl.py`, `schedulers/scheduling_ddpm.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import convert, must, one_of, parse
from studio.weights.files import as_checkpoint_error, read_linked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from studio.diffusion.prediction import PredictionKind

MAX_CONFIG_BYTES = 1 << 20

T = TypeVar("T", bound=msgspec.Struct)

_Channels = Annotated[int, Meta(ge=1, le=8192)]
_Layers = Annotated[int, Meta(ge=1, le=16)]
_Groups = Annotated[int, Meta(ge=1, le=256)]
_Side = Annotated[int, Meta(ge=1, le=2048)]
# Not `tuple[_Side, _Side]`: msgspec 0.22 destroys the memory of a union with a tuple of two limited numbers.
_Size = _Side | Annotated[tuple[_Side, ...], Meta(min_length=2, max_length=2)]
_Small = Annotated[float, Meta(gt=0, le=1)]
_Rate = Annotated[float, Meta(ge=0, le=1)]
_Sampling = Annotated[str, one_of(("conv", "resnet"))]
_Activation = Annotated[str, one_of(("silu", "swish", "mish", "gelu", "relu"))]
_Widths = Annotated[tuple[_Channels, ...], Meta(min_length=1, max_length=8)]
_DOWN = ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
_UP = ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")
_ENCODER, _DECODER = ("DownEncoderBlock2D",), ("UpDecoderBlock2D",)


def _levels(names: tuple[str, ...]) -> Meta:
    """Return the annotation of the names of a network's blocks."""
    reason = message("must be a list of 1 to {most} of {names}", most=8, names=", ".join(names))
    return Meta(min_length=1, max_length=8, extra=must(reason))


_Nothing = Annotated[None, Meta(extra=must(message("must be null: this program cannot use it")))]


class UNetConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of diffusers' ``UNet2DModel``: a U-Net of pixels without text.

    Raises:
        ValueError: they do not fit each other; its argument is a clause.
    """

    sample_size: _Size
    in_channels: Literal[1, 3] = 3
    out_channels: Literal[1, 2, 3, 6] = 3
    center_input_sample: bool = False
    time_embedding_type: Annotated[str, one_of(("positional",))] = "positional"
    time_embedding_dim: _Channels | None = None
    freq_shift: Annotated[int, Meta(ge=0, le=1)] = 0
    flip_sin_to_cos: bool = True
    down_block_types: Annotated[tuple[Annotated[str, one_of(_DOWN)], ...], _levels(_DOWN)] = (
        "DownBlock2D",
        "AttnDownBlock2D",
        "AttnDownBlock2D",
        "AttnDownBlock2D",
    )
    mid_block_type: Annotated[str, one_of(("UNetMidBlock2D",))] | None = "UNetMidBlock2D"
    up_block_types: Annotated[tuple[Annotated[str, one_of(_UP)], ...], _levels(_UP)] = (
        "AttnUpBlock2D",
        "AttnUpBlock2D",
        "AttnUpBlock2D",
        "UpBlock2D",
    )
    block_out_channels: _Widths = (224, 448, 672, 896)
    layers_per_block: _Layers = 2
    mid_block_scale_factor: Annotated[float, Meta(gt=0, le=100)] = 1
    downsample_padding: Annotated[int, Meta(ge=0, le=1)] = 1
    downsample_type: _Sampling = "conv"
    upsample_type: _Sampling = "conv"
    dropout: _Rate = 0.0
    act_fn: _Activation = "silu"
    attention_head_dim: _Channels | None = 8
    norm_num_groups: _Groups = 32
    attn_norm_num_groups: _Groups | None = None
    norm_eps: _Small = 1e-5
    resnet_time_scale_shift: Annotated[str, one_of(("default", "scale_shift"))] = "default"
    add_attention: bool = True
    class_embed_type: _Nothing = None
    num_class_embeds: _Nothing = None
    num_train_timesteps: Annotated[int, Meta(ge=1, le=10_000)] | None = None

    def __post_init__(self) -> None:
        levels = len(self.block_out_channels)
        if not levels == len(self.down_block_types) == len(self.up_block_types):
            raise ValueError(
                message("must have as many down_block_types and up_block_types as block_out_channels")
            )
        _check_groups(self.block_out_channels, self.norm_num_groups)
        if self.attention_head_dim is not None and any(
            width % self.attention_head_dim for width in self.block_out_channels
        ):
            raise ValueError(message("has block_out_channels that attention_head_dim does not divide"))
        if self.out_channels not in (self.in_channels, 2 * self.in_channels):
            raise ValueError(message("must have as many out_channels as in_channels, or twice as many"))
        width, height = self.size
        if width % (multiple := 2 ** (levels - 1)) or height % multiple:
            raise ValueError(
                message("must have a sample_size that is a multiple of {multiple}", multiple=multiple)
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        size = self.sample_size
        return (size, size) if isinstance(size, int) else (size[1], size[0])

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return msgspec.structs.asdict(self)


class TransformerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of diffusers' ``DiTTransformer2DModel``.

    Attributes after ``norm_eps`` are those of its older form, ``Transformer2DModel``, in which the published folders
    are; they have no effect there.

    Raises:
        ValueError: they do not fit each other; its argument is a clause.
    """

    num_attention_heads: Annotated[int, Meta(ge=1, le=256)] = 16
    attention_head_dim: Annotated[int, Meta(ge=1, le=1024)] = 72
    in_channels: Annotated[int, Meta(ge=1, le=64)] = 4
    out_channels: Annotated[int, Meta(ge=1, le=128)] | None = None
    num_layers: Annotated[int, Meta(ge=1, le=128)] = 28
    dropout: _Rate = 0.0
    norm_num_groups: _Groups = 32
    attention_bias: bool = True
    sample_size: Annotated[int, Meta(ge=1, le=512)] = 32
    patch_size: Annotated[int, Meta(ge=1, le=16)] = 2
    activation_fn: Annotated[str, one_of(("gelu-approximate", "gelu", "geglu"))] = "gelu-approximate"
    num_embeds_ada_norm: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    upcast_attention: bool = False
    norm_type: Annotated[str, one_of(("ada_norm_zero",))] = "ada_norm_zero"
    norm_elementwise_affine: bool = False
    norm_eps: _Small = 1e-5
    cross_attention_dim: _Nothing = None
    num_vector_embeds: _Nothing = None
    caption_channels: _Nothing = None
    interpolation_scale: _Nothing = None
    use_additional_conditions: bool | None = None
    only_cross_attention: Literal[False] = False
    double_self_attention: Literal[False] = False
    use_linear_projection: bool = False
    attention_type: Annotated[str, one_of(("default",))] = "default"

    def __post_init__(self) -> None:
        if self.out_channels not in (None, self.in_channels, 2 * self.in_channels):
            raise ValueError(message("must have as many out_channels as in_channels, or twice as many"))
        if self.sample_size % self.patch_size:
            raise ValueError(
                message("must have a sample_size that is a multiple of {multiple}", multiple=self.patch_size)
            )
        if self.num_attention_heads * self.attention_head_dim % 4:
            raise ValueError(message("must have a width that is a multiple of {multiple}", multiple=4))

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if name not in _OLD_ARGUMENTS}


_OLD_ARGUMENTS = frozenset(
    {
        "cross_attention_dim",
        "num_vector_embeds",
        "caption_channels",
        "interpolation_scale",
        "use_additional_conditions",
        "only_cross_attention",
        "double_self_attention",
        "use_linear_projection",
        "attention_type",
    }
)


class AutoencoderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of diffusers' ``AutoencoderKL``.

    Raises:
        ValueError: they do not fit each other; its argument is a clause.
    """

    in_channels: Literal[3] = 3
    out_channels: Literal[3] = 3
    down_block_types: Annotated[tuple[Annotated[str, one_of(_ENCODER)], ...], _levels(_ENCODER)] = (
        "DownEncoderBlock2D",
    )
    up_block_types: Annotated[tuple[Annotated[str, one_of(_DECODER)], ...], _levels(_DECODER)] = (
        "UpDecoderBlock2D",
    )
    block_out_channels: _Widths = (64,)
    layers_per_block: _Layers = 1
    act_fn: _Activation = "silu"
    latent_channels: Annotated[int, Meta(ge=1, le=64)] = 4
    norm_num_groups: _Groups = 32
    sample_size: _Size = 32
    scaling_factor: Annotated[float, Meta(gt=1e-3, le=100)] = 0.18215
    shift_factor: _Nothing = None
    latents_mean: _Nothing = None
    latents_std: _Nothing = None
    force_upcast: bool = True
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True
    mid_block_add_attention: bool = True

    def __post_init__(self) -> None:
        if not len(self.block_out_channels) == len(self.down_block_types) == len(self.up_block_types):
            raise ValueError(
                message("must have as many down_block_types and up_block_types as block_out_channels")
            )
        _check_groups(self.block_out_channels, self.norm_num_groups)

    @property
    def downscale(self) -> int:
        """Pixels per latent along each side."""
        return int(2 ** (len(self.block_out_channels) - 1))

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return msgspec.structs.asdict(self)


class _Scheduler(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration of a scheduler says of the noise; all else concerns diffusers' samplers."""

    num_train_timesteps: Annotated[int, Meta(ge=2, le=10_000)] = 1000
    beta_schedule: Annotated[str, one_of(("linear", "scaled_linear", "squaredcos_cap_v2"))] = "linear"
    beta_start: Annotated[float, Meta(gt=0, lt=1)] = 1e-4
    beta_end: Annotated[float, Meta(gt=0, lt=1)] = 0.02
    trained_betas: _Nothing = None
    prediction_type: Annotated[str, one_of(("epsilon", "v_prediction", "sample"))] = "epsilon"
    clip_sample: bool | None = None
    clip_sample_range: float = 1.0
    thresholding: Annotated[
        Literal[False], Meta(extra=must(message("must be false: this program cannot use it")))
    ] = False
    rescale_betas_zero_snr: bool = False
    steps_offset: Annotated[int, Meta(ge=0, le=1)] = 0
    timestep_spacing: str = "leading"


_CLIPPING = frozenset({"DDPMScheduler", "DDIMScheduler"})
_SCHEDULERS = _CLIPPING | {
    "PNDMScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DEISMultistepScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "LMSDiscreteScheduler",
    "UniPCMultistepScheduler",
}
_NAMES = {"linear": "linear", "scaled_linear": "scaled_linear", "squaredcos_cap_v2": "cosine"}
_PREDICTIONS: dict[str, PredictionKind] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """How a model was trained to remove noise.

    Attributes:
        schedule: a name in `studio.diffusion.schedules.SCHEDULES`.
        T: its number of times.
        beta_start: of the first time; None for "cosine", which has none.
        beta_end: of the last.
        zero_terminal_snr: whether it is rescaled to end without signal.
        steps_offset: what diffusers adds to the times of the spacing "leading".
        prediction: the meaning of the network's output.
        clip: whether x0_hat is clipped to [-1, 1].
        spacing: the spacing that the folder recommends, "leading" or "trailing".
    """

    schedule: str
    T: int
    beta_start: float | None = None
    beta_end: float | None = None
    zero_terminal_snr: bool = False
    steps_offset: int = 0
    prediction: PredictionKind = "eps"
    clip: bool = False
    spacing: str = "leading"

    @property
    def parameters(self) -> dict[str, Any]:
        """What its table is built from, as JSON values."""
        values = {"T": self.T, "beta_start": self.beta_start, "beta_end": self.beta_end}
        return {name: value for name, value in values.items() if value is not None}


def read_noise(path: Path) -> Noise:
    """Return what the configuration of a scheduler says of the noise.

    Raises:
        CheckpointError: it cannot be read, or says something that this program cannot do.
    """
    values = read_values(path)
    kind = values.get("_class_name")
    if kind not in _SCHEDULERS:
        reason = message(
            "has the scheduler {name}, whose noise this program does not know", name=repr(kind)[:60]
        )
        raise CheckpointError(path, reason)
    known = _Scheduler.__struct_fields__
    found = _converted({name: value for name, value in values.items() if name in known}, _Scheduler, path)
    clip = kind in _CLIPPING if found.clip_sample is None else found.clip_sample
    if clip and found.clip_sample_range != 1:
        raise CheckpointError(path, message("clips pictures to another range than -1 to 1"))
    if found.beta_schedule != "squaredcos_cap_v2" and found.beta_end < found.beta_start:
        raise CheckpointError(path, message("has a beta_end below its beta_start"))
    with_betas = found.beta_schedule != "squaredcos_cap_v2"
    return Noise(
        schedule=_NAMES[found.beta_schedule],
        T=found.num_train_timesteps,
        beta_start=found.beta_start if with_betas else None,
        beta_end=found.beta_end if with_betas else None,
        zero_terminal_snr=found.rescale_betas_zero_snr,
        steps_offset=found.steps_offset,
        prediction=_PREDICTIONS[found.prediction_type],
        clip=clip,
        spacing="trailing" if found.timestep_spacing == "trailing" else "leading",
    )


def read_config(path: Path, kind: type[T]) -> T:
    """Return the arguments of a network from its configuration; names that begin with "_" are diffusers' own notes.

    Raises:
        CheckpointError: it cannot be read, has an unknown argument, or one that is out of bounds.
    """
    values = {name: value for name, value in read_values(path).items() if not name.startswith("_")}
    return _converted(values, kind, path)


def read_values(path: Path) -> Mapping[str, Any]:
    """Return the JSON object in a small file; links to regular files are followed. Raises CheckpointError."""
    with as_checkpoint_error(path):
        values = parse(read_linked(path, MAX_CONFIG_BYTES))
    if not isinstance(values, dict):
        raise CheckpointError(path, message("is not a JSON object"))
    return values


def _converted(values: Mapping[str, Any], kind: type[T], path: Path) -> T:
    with as_checkpoint_error(path):
        return convert(values, kind)


def _check_groups(widths: tuple[int, ...], groups: int) -> None:
    if any(width % groups for width in widths):
        raise ValueError(message("has block_out_channels that norm_num_groups does not divide"))
