"""Every spelling that trainers use leads to the right layer: compared with diffusers' own converters."""

from __future__ import annotations

import re
from functools import cache

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import (
    _convert_non_diffusers_lora_to_diffusers,
    _maybe_map_sgm_blocks_to_diffusers,
)
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

from studio.families.adapters.lora_layers import (
    TEXT_ENCODER,
    TEXT_ENCODER_2,
    UNET,
    LoraMatch,
    match_lora,
    spellings,
)
from studio.families.recognition.header import TensorInfo
from tests.families.architectures import (
    BIGG,
    SDXL,
    Shapes,
    clip,
    diffusers_unet,
    ldm_unet,
    under,
)
from tests.families.headers import CASES
from tests.families.headers_adapters import CLIP_LAYERS, kohya, linear_layers, peft
from tests.families.test_architectures import UNETS

ATTENTION = ("attn1.", "attn2.", ".ff.", "proj_in", "proj_out")
CONVOLUTIONS = (".conv1.", ".conv2.", ".conv_shortcut.", "samplers.0.conv", "time_emb_proj")


def layers_of(shapes: Shapes) -> Shapes:
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) > 1
    }


@cache
def model(family: str) -> tuple[dict[str, Shapes], dict[str, str]]:
    """The layers of a model by part, and the LDM names of those of its U-Net, as diffusers' converter has them."""
    config, ldm, own = UNETS[family]
    with torch.device("meta"):
        unet_config = dict(UNet2DConditionModel(**config).config)
    tensors = {
        name: torch.empty(shape, device="meta")
        for name, shape in under("model.diffusion_model.", ldm_unet(**ldm)).items()
    }  # type: ignore[arg-type]
    names = {id(value): name for name, value in tensors.items()}
    converted = convert_ldm_unet_checkpoint(tensors, unet_config)
    original = {
        name.removesuffix(".weight"): names[id(value)]
        .removeprefix("model.diffusion_model.")
        .removesuffix(".weight")
        for name, value in converted.items()
        if name.endswith(".weight")
    }
    parts = {UNET: layers_of(diffusers_unet(**own)), TEXT_ENCODER: layers_of(clip())}  # type: ignore[arg-type]
    if family == "sdxl":
        parts[TEXT_ENCODER_2] = layers_of(clip(**BIGG))
    return parts, original


def matched(shapes: Shapes, family: str) -> LoraMatch:
    parts, original = model(family)
    return match_lora({name: TensorInfo("F16", shape) for name, shape in shapes.items()}, parts, original.get)


def of_diffusers(shapes: Shapes, *, sgm: bool) -> dict[str, str]:
    """The layer to which diffusers' converter leads each "down" tensor, in its modules' names after the part."""
    tensors = {name: torch.zeros(shape if shape == () else (1,)) for name, shape in shapes.items()}
    names = {id(value): name for name, value in tensors.items()}
    kept = list(tensors.values())  # so that no two have one id
    if sgm:
        config = type("Config", (), {"layers_per_block": 2})()
        tensors = _maybe_map_sgm_blocks_to_diffusers(tensors, config)
    found, _ = _convert_non_diffusers_lora_to_diffusers(tensors)
    assert kept
    layers = {}
    for name, value in found.items():
        if ".down." not in name and "_lora.down" not in name:
            continue
        name = re.sub(r"(_lora|\.lora|\.lora_linear_layer)\.down\.weight$", "", name).replace(
            ".processor.", "."
        )
        name = re.sub(r"\.to_out$", ".to_out.0", name) if name.startswith("unet.") else name
        for old, new in (
            (".to_q", ".q_proj"),
            (".to_k", ".k_proj"),
            (".to_v", ".v_proj"),
            (".to_out", ".out_proj"),
        ):
            if name.startswith("text_encoder") and name.endswith(old):
                name = name.removesuffix(old) + new
        layers[names[id(value)]] = name
    return layers


def kohya_sd1() -> Shapes:
    inside = linear_layers(diffusers_unet(), inside=ATTENTION + CONVOLUTIONS)
    return kohya("lora_unet_", inside, 4) | kohya("lora_te_", CLIP_LAYERS, 4)


def kohya_sdxl() -> Shapes:
    inside = linear_layers(ldm_unet(**SDXL), inside=ATTENTION)  # type: ignore[arg-type]
    big = linear_layers(clip(**BIGG), inside=("self_attn", "mlp"))
    return kohya("lora_unet_", inside, 4) | kohya("lora_te1_", CLIP_LAYERS, 4) | kohya("lora_te2_", big, 4)


@pytest.mark.parametrize(
    ("family", "shapes"), [("sd1", kohya_sd1()), ("sdxl", kohya_sdxl())], ids=["SD 1.5", "SDXL"]
)
def test_kohyas_names_lead_where_diffusers_leads_them(family: str, shapes: Shapes) -> None:
    found = matched(shapes, family)
    assert (found.unknown, found.misfits) == ((), ())
    ours = {layer.down: f"{layer.part}.{layer.module}" for layer in found.layers}
    assert ours == of_diffusers(dict(shapes), sgm=family == "sdxl")
    assert {layer.rank for layer in found.layers} == {4}


def test_two_levels_exchanged_would_be_noticed() -> None:
    """Their layers have the same shapes, so only the names can tell."""
    shapes, (parts, original) = kohya_sdxl(), model("sdxl")
    swapped = {
        name: place.replace("input_blocks.4.", "x")
        .replace("input_blocks.5.", "input_blocks.4.")
        .replace("x", "input_blocks.5.")
        for name, place in original.items()
    }
    found = match_lora({name: TensorInfo("F16", shape) for name, shape in shapes.items()}, parts, swapped.get)
    ours = {layer.down: f"{layer.part}.{layer.module}" for layer in found.layers}
    assert (found.unknown, found.misfits) == ((), ())
    assert ours != of_diffusers(shapes, sgm=True)


