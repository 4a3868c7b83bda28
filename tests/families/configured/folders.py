"""Folders as diffusers itself saves them: true classes, few and narrow layers, random weights."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
from diffusers.pipelines.dit.pipeline_dit import DiTPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 16
LABELS = {
    0: "tench, Tinca tinca",
    1: "great white shark, white shark, man-eater",
    2: "crane",
    3: "crane",
    4: "Cardigan, Cardigan Welsh corgi",
    5: "cardigan",
}
SCHEDULERS = {"ddpm": DDPMScheduler, "ddim": DDIMScheduler}


def scheduler(sampler: str = "ddpm", **config: object) -> Any:  # noqa: ANN401 - a class of a library without types
    """Return diffusers' scheduler whose last step leads to clean data, as ours does."""
    changes = {"set_alpha_to_one": True} if sampler == "ddim" else {}
    return SCHEDULERS[sampler](**config, **changes)


@cache
def unet(channels: int = 3, outputs: int = 3) -> UNet2DModel:
    """Return the architecture of google/ddpm-cifar10-32 with two levels; tests share it and must not change it."""
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=SIDE,
        in_channels=channels,
        out_channels=outputs,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        norm_eps=1e-6,
        attention_head_dim=None,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
    ).eval()


@cache
def transformer() -> DiTTransformer2DModel:
    """Return the architecture of DiT with two blocks and six labels."""
    torch.manual_seed(1)
    return DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        out_channels=8,
        num_layers=2,
        sample_size=SIDE // 2,
        num_embeds_ada_norm=len(LABELS),
    ).eval()


@cache
def autoencoder() -> AutoencoderKL:
    """Return the architecture of Stable Diffusion's autoencoder with two levels."""
    torch.manual_seed(2)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        sample_size=SIDE,
    ).eval()


def ddpm_folder(folder: Path, **config: object) -> Path:
    """Write a DDPM; ``config`` is that of its scheduler."""
    DDPMPipeline(unet=unet(), scheduler=scheduler(**config)).save_pretrained(folder)
    return folder


def flat(folder: Path) -> Path:
    """Move the files of a DDPM's parts beside its index, as in google/ddpm-cifar10-32."""
    for path in (*(folder / "unet").iterdir(), *(folder / "scheduler").iterdir()):
        path.rename(folder / path.name)
    for part in ("unet", "scheduler"):
        (folder / part).rmdir()
    return folder


def dit_folder(folder: Path, *, shard: str = "5GB", **config: object) -> Path:
    """Write a DiT with labels; ``config`` is that of its scheduler."""
    pipeline = DiTPipeline(
        transformer=transformer(), vae=autoencoder(), scheduler=scheduler("ddim", clip_sample=False, **config)
    )
    pipeline.save_pretrained(folder, max_shard_size=shard)
    index = json.loads((folder / "model_index.json").read_text())
    index["id2label"] = {str(number): names for number, names in LABELS.items()}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
