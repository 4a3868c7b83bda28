"""Stable Diffusion 2.x: the base models predict eps at 512 pixels, the others v at 768.

The two have the same names and shapes; what a file predicts is decided where models are recognised.

Source: the configuration is that of the repositories stable-diffusion-2-1 and stable-diffusion-2-1-base.
"""

from __future__ import annotations

from types import MappingProxyType

from studio.families.configs import OPEN_CLIP_H
from studio.families.family import Defaults, Family, LatentFacts, TextPart
from studio.families.parts import open_clip_layouts, unet_part, vae_part

LATENTS = LatentFacts(scale=0.18215)

UNET = MappingProxyType(
    {
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "attention_head_dim": (5, 10, 20, 20),  # diffusers means the number of heads
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
        "norm_num_groups": 32,
        "sample_size": 96,
    }
)

TEXT_ENCODER = TextPart(
    name="text_encoder",
    kind="clip",
    config=OPEN_CLIP_H,
    layouts=open_clip_layouts("cond_stage_model.model.", spare_layer=True),
    marker="final_layer_norm.weight",
    pad_token=0,
    clip_skip=2,
    last_layer=2,
    final_norm=True,
)

SD2 = Family(
    name="sd2",
    title="Stable Diffusion 2.x",
    parts=(unet_part(UNET), vae_part(LATENTS.scale), TEXT_ENCODER),
    latents=LATENTS,
    prediction="v",
    sizes=((768, 768), (512, 512), (896, 640), (640, 896), (960, 576), (576, 960)),
    defaults=Defaults(steps=25, guidance=7.0, sampler="dpmpp_2m", spacing="karras"),
    attention_float32=True,
)
