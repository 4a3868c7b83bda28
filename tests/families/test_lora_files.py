"""Names of adapters are taken apart, and their family is read from the shapes that decide."""

from __future__ import annotations

import pytest

from studio.families.recognition import lora
from studio.families.recognition.header import TensorInfo
from studio.families.recognition.kinds import Fact, Family, Source
from studio.families.recognition.recognise import recognise
from studio.families.recognition.traits import words
from tests.families.headers import CASES, file


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight",
            ("lora_unet_mid_block_attentions_0_proj_in", "down"),
        ),
        (
            "lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha",
            ("lora_te1_text_model_encoder_layers_0_mlp_fc1", "alpha"),
        ),
        ("unet.down_blocks.0.attn1.to_q.lora_A.weight", ("unet.down_blocks.0.attn1.to_q", "down")),
        ("unet.down_blocks.0.attn1.to_q.lora.up.weight", ("unet.down_blocks.0.attn1.to_q", "up")),
        ("unet.attn1.processor.to_q_lora.down.weight", ("unet.attn1.processor.to_q", "down")),
        ("text_encoder.k_proj.lora_linear_layer.down.weight", ("text_encoder.k_proj", "down")),
        ("transformer.to_q.lora_A.default.weight", ("transformer.to_q", "down")),
        ("x.lora_magnitude_vector.weight", ("x", "dora")),
        ("x.hada_w1_b", ("x", "hada in")),
        ("model.diffusion_model.input_blocks.0.0.weight", None),
        ("lora_down.weight", None),
    ],
)
def test_a_name_is_split_into_place_and_role(name: str, expected: tuple[str, str] | None) -> None:
    assert lora.split_name(name) == expected


def down(place: str, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{place}.lora_down.weight": (8, inputs), f"{place}.lora_up.weight": (320, 8)}


@pytest.mark.parametrize(
    ("inputs", "family"),
    [(768, Family.SD1), (1024, Family.SD2), (2048, Family.SDXL), (1280, Family.SDXL_REFINER)],
)
def test_cross_attention_tells_the_family(inputs: int, family: Family) -> None:
    place = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    found = recognise(file("x.safetensors", down(place, inputs)))
    assert found.family is not None
    assert (found.family.value, found.family.source) == (family, Source.TENSORS)


def test_the_queries_of_cross_attention_have_the_width_of_their_level() -> None:
    """1280 inputs of a query are no sign of the refiner."""
    place = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_q"
    found = recognise(file("x.safetensors", down(place, 1280)))
    assert found.family is not None
    assert (found.family.value, found.family.source) == (Family.SD1, Source.GUESS)
    assert found.assumed == ("family",)


def test_metadata_decides_where_shapes_do_not() -> None:
    place = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    written = {"ss_base_model_version": "sdxl_base_v1-0"}
    found = recognise(file("x.safetensors", down(place, 1280), metadata=written))
    assert found.family is not None
    assert (found.family.value, found.family.source) == (Family.SDXL, Source.METADATA)


def test_metadata_does_not_overrule_shapes() -> None:
    place = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    written = {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}
    found = recognise(file("x.safetensors", down(place, 768), metadata=written))
    assert found.family is not None
    assert found.family.value is Family.SD1


def test_the_attention_of_a_video_model_is_no_unet() -> None:
    """LTX-Video's cross-attention has 2048 inputs as SDXL's, but lies in no block of a U-Net."""
    tensors = {"transformer.transformer_blocks.0.attn2.to_k.lora_A.weight": TensorInfo("F16", (8, 2048))}
    assert lora.read_lora(tensors, {})[1] == Fact(Family.LTX, Source.TENSORS)


def test_the_user_decides_the_family_of_a_lora_that_does_not_say() -> None:
    found = recognise(file("x.safetensors", down("lora_unet_some_layer", 77)))
    assert (found.family, found.runs) == (None, False)
    assert found.choosing(family=Family.SDXL).runs
    assert not found.choosing(family=Family.WAN).runs


def test_a_choice_replaces_a_guess() -> None:
    found = recognise(CASES["sd21_fine_tune"]().header).choosing(prediction="eps", zero_terminal_snr=True)
    assert found.prediction is not None
    assert (found.prediction.value, found.prediction.source) == ("eps", Source.CHOSEN)
    assert found.assumed == ()


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ('{"5_sks dog": {"sks dog": 20, "grass": 3}}', ("sks dog",)),
        ('{"a": {}}', ()),
        ("not json", ()),
        ('{"a": 3}', ()),
        ('{"a": {"b": "many"}}', ()),
        ("[" * 100_000, ()),
    ],
)
def test_trigger_words_come_from_the_tags_of_every_caption(frequency: str, expected: tuple[str, ...]) -> None:
    place = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    found = recognise(file("x.safetensors", down(place, 768), metadata={"ss_tag_frequency": frequency}))
    assert found.description.trigger_words == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dreamshaperXL_v21TurboDPMSDE.safetensors", ("dreamshaper", "xl", "v", "21", "turbo", "dpmsde")),
        ("sdxl_lightning_8step.safetensors", ("sdxl", "lightning", "8", "step")),
        ("v1-5-pruned", ("v", "1", "5", "pruned")),
        ("", ()),
        ("모델.safetensors", ()),
    ],
)
def test_a_name_is_split_into_words(name: str, expected: tuple[str, ...]) -> None:
    assert words(name) == expected
