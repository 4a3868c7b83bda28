"""A folder in diffusers' layout is recognised from its index, its configurations and the headers of its weights."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from studio.families.recognition.kinds import Component, Family, Kind, Source
from studio.families.recognition.pipeline import PipelineFolder, recognise_pipeline
from tests.families import transformers as nets
from tests.families.architectures import BIGG, DIFFUSERS_SDXL, SD2, clip, diffusers_unet, diffusers_vae
from tests.families.headers import file

if TYPE_CHECKING:
    from studio.families.recognition.header import ModelHeader

C = Component


def header(shapes: dict[str, tuple[int, ...]]) -> ModelHeader:
    return file("model.safetensors", shapes)


SD15 = PipelineFolder(
    name="stable-diffusion-v1-5",
    index={name: ["diffusers", "x"] for name in ("unet", "vae", "text_encoder", "scheduler", "tokenizer")},
    configs={"scheduler": {"_class_name": "PNDMScheduler", "prediction_type": "epsilon"}},
    headers={
        "unet": header(diffusers_unet()),
        "vae": header(diffusers_vae()),
        "text_encoder": header(clip()),
    },
)
SD21 = PipelineFolder(
    name="stable-diffusion-2-1",
    index=SD15.index,
    configs={"scheduler": {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}},
    headers={
        "unet": header(diffusers_unet(**SD2)),  # type: ignore[arg-type]
        "vae": header(diffusers_vae()),
        "text_encoder": header(clip(1024, 23)),
    },
)
SDXL = PipelineFolder(
    name="noobai-xl-vpred",
    index=dict(SD15.index) | {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]},
    configs={"scheduler": {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}},
    headers={
        "unet": header(diffusers_unet(**DIFFUSERS_SDXL)),  # type: ignore[arg-type]
        "vae": header(diffusers_vae()),
        "text_encoder": header(clip()),
        "text_encoder_2": header(clip(**BIGG)),
    },
)


@pytest.mark.parametrize(
    ("folder", "family", "contains", "prediction", "zero"),
    [
        (SD15, Family.SD1, (C.NETWORK, C.VAE_4, C.CLIP_L), "eps", False),
        (SD21, Family.SD2, (C.NETWORK, C.VAE_4, C.CLIP_H), "v", False),
        (SDXL, Family.SDXL, (C.NETWORK, C.VAE_4, C.CLIP_L, C.CLIP_BIGG), "v", True),
    ],
    ids=["SD 1.5", "SD 2.1", "SDXL"],
)
def test_a_whole_pipeline(
    folder: PipelineFolder, family: Family, contains: tuple[Component, ...], prediction: str, zero: bool
) -> None:
    found = recognise_pipeline(folder)
    assert found is not None
    assert found.family is not None
    assert found.prediction is not None
    assert found.zero_terminal_snr is not None
    assert (found.kind, found.family.value, found.contains) == (Kind.CHECKPOINT, family, contains)
    assert (found.prediction.value, found.prediction.source) == (prediction, Source.CONFIG)
    assert found.zero_terminal_snr.value is zero
    assert found.missing == ()
    assert found.runs


def test_without_the_scheduler_the_prediction_of_sd2_is_a_guess() -> None:
    found = recognise_pipeline(dataclasses.replace(SD21, configs={}))
    assert found is not None
    assert found.assumed == ("prediction",)


def test_a_part_that_the_index_leaves_out_is_missing() -> None:
    index = {name: value for name, value in SD15.index.items() if name != "vae"}
    found = recognise_pipeline(dataclasses.replace(SD15, index=index))
    assert found is not None
    assert found.missing == (C.VAE_4,)


@pytest.mark.parametrize(
    ("config", "family", "variant"),
    [
        (
            {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768, "in_channels": 4},
            Family.SD1,
            "",
        ),
        (
            {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 2048, "in_channels": 9},
            Family.SDXL,
            "inpainting",
        ),
        ({"_class_name": "UNet2DModel", "in_channels": 3}, Family.DDPM, ""),
        ({"_class_name": "DiTTransformer2DModel", "in_channels": 4}, Family.DIT_XL, ""),
        ({"_class_name": "FluxTransformer2DModel"}, Family.FLUX1, ""),
    ],
)
def test_a_network_whose_weights_are_not_read_is_named_by_its_configuration(
    config: dict[str, object], family: Family, variant: str
) -> None:
    found = recognise_pipeline(
        PipelineFolder(name="x", index={"unet": ["diffusers", "x"]}, configs={"unet": config})
    )
    assert found is not None
    assert found.family is not None
    assert (found.family.value, found.family.source, found.variant) == (family, Source.CONFIG, variant)


def test_playground_is_told_by_its_scheduler() -> None:
    edm = {"scheduler": {"_class_name": "EDMDPMSolverMultistepScheduler", "prediction_type": "epsilon"}}
    found = recognise_pipeline(dataclasses.replace(SDXL, configs=edm))
    assert found is not None
    assert found.prediction is not None
    assert (found.prediction.value, found.runs) == ("edm", False)


def test_an_lcm_scheduler_says_how_the_model_was_distilled() -> None:
    lcm = {"scheduler": {"_class_name": "LCMScheduler", "prediction_type": "epsilon"}}
    found = recognise_pipeline(dataclasses.replace(SD15, configs=lcm))
    assert found is not None
    assert found.distillation is not None
    assert (found.distillation.value.method, found.distillation.source) == ("LCM", Source.CONFIG)


def test_the_name_of_the_folder_counts_and_not_that_of_the_weights() -> None:
    found = recognise_pipeline(dataclasses.replace(SDXL, name="sdxl-turbo"))
    assert found is not None
    assert found.distillation is not None
    assert (found.distillation.value.method, found.distillation.source) == ("Turbo", Source.FILE_NAME)


@pytest.mark.parametrize(
    ("index", "configs"),
    [
        ({}, {}),
        ({"unet": None}, {"unet": {}}),
        ({"unet": ["os", "system"]}, {"unet": {"_class_name": ["a"], "cross_attention_dim": "768"}}),
        ({"unet": 1}, {"unet": {"_class_name": "UNet2DConditionModel", "cross_attention_dim": [768]}}),
    ],
)
def test_a_folder_that_makes_no_sense_is_no_model(
    index: dict[str, object], configs: dict[str, dict[str, object]]
) -> None:
    assert recognise_pipeline(PipelineFolder(name="x", index=index, configs=configs)) is None


def test_a_transformer_is_found_under_its_own_name() -> None:
    folder = PipelineFolder(
        name="Z-Image-Turbo",
        index={"transformer": ["diffusers", "ZImageTransformer2DModel"]},
        headers={"transformer": header(nets.lumina2(**nets.Z_IMAGE))},  # type: ignore[arg-type]
    )
    found = recognise_pipeline(folder)
    assert found is not None
    assert found.family is not None
    assert (found.family.value, found.runs) == (Family.Z_IMAGE, False)


DDPM = PipelineFolder(
    name="ddpm-cifar10-32",
    index={
        "_class_name": "DDPMPipeline",
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "x"],
    },
    configs={"unet": {"_class_name": "UNet2DModel"}, "scheduler": {"_class_name": "DDPMScheduler"}},
    headers={"unet": header(nets.ddpm())},
)
DIT = PipelineFolder(
    name="DiT-XL-2-256",
    index={
        "_class_name": "DiTPipeline",
        "transformer": ["diffusers", "Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    },
    configs={
        "transformer": {"_class_name": "Transformer2DModel"},
        "scheduler": {"prediction_type": "epsilon"},
    },
    headers={"transformer": header(nets.dit_xl()), "vae": header(diffusers_vae())},
)


@pytest.mark.parametrize(
    ("folder", "family", "contains"),
    [(DDPM, Family.DDPM, (C.NETWORK,)), (DIT, Family.DIT_XL, (C.NETWORK, C.VAE_4))],
    ids=["DDPM", "DiT"],
)
def test_a_family_known_by_its_folder_runs_and_another_use_of_its_network_does_not(
    folder: PipelineFolder, family: Family, contains: tuple[Component, ...]
) -> None:
    found = recognise_pipeline(folder)
    assert found is not None
    assert found.family is not None
    assert (found.family.value, found.contains, found.missing) == (family, contains, ())
    assert found.runs
    other = recognise_pipeline(
        dataclasses.replace(folder, index={**folder.index, "_class_name": "LDMPipeline"})
    )
    assert other is not None
    assert not other.runs


def test_a_dit_without_its_vae_needs_that_of_stable_diffusion() -> None:
    found = recognise_pipeline(dataclasses.replace(DIT, headers={"transformer": DIT.headers["transformer"]}))
    assert found is not None
    assert found.missing == (C.VAE_4,)
