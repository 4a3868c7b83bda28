"""Configurations are read as data: what is unknown, unlisted or out of bounds is refused in one sentence."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING

import pytest

from studio.errors import CheckpointError
from studio.families.configured.configs import (
    AutoencoderConfig,
    TransformerConfig,
    UNetConfig,
    read_config,
    read_noise,
)

if TYPE_CHECKING:
    from pathlib import Path

CIFAR10 = {
    "_class_name": "UNet2DModel",
    "_diffusers_version": "0.0.4",
    "act_fn": "silu",
    "attention_head_dim": None,
    "block_out_channels": [128, 256, 256, 256],
    "center_input_sample": False,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "in_channels": 3,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-06,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 32,
    "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}
"""``config.json`` of google/ddpm-cifar10-32."""
CELEBAHQ = CIFAR10 | {
    "block_out_channels": [128, 128, 256, 256, 512, 512],
    "down_block_types": [*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"],
    "sample_size": 256,
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4],
}
"""``config.json`` of google/ddpm-celebahq-256."""
DIT_256 = {
    "_class_name": "Transformer2DModel",
    "_diffusers_version": "0.12.0.dev0",
    "activation_fn": "gelu-approximate",
    "attention_bias": True,
    "attention_head_dim": 72,
    "cross_attention_dim": None,
    "dropout": 0.0,
    "in_channels": 4,
    "norm_elementwise_affine": False,
    "norm_num_groups": 32,
    "norm_type": "ada_norm_zero",
    "num_attention_heads": 16,
    "num_embeds_ada_norm": 1000,
    "num_layers": 28,
    "num_vector_embeds": None,
    "only_cross_attention": False,
    "out_channels": 8,
    "patch_size": 2,
    "sample_size": 32,
    "upcast_attention": False,
    "use_linear_projection": False,
}
"""``transformer/config.json`` of facebook/DiT-XL-2-256."""
VAE = {
    "_class_name": "AutoencoderKL",
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 256,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "clip_sample": True,
    "num_train_timesteps": 1000,
    "trained_betas": None,
    "variance_type": "fixed_large",
}


def written(folder: Path, values: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


def test_the_published_configurations_are_read(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, CIFAR10), UNetConfig).size == (32, 32)
    assert read_config(written(tmp_path, CELEBAHQ), UNetConfig).size == (256, 256)
    assert read_config(written(tmp_path, CIFAR10 | {"sample_size": [32, 48]}), UNetConfig).size == (48, 32)
    dit = read_config(written(tmp_path, DIT_256), TransformerConfig)
    assert "cross_attention_dim" not in dit.arguments()
    assert read_config(written(tmp_path, VAE), AutoencoderConfig).downscale == 8
    noise = read_noise(written(tmp_path, SCHEDULER))
    assert (noise.schedule, noise.T, noise.prediction, noise.clip) == ("linear", 1000, "eps", True)
    gc.collect()  # a union of limited numbers has destroyed memory


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"block_out_channels": [128, 10**6, 256, 256]}, "block_out_channels"),
        ({"block_out_channels": [128, 250, 256, 256]}, "norm_num_groups does not divide"),
        ({"block_out_channels": [128, 256]}, "as many down_block_types"),
        ({"attention_head_dim": 96}, "attention_head_dim does not divide"),
        ({"down_block_types": ["os.system"] * 4}, "must be a list of 1 to 8 of DownBlock2D"),
        ({"time_embedding_type": "fourier"}, "must be one of positional"),
        ({"num_class_embeds": 10}, "must be null"),
        ({"sample_size": 30}, "multiple of 8"),
        ({"sample_size": 10**9}, "sample_size"),
        ({"sample_size": None}, "sample_size"),
        ({"in_channels": 4}, "in_channels"),
        ({"out_channels": 2}, "out_channels"),
        ({"layers_per_block": "2"}, "layers_per_block"),
        ({"dropout": float("nan")}, "NaN"),
        ({"run": "me"}, "run"),
    ],
)
def test_a_configuration_that_is_not_known_to_be_harmless_is_refused(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json") as refused:
        read_config(written(tmp_path, CIFAR10 | change), UNetConfig)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TransformerConfig, DIT_256 | {"norm_type": "layer_norm"}),
        (TransformerConfig, DIT_256 | {"cross_attention_dim": 768}),
        (TransformerConfig, DIT_256 | {"out_channels": 6}),
        (TransformerConfig, DIT_256 | {"sample_size": 33}),
        (AutoencoderConfig, VAE | {"latents_mean": [0.0] * 4}),
        (AutoencoderConfig, VAE | {"up_block_types": ["AttnUpDecoderBlock2D"] * 4}),
        (AutoencoderConfig, [VAE]),
    ],
)
def test_so_is_that_of_a_transformer_or_an_autoencoder(
    tmp_path: Path, kind: type[TransformerConfig | AutoencoderConfig], values: object
) -> None:
    with pytest.raises(CheckpointError):
        read_config(written(tmp_path, values), kind)


@pytest.mark.parametrize(
    "change",
    [
        {"_class_name": "ScoreSdeVeScheduler"},
        {"_class_name": None},
        {"beta_schedule": "sigmoid"},
        {"trained_betas": [0.1, 0.2]},
        {"prediction_type": "flow_prediction"},
        {"thresholding": True},
        {"clip_sample_range": 2.0},
        {"num_train_timesteps": 10**9},
        {"beta_start": 0.5},
    ],
)
def test_noise_that_this_program_cannot_remove_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(CheckpointError):
        read_noise(written(tmp_path, SCHEDULER | change))