@pytest.mark.parametrize("family", UNETS)
def test_no_two_layers_share_a_spelling(family: str) -> None:
    """Joining by underscores could confuse layers; in these networks it does not."""
    parts, original = model(family)
    every = [
        (spelling, layer)
        for part, name in layers_in(parts)
        for spelling, layer in spelled(part, name, original)
    ]
    assert len(dict(every)) == len(set(every))
    assert spellings(parts, original.get) == dict(every)


def layers_in(parts: dict[str, Shapes]) -> list[tuple[str, str]]:
    return [(part, name) for part, names in parts.items() for name in names]


def spelled(part: str, name: str, original: dict[str, str]) -> list[tuple[str, tuple[str, str]]]:
    return list(spellings({part: {name: ()}}, original.get).items())


NAMES = [
    *(
        "kohya_lora_sdxl_with_text_encoders",
        "kohya_lora_sdxl_of_self_attention_alone",
        "lcm_lora_sdxl",
        "hyper_sdxl_lora",
    ),
    "diffusers_dreambooth_lora_sdxl",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_sdxl_fit_sdxl(name: str) -> None:
    found = match_lora(CASES[name]().header.tensors, model("sdxl")[0], model("sdxl")[1].get)
    assert found.layers
    assert (found.unknown, found.misfits) == ((), ())


@pytest.mark.parametrize(
    "name", ["kohya_lora_sd1", "locon_sd1", "locon_sd1_tucker", "diffusers_old_lora_sd1"]
)
def test_the_files_of_sd1_fit_sd1(name: str) -> None:
    found = match_lora(CASES[name]().header.tensors, model("sd1")[0], model("sd1")[1].get)
    assert found.layers
    assert (found.unknown, found.misfits) == ((), ())


def test_a_lora_of_another_family_does_not_fit() -> None:
    found = match_lora(CASES["kohya_lora_sd1"]().header.tensors, model("sdxl")[0], model("sdxl")[1].get)
    assert found.misfits or found.unknown
    assert not [layer for layer in found.layers if "attn2.to_k" in layer.module]


def test_sd1_and_sd2_have_the_same_names_and_other_shapes() -> None:
    found = match_lora(CASES["kohya_lora_sd2"]().header.tensors, model("sd1")[0], model("sd1")[1].get)
    assert found.unknown == ()
    assert all("attn2.to_k" in layer.module or "attn2.to_v" in layer.module for layer in found.misfits)
    assert found.misfits


# ------------------------------------------------------------------------------------------------------ single layers
LAYER = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
ORIGINAL = "input_blocks.4.1.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize(
    "place",
    [
        "lora_unet_" + LAYER.replace(".", "_"),
        "lora_unet_" + ORIGINAL.replace(".", "_"),
        "unet." + LAYER,
        "base_model.model." + LAYER,
        "diffusion_model." + ORIGINAL,
        "unet." + LAYER.replace(".attn1.", ".attn1.processor."),
    ],
)
def test_every_spelling_of_a_layer(place: str) -> None:
    shapes = {f"{place}.lora_down.weight": (4, 320), f"{place}.lora_up.weight": (320, 4)}
    parts = {UNET: {LAYER: (320, 320)}}
    found = match_lora(
        {name: TensorInfo("F16", shape) for name, shape in shapes.items()}, parts, {LAYER: ORIGINAL}.get
    )
    (layer,) = found.layers
    assert (layer.part, layer.module, layer.rank, layer.alpha) == (UNET, LAYER, 4, None)


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        ({"down": (4, 320), "up": (640, 4)}, True),
        ({"down": (4, 320, 1, 1), "up": (640, 4, 1, 1)}, True),
        ({"down": (4, 640), "up": (640, 4)}, False),
        ({"down": (4, 320), "up": (320, 4)}, False),
        ({"down": (4, 320), "up": (640, 8)}, False),
        ({"down": (4, 320, 3, 3), "up": (640, 4, 1, 1)}, False),
        ({"down": (0, 320), "up": (640, 0)}, False),
        ({"down": (320,), "up": (640,)}, False),
        ({"down": (), "up": ()}, False),
    ],
)
@pytest.mark.parametrize("weight", [(640, 320), (640, 320, 1, 1)])
def test_shapes_must_multiply_to_the_weight(shapes: Shapes, fits: bool, weight: tuple[int, ...]) -> None:
    tensors = {f"unet.x.lora_{role}.weight": TensorInfo("F16", shape) for role, shape in shapes.items()}
    found = match_lora(tensors, {UNET: {"x": weight}})
    assert (len(found.layers), len(found.misfits)) == ((1, 0) if fits else (0, 1))


def test_half_a_layer_and_a_strange_name_are_unknown() -> None:
    tensors = {
        "unet.x.lora_down.weight": TensorInfo("F16", (4, 320)),
        "unet.y.lora_down.weight": TensorInfo("F16", (4, 320)),
        "bundle_emb.cat": TensorInfo("F16", (1, 768)),
    }
    found = match_lora(tensors, {UNET: {"x": (320, 320)}})
    assert found.layers == ()
    assert set(found.unknown) == set(tensors)


def test_the_same_layer_spelled_twice_is_taken_once() -> None:
    both = peft("unet.", {"x": (320, 320)}) | kohya("lora_unet_", {"x": (320, 320)})
    found = match_lora(
        {name: TensorInfo("F16", shape) for name, shape in both.items()}, {UNET: {"x": (320, 320)}}
    )
    assert len(found.layers) == 1
    assert set(found.unknown) == {"lora_unet_x.lora_down.weight", "lora_unet_x.lora_up.weight"}
