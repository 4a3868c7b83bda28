"""The names that files give to a network's parameters. Needs no torch.

A *naming* is a function from the name of a parameter in diffusers' or transformers' module to the places where a file
of some layout may hold it, the usual one first. What has to be done to the tensor found there is data, so that names
and shapes of a whole file can be checked from its header.

LDM is the layout of the original implementations (CompVis, Stability AI), in which single files are; OpenCLIP is the
text encoder's layout inside them from Stable Diffusion 2 on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Operation: TypeAlias = Literal["same", "matrix", "transpose", "first third", "second third", "last third"]
"""What turns a stored tensor into the parameter.

matrix: a 1x1 convolution (N, M, 1, 1) or (N, M, 1) becomes (N, M), in which form it may be stored already.
transpose: (M, N) becomes (N, M).
first, second, last third: rows of (3 N, ...) become (N, ...).
"""

THIRDS: tuple[Operation, ...] = ("first third", "second third", "last third")


@dataclass(frozen=True)
class Source:
    """Where a file may hold a parameter."""

    key: str
    operation: Operation = "same"

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the shape after the operation on a tensor of the shape ``stored``; None: it cannot be applied."""
        match self.operation:
            case "same":
                return stored
            case "matrix":
                return stored[:2] if len(stored) >= 2 and all(size == 1 for size in stored[2:]) else None
            case "transpose":
                return stored[::-1] if len(stored) == 2 else None
            case _:
                return (stored[0] // 3, *stored[1:]) if stored and stored[0] % 3 == 0 else None


Naming: TypeAlias = "Callable[[str], tuple[Source, ...]]"


def same_names(name: str) -> tuple[Source, ...]:
    """Name parameters as the module does: diffusers' folders."""
    return (Source(name),)


# ----------------------------------------------------------------------------------------------------------- U-Net
_UNET_STEM = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_BLOCK = re.compile(
    r"(?:(?P<side>down|up)_blocks\.(?P<level>\d+)|mid_block)\.(?P<kind>[a-z]+)\.(?P<index>\d+)\.(?P<rest>.+)"
)


def ldm_unet(config: Mapping[str, object]) -> Naming:
    """Return the naming of a U-Net with diffusers' ``config`` in LDM's layout, without the prefix."""
    layers = config.get("layers_per_block", 2)
    ups = config["up_block_types"]
    if not isinstance(layers, int) or not isinstance(ups, tuple):
        raise TypeError("layers_per_block must be an int and up_block_types a tuple")
    with_attention = tuple("Attn" in str(kind) for kind in ups)
    return partial(_ldm_unet, layers=layers, with_attention=with_attention)


def _ldm_unet(name: str, *, layers: int, with_attention: tuple[bool, ...]) -> tuple[Source, ...]:
    """Return the place of one parameter.

    LDM numbers the layers of all levels through: input block 0 is the first convolution, then each level has
    ``layers`` blocks and one that halves the resolution; on the way up each level has ``layers`` + 1 blocks, and the
    last of them also doubles the resolution.
    """
    stem, _, leaf = name.rpartition(".")
    if stem in _UNET_STEM:
        return (Source(f"{_UNET_STEM[stem]}.{leaf}"),)
    found = _UNET_BLOCK.fullmatch(name)
    if found is None:
        return ()
    kind, index, rest = found["kind"], int(found["index"]), found["rest"]
    if kind == "resnets":
        layer, _, leaf = rest.rpartition(".")
        rest = f"{_UNET_RESNET.get(layer, layer)}.{leaf}"
    if found["side"] is None:
        place = f"middle_block.{2 * index + (kind == 'attentions')}"
        return (Source(f"{place}.{rest}"),)
    level = int(found["level"])
    if found["side"] == "down":
        first = 1 + level * (layers + 1)
        if kind == "downsamplers":
            return (Source(f"input_blocks.{first + layers}.0.op.{rest.removeprefix('conv.')}"),)
        return (Source(f"input_blocks.{first + index}.{int(kind == 'attentions')}.{rest}"),)
    first = level * (layers + 1)
    if kind == "upsamplers":
        return (Source(f"output_blocks.{first + layers}.{1 + with_attention[level]}.{rest}"),)
    return (Source(f"output_blocks.{first + index}.{int(kind == 'attentions')}.{rest}"),)


# ----------------------------------------------------------------------------------------------------- autoencoder
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
_VAE_BLOCK = re.compile(
    r"(?P<half>encoder|decoder)\.(?:(?:down|up)_blocks\.(?P<level>\d+)|mid_block)"
    r"\.(?P<kind>[a-z]+)\.(?P<index>\d+)\.(?P<rest>.+)"
)


def ldm_vae(config: Mapping[str, object]) -> Naming:
    """Return the naming of an autoencoder with diffusers' ``config`` in LDM's layout, without the prefix."""
    widths = config["block_out_channels"]
    if not isinstance(widths, tuple):
        raise TypeError("block_out_channels must be a tuple")
    return partial(_ldm_vae, levels=len(widths))


def _ldm_vae(name: str, *, levels: int) -> tuple[Source, ...]:
    """Return the place of one parameter.

    LDM counts the decoder's levels from the finest, diffusers from the coarsest.
    """
    found = _VAE_BLOCK.fullmatch(name)
    if found is None:
        return (Source(name.replace(".conv_norm_out.", ".norm_out.")),)
    half, kind, index, rest = found["half"], found["kind"], int(found["index"]), found["rest"]
    if kind == "attentions":
        layer, _, leaf = rest.rpartition(".")
        is_matrix = leaf == "weight" and layer != "group_norm"
        key = f"{half}.mid.attn_{index + 1}.{_VAE_ATTENTION.get(layer, layer)}.{leaf}"
        return (Source(key, "matrix" if is_matrix else "same"),)
    if kind == "resnets":
        rest = rest.replace("conv_shortcut.", "nin_shortcut.")
    if found["level"] is None:
        return (Source(f"{half}.mid.block_{index + 1}.{rest}"),)
    level = int(found["level"])
    place = f"encoder.down.{level}" if half == "encoder" else f"decoder.up.{levels - 1 - level}"
    part = {"resnets": f"block.{index}", "downsamplers": "downsample", "upsamplers": "upsample"}.get(
        kind, kind
    )
    return (Source(f"{place}.{part}.{rest}"),)


_ATTENTION = re.compile(r"(?P<place>.+\.attentions\.\d+\.)(?P<layer>.+)\.(?P<leaf>weight|bias)")


def diffusers_attention(name: str) -> tuple[Source, ...]:
    """Name parameters as diffusers' folders do, or those of attention as they did before its version 0.12."""
    found = _ATTENTION.fullmatch(name)
    if found is None or found["layer"] not in _OLD_ATTENTION:
        return (Source(name),)
    operation: Operation = "matrix" if found["leaf"] == "weight" else "same"
    old = f"{found['place']}{_OLD_ATTENTION[found['layer']]}.{found['leaf']}"
    return Source(name), Source(old, operation)


def original_tiny_decoder(name: str) -> tuple[Source, ...]:
    """Name the parameters of a tiny decoder as TAESD's own files do: its first layer, a clamp, has none."""
    found = re.fullmatch(r"layers\.(\d+)\.(.+)", name)
    return () if found is None else (Source(f"{int(found[1]) + 1}.{found[2]}"),)


# ---------------------------------------------------------------------------------------------------- text encoders
def wrapped_clip(name: str) -> tuple[Source, ...]:
    """Name a text encoder's parameters as transformers does, with "text_model." before all but the projection."""
    inner = name.removeprefix("text_model.")
    return (Source(inner if inner.startswith("text_projection.") else f"text_model.{inner}"),)


def flat_clip(name: str) -> tuple[Source, ...]:
    """Name a text encoder's parameters as transformers 5.6 and some single files do, without "text_model."."""
    return (Source(name.removeprefix("text_model.")),)


_OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_OPEN_CLIP_QKV = {"self_attn.q_proj": 0, "self_attn.k_proj": 1, "self_attn.v_proj": 2}


def open_clip(name: str) -> tuple[Source, ...]:
    """Name a text encoder's parameters as OpenCLIP does: query, key and value are one tensor."""
    name = name.removeprefix("text_model.")
    if name == "text_projection.weight":
        return Source("text_projection", "transpose"), Source("text_projection.weight")
    if name in _OPEN_CLIP:
        return (Source(_OPEN_CLIP[name]),)
    found = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if found is None:
        return ()
    index, layer, leaf = found.groups()
    place = f"transformer.resblocks.{index}"
    if layer in _OPEN_CLIP_QKV:
        return (Source(f"{place}.attn.in_proj_{leaf}", THIRDS[_OPEN_CLIP_QKV[layer]]),)
    return (Source(f"{place}.{_OPEN_CLIP_LAYER.get(layer, layer)}.{leaf}"),)
