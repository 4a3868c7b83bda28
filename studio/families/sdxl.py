"""Stable Diffusion XL and its fine-tunes.

Two text encoders: the penultimate outputs of CLIP ViT-L/14 and OpenCLIP ViT-bigG/14 are joined along the channels,
neither normalised; the projected output of the second conditions the U-Net as a whole, with the sizes of the picture
and its crop.

Source: Podell et al. 2023, "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", arXiv
2307.01952; the configuration is that of the repository stable-diffusion-xl-base-1.0, the sizes are those of the paper's
appendix I near the ratios that artists use.
"""

from __future__ import annotations

from types import MappingProxyType

from studio.families.configs import OPEN_CLIP_BIGG
from studio.families.family import Defaults, Family, LatentFacts, TextPart
from studio.families.parts import clip_l_part, open_clip_layouts, unet_part, vae_part

LATENTS = LatentFacts(scale=0.13025)

UNET = MappingProxyType(
    {
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (320, 640, 1280),
        "layers_per_block": 2,
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),  # diffusers means the number of heads
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "norm_num_groups": 32,
        "sample_size": 128,
    }
)

SECOND_TEXT_ENCODER = TextPart(
    name="text_encoder_2",
    kind="projected clip",
    config=OPEN_CLIP_BIGG,
    layouts=open_clip_layouts("conditioner.embedders.1.model."),
    marker="final_layer_norm.weight",
    pad_token=0,
    clip_skip=2,
    final_norm=False,
)

SDXL = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    parts=(
        unet_part(UNET),
        vae_part(LATENTS.scale),
        clip_l_part("conditioner.embedders.0.transformer.", clip_skip=2, final_norm=False),
        SECOND_TEXT_ENCODER,
    ),
    latents=LATENTS,
    sizes=(
        (1024, 1024),
        (1152, 896),
        (896, 1152),
        (1216, 832),
        (832, 1216),
        (1344, 768),
        (768, 1344),
        (1536, 640),
        (640, 1536),
    ),
    defaults=Defaults(steps=25, guidance=7.0, sampler="dpmpp_2m", spacing="karras"),
    variants=MappingProxyType(
        {
            "turbo": Defaults(steps=1, guidance=1.0, sampler="euler_ancestral", spacing="turbo"),
            "lightning": Defaults(steps=8, guidance=1.0, sampler="euler", spacing="sgm_uniform"),
            "lcm": Defaults(steps=6, guidance=1.8, sampler="lcm", spacing="sgm_uniform"),
            "hyper": Defaults(steps=8, guidance=1.0, sampler="euler", spacing="sgm_uniform"),
        }
    ),
    size_conditioning=True,
)
