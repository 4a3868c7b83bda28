"""The headers for the tests of recognition have the names and shapes of diffusers' and transformers' networks."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from tests.families.architectures import (
    BIGG,
    DIFFUSERS_SDXL,
    SD2,
    SDXL,
    Shapes,
    clip,
    diffusers_unet,
    diffusers_vae,
    ldm_unet,
    ldm_vae,
    open_clip,
    under,
)
from tests.families.headers import UNET, VAE
from tests.families.headers_adapters import taesd_diffusers

SIDES = {"layers_per_block": 2, "norm_num_groups": 32}
XL = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
UNETS = {
    "sd1": ({"cross_attention_dim": 768}, {}, {}),
    "sd2": (
        {"cross_attention_dim": 1024, "use_linear_projection": True, "attention_head_dim": (5, 10, 20, 20)},
        SD2,
        SD2,
    ),
    "sdxl": (XL, SDXL, DIFFUSERS_SDXL),
}


def shapes_of(module: torch.nn.Module) -> Shapes:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def on_meta(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def converted(tensors: dict[str, torch.Tensor]) -> Shapes:
    return {name: tuple(value.shape) for name, value in tensors.items()}


@pytest.mark.parametrize("family", UNETS)
def test_unets_are_those_of_diffusers_in_both_layouts(family: str) -> None:
    config, ldm, own = UNETS[family]
    with torch.device("meta"):
        model = UNet2DConditionModel(**config)
    assert diffusers_unet(**own) == shapes_of(model)  # type: ignore[arg-type]
    ldm_shapes = under(UNET, ldm_unet(**ldm))  # type: ignore[arg-type]
    assert converted(convert_ldm_unet_checkpoint(on_meta(ldm_shapes), dict(model.config))) == shapes_of(model)


@pytest.mark.parametrize(("latents", "quant"), [(4, True), (16, False)])
def test_vaes_are_those_of_diffusers_in_both_layouts(latents: int, quant: bool) -> None:
    with torch.device("meta"):
        model = AutoencoderKL(
            latent_channels=latents,
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            use_quant_conv=quant,
            use_post_quant_conv=quant,
            **SIDES,
        )
    assert diffusers_vae(latents, quant=quant) == shapes_of(model)
    tensors = on_meta(under(VAE, ldm_vae(latents, quant=quant)))
    made = convert_ldm_vae_checkpoint(tensors, dict(model.config))
    assert converted(made) == shapes_of(model)


def test_the_tiny_vae_is_that_of_diffusers() -> None:
    with torch.device("meta"):
        model = AutoencoderTiny()
    header = taesd_diffusers().header
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == shapes_of(model)


@pytest.mark.parametrize(("width", "layers", "projection"), [(768, 12, 768), (1280, 32, 1280)])
def test_text_encoders_are_those_of_transformers(width: int, layers: int, projection: int) -> None:
    config = CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        projection_dim=projection,
    )
    with torch.device("meta"):
        model = CLIPTextModelWithProjection(config)
    written = dict(clip(width, layers, projection=projection))
    written.pop("text_model.embeddings.position_ids")  # not saved any more
    assert written == shapes_of(model)


def test_the_converter_of_open_clip_finds_every_layer() -> None:
    config = CLIPTextConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=20,
        projection_dim=1280,
    )
    with torch.device("meta"):
        model = CLIPTextModelWithProjection(config)
    prefix = "conditioner.embedders.1.model."
    made = convert_open_clip_checkpoint(model, on_meta(under(prefix, open_clip(**BIGG))), prefix=prefix)
    assert converted(made) == shapes_of(model)
