"""Stable Diffusion 1.x.

Source: Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv 2112.10752; the
configuration is that of the repository stable-diffusion-v1-5.
"""

from __future__ import annotations

from types import MappingProxyType

from studio.families.family import Defaults, Family, LatentFacts
from studio.families.parts import clip_l_part, unet_part, vae_part

LATENTS = LatentFacts(scale=0.18215)

UNET = MappingProxyType(
    {
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "attention_head_dim": 8,  # diffusers means the number of heads
        "cross_attention_dim": 768,
        "norm_num_groups": 32,
        "sample_size": 64,
    }
)

SD1 = Family(
    name="sd1",
    title="Stable Diffusion 1.x",
    parts=(
        unet_part(UNET),
        vae_part(LATENTS.scale),
        clip_l_part("cond_stage_model.transformer.", clip_skip=1, final_norm=True),
    ),
    latents=LATENTS,
    sizes=((512, 512), (576, 448), (448, 576), (640, 384), (384, 640), (768, 512), (512, 768)),
    defaults=Defaults(steps=20, guidance=7.0, sampler="dpmpp_2m", spacing="karras"),
)
