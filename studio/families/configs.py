"""The configurations of networks that several families share, as their authors published them.

The keys are the constructor arguments of diffusers' and transformers' classes. Arguments left out have the library's
default, which equals the published value; the tests compare parameter counts with those published.

Sources: ``text_encoder/config.json``, ``text_encoder_2/config.json`` and ``vae/config.json`` of the repositories
stable-diffusion-v1-5, stable-diffusion-2-1 and stable-diffusion-xl-base-1.0 on the Hugging Face hub.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VOCABULARY = 49_408
"""Tokens of CLIP's vocabulary."""

BEGIN_TOKEN, END_TOKEN = 49_406, 49_407

_CLIP = {
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 77,
    "layer_norm_eps": 1e-5,
    "bos_token_id": BEGIN_TOKEN,
    # The published files say 2, which transformers reads as "the largest token of the text is its end". That holds
    # for CLIP's own tokens but not if embeddings are appended to the vocabulary.
    "eos_token_id": END_TOKEN,
    "pad_token_id": 1,
}

CLIP_L: Mapping[str, object] = MappingProxyType(
    {
        **_CLIP,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "hidden_act": "quick_gelu",
        "projection_dim": 768,
    }
)
"""OpenAI's CLIP ViT-L/14."""

OPEN_CLIP_H: Mapping[str, object] = MappingProxyType(
    {
        **_CLIP,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        # Of 24: Stable Diffusion 2 never uses the last.
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 512,
    }
)
"""OpenCLIP ViT-H/14 as Stable Diffusion 2 uses it."""

OPEN_CLIP_BIGG: Mapping[str, object] = MappingProxyType(
    {
        **_CLIP,
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 20,
        "hidden_act": "gelu",
        "projection_dim": 1280,
    }
)
"""OpenCLIP ViT-bigG/14."""

AUTOENCODER: Mapping[str, object] = MappingProxyType(
    {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "act_fn": "silu",
        "latent_channels": 4,
        "norm_num_groups": 32,
        "sample_size": 512,
    }
)
"""The autoencoder of Stable Diffusion 1, 2 and XL; only its weights and the scale of its latents differ."""
