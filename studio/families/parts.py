"""The parts that several families share, and the layouts in which files hold them. Imports no torch."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from studio.families.configs import AUTOENCODER, CLIP_L, END_TOKEN
from studio.families.family import Layout, Part, TextPart
from studio.families.keys import (
    diffusers_attention,
    flat_clip,
    ldm_unet,
    ldm_vae,
    open_clip,
    original_tiny_decoder,
    same_names,
    wrapped_clip,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POSITIONS = r"(?:text_model\.)?embeddings\.position_ids"
_CLIP_EXTRAS = (_POSITIONS, r"logit_scale", r"text_projection(?:\.weight)?")


def unet_part(config: Mapping[str, object]) -> Part:
    """Return the U-Net with diffusers' ``config``."""
    return Part(name="unet", kind="unet", config=config, layouts=_unet_layouts, marker="conv_in.weight")


def _unet_layouts(config: Mapping[str, object]) -> tuple[Layout, ...]:
    ldm = ldm_unet(config)
    return (Layout("model.diffusion_model.", ldm), Layout("", same_names), Layout("", ldm))


def vae_part(scale: float) -> Part:
    """Return the autoencoder; ``scale`` is that of the family's latents."""
    return Part(
        name="vae",
        kind="vae",
        config={**AUTOENCODER, "scaling_factor": scale},
        layouts=_vae_layouts,
        marker="decoder.mid_block.attentions.0.to_q.weight",
    )


def _vae_layouts(config: Mapping[str, object]) -> tuple[Layout, ...]:
    ldm, ignored = ldm_vae(config), (r"loss\..+", r"model_ema\..+")
    return (
        Layout("first_stage_model.", ldm, ignored),
        Layout("vae.", ldm, ignored),
        Layout("", ldm, ignored),
        Layout("", diffusers_attention),
    )


def _tiny_layouts(_config: Mapping[str, object]) -> tuple[Layout, ...]:
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
    layouts=_tiny_layouts,
    marker="layers.2.conv.0.weight",
)
"""The decoder of the tiny VAEs TAESD and TAESDXL, which only differ in their weights.

Its files are named as in TAESD's own repository, as in ComfyUI's pairs of encoder and decoder, or as in diffusers.

Source: ``taesd.py`` of https://github.com/madebyollin/taesd; the configuration is that of the repository
madebyollin/taesd on the Hugging Face hub.
"""


def clip_l_part(
    prefix: str, *, config: Mapping[str, object] = CLIP_L, clip_skip: int, final_norm: bool
) -> TextPart:
    """Return CLIP ViT-L/14, which single files hold after ``prefix``."""

    def layouts(_config: Mapping[str, object]) -> tuple[Layout, ...]:
        extras = (*_CLIP_EXTRAS, r"vision_model\..+", r"visual_projection\.weight")
        return (
            Layout(prefix, wrapped_clip, extras),
            Layout(prefix, flat_clip, extras),
            Layout("", wrapped_clip, extras),
            Layout("", flat_clip, extras),
        )

    return TextPart(
        name="text_encoder",
        kind="clip",
        config=config,
        layouts=layouts,
        marker="final_layer_norm.weight",
        pad_token=END_TOKEN,
        clip_skip=clip_skip,
        final_norm=final_norm,
    )


def open_clip_layouts(
    prefix: str, *, spare_layer: bool = False
) -> Callable[[Mapping[str, object]], tuple[Layout, ...]]:
    """Return the layouts of an OpenCLIP text encoder, which single files hold after ``prefix``.

    Args:
        prefix: what stands before its names in a single file.
        spare_layer: whether files hold one layer more than the family uses, and a projection that it does not use.
    """

    def layouts(config: Mapping[str, object]) -> tuple[Layout, ...]:
        extras = [r"logit_scale", r"attn_mask"]
        if spare_layer:
            layer = config["num_hidden_layers"]
            extras += [rf"transformer\.resblocks\.{layer}\..+", r"text_projection(?:\.weight)?"]
        return (
            Layout(prefix, open_clip, tuple(extras)),
            Layout("", wrapped_clip, (_POSITIONS,)),
            Layout("", flat_clip, (_POSITIONS,)),
            Layout("", open_clip, tuple(extras)),
        )

    return layouts
