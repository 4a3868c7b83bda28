"""For every part that a model lacks, the files that have it are offered, the best first."""

from __future__ import annotations

from pathlib import Path

from studio.checkpoints.library.pairing import suppliers
from studio.checkpoints.library.scan import ModelFile
from studio.families.recognition.kinds import Component
from studio.families.recognition.recognise import recognise
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.headers import CASES

C = Component


def model(case: str, folder: str = "models", size: int = 1) -> ModelFile:
    header = CASES[case]().header
    path = Path("/", folder, f"{case}.safetensors")
    return ModelFile(path=path, size=size, signature="", recognised=recognise(header))


def names(offered: tuple[ModelFile, ...]) -> list[str]:
    return [file.path.stem for file in offered]


def test_a_checkpoint_without_vae_is_offered_those_that_fit() -> None:
    files = [
        model("flux_ae"),
        model("taesd_decoder"),
        model("vae_diffusers"),
        model("vae_ft_mse"),
        model("sdxl_vae"),
    ]
    offered = suppliers(model("sdxl_without_vae"), files)
    assert list(offered) == [C.VAE_4]
    # The VAE of SD 1.x is known by its name alone, so it comes last and is not left out.
    assert names(offered[C.VAE_4]) == ["sdxl_vae", "vae_diffusers", "vae_ft_mse"]


def test_a_checkpoint_of_another_family_does_not_lend_its_vae() -> None:
    files = [model("sd15_fine_tune_fp16"), model("sdxl_base")]
    assert names(suppliers(model("sdxl_without_vae"), files)[C.VAE_4]) == ["sdxl_base"]


def test_sd1_and_sd2_share_a_vae() -> None:
    assert names(suppliers(model("sd15_without_vae"), [model("sd20_base")])[C.VAE_4]) == ["sd20_base"]


def test_a_part_alone_comes_before_a_checkpoint_that_contains_it() -> None:
    files = [model("sdxl_base"), model("clip_l"), model("clip_g")]
    offered = suppliers(model("sdxl_unet_diffusers"), files)
    assert names(offered[C.CLIP_L]) == ["clip_l", "sdxl_base"]
    assert names(offered[C.CLIP_BIGG]) == ["clip_g", "sdxl_base"]
    assert names(offered[C.VAE_4]) == ["sdxl_base"]


def test_what_is_near_comes_before_what_is_far() -> None:
    near, far = model("clip_l", "a/models/clip"), model("clip_l", "b/c/d")
    offered = suppliers(model("flux1_dev", "a/models/unet"), [far, near])
    assert offered[C.CLIP_L] == (near, far)


def test_split_files_of_a_transformer_are_paired() -> None:
    files = [
        model(name)
        for name in ("qwen3_06b", "qwen3_4b", "qwen3_vl_4b", "flux_ae", "qwen_image_vae", "t5xxl_fp8")
    ]
    z_image, anima = suppliers(model("z_image_turbo"), files), suppliers(model("anima"), files)
    assert {part: names(found) for part, found in z_image.items()} == {
        C.QWEN3_4B: ["qwen3_4b"],
        C.VAE_16: ["flux_ae"],
    }
    assert {part: names(found) for part, found in anima.items()} == {
        C.QWEN3_0_6B: ["qwen3_06b"],
        C.VAE_QWEN: ["qwen_image_vae"],
    }


def test_what_nothing_supplies_is_empty() -> None:
    offered = suppliers(model("flux1_dev"), [model("sdxl_vae")])
    assert offered == {C.CLIP_L: (), C.T5_XXL: (), C.VAE_16: ()}


def test_a_complete_model_needs_nothing() -> None:
    assert suppliers(model("sdxl_base"), [model("sdxl_vae")]) == {}
    assert suppliers(model("kohya_lora_sdxl"), [model("sdxl_vae")]) == {}
