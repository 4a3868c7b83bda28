"""Headers of real files, without weights: what each file is known to be, beside its names, shapes, dtypes and metadata.

The shapes come from `architectures` and `transformers`, which name the published code they follow. The layout of a
file (prefixes, which parts it holds, dtypes, metadata) is that of the release named in the comment above it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.families.recognition.header import ModelHeader, TensorInfo
from studio.families.recognition.kinds import Component, Family, Kind, Source
from tests.families import transformers as nets
from tests.families.architectures import (
    BIGG,
    DIFFUSERS_SDXL,
    REFINER,
    SD2,
    SDXL,
    SSD_1B,
    VEGA,
    Shapes,
    clip,
    clip_vision,
    diffusers_unet,
    language_model,
    ldm_unet,
    ldm_vae,
    open_clip,
    t5,
    table,
    under,
)

if TYPE_CHECKING:
    from collections.abc import Callable

C = Component


@dataclass(frozen=True)
class Case:
    """A file and what it is: the attributes of `Recognised` that must be found, facts by their values."""

    header: ModelHeader
    kind: Kind
    family: Family | None
    expected: dict[str, object]


CASES: dict[str, Callable[[], Case]] = {}


def case(
    kind: Kind, family: Family | None = None, **expected: object
) -> Callable[[Callable[[], ModelHeader]], Callable[[], Case]]:
    """Add the header that a function returns to `CASES`, under its name."""

    def add(make: Callable[[], ModelHeader]) -> Callable[[], Case]:
        def built() -> Case:
            return Case(make(), kind, family, expected)

        CASES[make.__name__] = built
        return built

    return add


def file(
    name: str,
    shapes: Shapes,
    dtype: str = "F16",
    *,
    metadata: dict[str, str] | None = None,
    dtypes: dict[str, str] | None = None,
) -> ModelHeader:
    """Return a header: ``dtype`` for all tensors, but position ids are integers, and ``dtypes`` are by name."""
    other = dtypes or {}
    tensors = {
        tensor: TensorInfo(other.get(tensor, "I64" if tensor.endswith("position_ids") else dtype), shape)
        for tensor, shape in shapes.items()
    }
    return ModelHeader(name=name, tensors=tensors, metadata=metadata or {})


# ------------------------------------------------------------------------------------------------------ checkpoints
UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
SCHEDULE = table(
    "\n".join(
        f"P {name} 1000" for name in ("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod")
    )
)


def sd1(*, vae: bool = True, text: bool = True, flat: bool = False, **unet: object) -> Shapes:
    """CompVis/stable-diffusion `configs/stable-diffusion/v1-inference.yaml`: `LatentDiffusion`."""
    found = under(UNET, ldm_unet(**unet)) | SCHEDULE  # type: ignore[arg-type]
    found |= under(VAE, ldm_vae()) if vae else {}
    return found | (under(TEXT + "transformer.", clip(flat=flat)) if text else {})


def sd2(**unet: object) -> Shapes:
    """Stability-AI/stablediffusion `configs/stable-diffusion/v2-inference.yaml`."""
    return (
        under(UNET, ldm_unet(**(SD2 | unet)))
        | SCHEDULE
        | under(VAE, ldm_vae())
        | under(TEXT + "model.", open_clip())
    )  # type: ignore[arg-type]


def sdxl(*, vae: bool = True, **unet: object) -> Shapes:
    """Stability-AI/generative-models `configs/inference/sd_xl_base.yaml`: `DiffusionEngine`, `GeneralConditioner`."""
    found = under(UNET, ldm_unet(**(SDXL | unet)))  # type: ignore[arg-type]
    found |= under("conditioner.embedders.0.transformer.", clip())
    found |= under("conditioner.embedders.1.model.", open_clip(**BIGG))
    return found | (under(VAE, ldm_vae()) if vae else {})


SD1_PARTS = (C.NETWORK, C.CLIP_L, C.VAE_4)
SDXL_PARTS = (C.NETWORK, C.CLIP_L, C.CLIP_BIGG, C.VAE_4)
EPS = {"prediction": "eps", "prediction_source": Source.FAMILY}


@case(
    Kind.CHECKPOINT,
    Family.SD1,
    variant="",
    contains=SD1_PARTS,
    missing=(),
    in_channels=4,
    runs=True,
    dtype="F32",
    ema=False,
    **EPS,
)
def sd15_pruned_emaonly() -> ModelHeader:
    return file("v1-5-pruned-emaonly.safetensors", sd1(), "F32")


@case(Kind.CHECKPOINT, Family.SD1, contains=SD1_PARTS, runs=True, ema=True)
def sd15_pruned_with_ema() -> ModelHeader:
    average = {"model_ema." + name.replace(".", ""): shape for name, shape in ldm_unet().items()}
    return file(
        "v1-5-pruned.safetensors",
        sd1() | average | table("P model_ema.decay\nP model_ema.num_updates"),
        "F32",
    )


@case(Kind.CHECKPOINT, Family.SD1, contains=SD1_PARTS, runs=True, dtype="F16", distillation=None)
def sd15_fine_tune_fp16() -> ModelHeader:
    return file("dreamshaper_8.safetensors", sd1())


@case(Kind.CHECKPOINT, Family.SD1, contains=(C.NETWORK, C.CLIP_L), missing=(C.VAE_4,), runs=True)
def sd15_without_vae() -> ModelHeader:
    return file("anything-v3-fp16-pruned-noVAE.safetensors", sd1(vae=False))


@case(Kind.NETWORK, Family.SD1, contains=(C.NETWORK,), missing=(C.CLIP_L, C.VAE_4), layout="LDM", runs=True)
def sd15_unet_alone_in_ldm_names() -> ModelHeader:
    return file("sd15_unet_only.safetensors", under(UNET, ldm_unet()))


# Before transformers 4.2x, and again since 5.6, the text model is not nested: kohya's saved merges of both kinds exist.
@case(Kind.CHECKPOINT, Family.SD1, contains=SD1_PARTS, missing=())
def sd15_with_flat_text_encoder() -> ModelHeader:
    return file("merged_old.safetensors", sd1(flat=True))


# The first diffusers-to-LDM conversions kept the safety checker (a CLIP vision model).
@case(Kind.CHECKPOINT, Family.SD1, contains=SD1_PARTS, runs=True)
def sd15_with_safety_checker() -> ModelHeader:
    checker = under("safety_checker.vision_model.", clip_vision(1024, 24))
    return file("sd-v1-4-with-safety.safetensors", sd1() | checker, "F32")


@case(Kind.CHECKPOINT, Family.SD1, variant="inpainting", in_channels=9, runs=False)
def sd15_inpainting() -> ModelHeader:
    return file("sd-v1-5-inpainting.safetensors", sd1(channels=9))


@case(Kind.CHECKPOINT, Family.SD1, variant="pix2pix", in_channels=8, runs=False)
def sd15_instruct_pix2pix() -> ModelHeader:
    return file("instruct-pix2pix-00-22000.safetensors", sd1(channels=8), "F32")


# kohya `train_util.get_sai_model_spec`: modelspec.prediction_type; SD 1.x fine-tunes with v exist (fluffyrock).
@case(
    Kind.CHECKPOINT,
    Family.SD1,
    prediction="v",
    prediction_source=Source.METADATA,
    zsnr=True,
    zsnr_source=Source.METADATA,
)
def sd15_v_prediction_by_metadata() -> ModelHeader:
    written = {
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.prediction_type": "v",
        "zero_terminal_snr": "True",
    }
    return file("fluffyrock-576-704-832.safetensors", sd1(), metadata=written)


@case(
    Kind.CHECKPOINT, Family.SD1, prediction="v", prediction_source=Source.FILE_NAME, assumed=("prediction",)
)
def sd15_v_prediction_by_name() -> ModelHeader:
    return file("furry_model_v-pred.safetensors", sd1())


# Latent Consistency: guidance is embedded (diffusers `time_cond_proj_dim` 256).
@case(Kind.NETWORK, Family.SD1, distillation="LCM", distillation_source=Source.TENSORS, layout="diffusers")
def lcm_dreamshaper_unet() -> ModelHeader:
    return file(
        "diffusion_pytorch_model.safetensors", diffusers_unet() | table("l time_embedding.cond_proj 320 256")
    )


@case(
    Kind.CHECKPOINT,
    Family.SD2,
    prediction="eps",
    prediction_source=Source.FILE_NAME,
    runs=True,
    contains=(C.NETWORK, C.CLIP_H, C.VAE_4),
)
def sd20_base() -> ModelHeader:
    return file("512-base-ema.safetensors", sd2(), "F32")


@case(Kind.CHECKPOINT, Family.SD2, prediction="v", prediction_source=Source.FILE_NAME, missing=())
def sd21_768_v() -> ModelHeader:
    return file("v2-1_768-ema-pruned.safetensors", sd2())


@case(
    Kind.CHECKPOINT,
    Family.SD2,
    prediction="v",
    prediction_source=Source.GUESS,
    assumed=("prediction",),
    runs=True,
)
def sd21_fine_tune() -> ModelHeader:
    return file("illuminatiDiffusionV1_v11.safetensors", sd2())


@case(Kind.CHECKPOINT, Family.SD2, prediction="eps", prediction_source=Source.METADATA, assumed=())
def sd21_fine_tune_with_metadata() -> ModelHeader:
    return file("waifu.safetensors", sd2(), metadata={"ss_v2": "True", "ss_v_parameterization": "False"})


@case(Kind.CHECKPOINT, Family.SD2, variant="depth", in_channels=5, runs=False, prediction="eps")
def sd20_depth() -> ModelHeader:
    return file("512-depth-ema.safetensors", sd2(channels=5), "F32")


@case(Kind.CHECKPOINT, Family.SD2, variant="inpainting", in_channels=9, runs=False, prediction="eps")
def sd20_inpainting() -> ModelHeader:
    return file("512-inpainting-ema.safetensors", sd2(channels=9), "F32")


@case(Kind.CHECKPOINT, Family.SD2, variant="unCLIP", runs=False)
def sd21_unclip() -> ModelHeader:
    return file("sd21-unclip-h.safetensors", sd2(label=2048))


@case(Kind.NETWORK, Family.SD2, layout="diffusers", in_channels=4, missing=(C.CLIP_H, C.VAE_4))
def sd21_unet_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", diffusers_unet(**SD2))  # type: ignore[arg-type]


@case(
    Kind.CHECKPOINT,
    Family.SDXL,
    variant="",
    contains=SDXL_PARTS,
    missing=(),
    in_channels=4,
    runs=True,
    zsnr=False,
    **EPS,
)
def sdxl_base() -> ModelHeader:
    written = {
        "modelspec.architecture": "stable-diffusion-xl-v1-base",
        "modelspec.title": "Stable Diffusion XL 1.0 Base",
    }
    return file(
        "sd_xl_base_1.0.safetensors", sdxl(), metadata=written | {"modelspec.resolution": "1024x1024"}
    )


@case(Kind.CHECKPOINT, Family.SDXL, contains=SDXL_PARTS, runs=True, distillation=None, assumed=())
def sdxl_fine_tune() -> ModelHeader:
    return file("ponyDiffusionV6XL_v6StartWithThisOne.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, contains=SDXL_PARTS[:-1], missing=(C.VAE_4,), runs=True)
def sdxl_without_vae() -> ModelHeader:
    return file("illustriousXL_noVae.safetensors", sdxl(vae=False))


# A1111 pull request 16567: empty marker tensors.
@case(
    Kind.CHECKPOINT,
    Family.SDXL,
    prediction="v",
    prediction_source=Source.TENSORS,
    zsnr=True,
    zsnr_source=Source.TENSORS,
    assumed=(),
)
def noobai_v_prediction_by_key() -> ModelHeader:
    return file("NoobAI-XL-Vpred-v1.0.safetensors", sdxl() | {"v_pred": (0,), "ztsnr": (0,)})


@case(Kind.CHECKPOINT, Family.SDXL, prediction="v", prediction_source=Source.TENSORS, zsnr=False)
def sdxl_v_prediction_without_zero_snr() -> ModelHeader:
    return file("some.safetensors", sdxl() | {"v_pred": (0,)})


@case(Kind.CHECKPOINT, Family.SDXL, prediction="v", prediction_source=Source.METADATA)
def sdxl_v_prediction_by_modelspec() -> ModelHeader:
    written = {"modelspec.architecture": "stable-diffusion-xl-v1-base", "modelspec.prediction_type": "v"}
    return file("kohya-vpred-finetune.safetensors", sdxl(), metadata=written)


# Mikubill/naifu `modules/sdxl_model.py`: plain metadata.
@case(Kind.CHECKPOINT, Family.SDXL, prediction="v", prediction_source=Source.METADATA, zsnr=True)
def sdxl_v_prediction_by_naifu() -> ModelHeader:
    return file(
        "animixl.safetensors",
        sdxl(),
        metadata={"prediction_type": "v_prediction", "zero_terminal_snr": "true"},
    )


@case(Kind.CHECKPOINT, Family.SDXL, prediction="v", prediction_source=Source.METADATA)
def sdxl_v_parameterization_by_kohya() -> ModelHeader:
    return file("x.safetensors", sdxl(), metadata={"ss_v_parameterization": "True"})


@case(
    Kind.CHECKPOINT,
    Family.SDXL,
    prediction="v",
    prediction_source=Source.FILE_NAME,
    assumed=("prediction", "zero_terminal_snr"),
    zsnr=True,
)
def sdxl_v_prediction_by_name() -> ModelHeader:
    return file("myMergeXL_vPredZSNR.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, prediction="v", prediction_source=Source.GUESS, assumed=("prediction",))
def sdxl_merge_of_a_v_prediction_model() -> ModelHeader:
    return file(
        "mix.safetensors", sdxl(), metadata={"modelspec.merged_from": "NoobAI-XL Vpred 1.0, Illustrious-XL"}
    )


# Stability-AI CosXL: EDM v-prediction with the range of sigma in a tensor.
@case(Kind.CHECKPOINT, Family.SDXL, prediction="edm-v", runs=False)
def cosxl() -> ModelHeader:
    return file("cosxl.safetensors", sdxl() | {"edm_vpred.sigma_max": (), "edm_vpred.sigma_min": ()})


@case(Kind.CHECKPOINT, Family.SDXL, variant="Playground 2.5", prediction="edm", runs=False)
def playground_25() -> ModelHeader:
    return file(
        "playground-v2.5-1024px-aesthetic.fp16.safetensors",
        sdxl() | {"edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)},
    )


@case(Kind.CHECKPOINT, Family.SDXL, distillation="Turbo", distillation_source=Source.METADATA, runs=True)
def sdxl_turbo() -> ModelHeader:
    return file(
        "model.safetensors", sdxl(), metadata={"modelspec.architecture": "stable-diffusion-xl-turbo-v1"}
    )


@case(
    Kind.CHECKPOINT,
    Family.SDXL,
    distillation="Turbo",
    distillation_source=Source.FILE_NAME,
    assumed=("distillation",),
)
def sdxl_turbo_merge() -> ModelHeader:
    return file("dreamshaperXL_v21TurboDPMSDE.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, distillation="Lightning", steps=8)
def sdxl_lightning() -> ModelHeader:
    return file("sdxl_lightning_8step.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, distillation="Lightning", steps=None)
def sdxl_lightning_merge() -> ModelHeader:
    return file("realvisxlV40_v40LightningBakedvae.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, distillation="LCM")
def sdxl_lcm_merge() -> ModelHeader:
    return file("copaxTimelessxl_lcm.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, distillation="Hyper", distillation_source=Source.FILE_NAME)
def sdxl_hyper_merge() -> ModelHeader:
    return file("Juggernaut_X_RunDiffusion_Hyper.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, distillation=None)
def sdxl_named_hyper_real() -> ModelHeader:
    return file("HyperRealisticXL_v3.safetensors", sdxl())


@case(Kind.CHECKPOINT, Family.SDXL, variant="inpainting", in_channels=9, runs=False)
def sdxl_inpainting() -> ModelHeader:
    return file("juggernautXL_versionXInpaint.safetensors", sdxl(channels=9))


@case(Kind.CHECKPOINT, Family.SDXL, variant="pix2pix", in_channels=8, runs=False)
def cosxl_edit() -> ModelHeader:
    return file("cosxl_edit.safetensors", sdxl(channels=8))


@case(
    Kind.CHECKPOINT, Family.SDXL_REFINER, contains=(C.NETWORK, C.CLIP_BIGG, C.VAE_4), missing=(), runs=False
)
def sdxl_refiner() -> ModelHeader:
    shapes = under(UNET, ldm_unet(**REFINER)) | under("conditioner.embedders.0.model.", open_clip(**BIGG))  # type: ignore[arg-type]
    return file("sd_xl_refiner_1.0.safetensors", shapes | under(VAE, ldm_vae()))


@case(Kind.CHECKPOINT, Family.SDXL, variant="SSD-1B", runs=False)
def ssd_1b() -> ModelHeader:
    return file("SSD-1B-A1111.safetensors", sdxl(**SSD_1B))


@case(Kind.CHECKPOINT, Family.SDXL, variant="Vega", runs=False)
def segmind_vega() -> ModelHeader:
    return file("segmind-vega.safetensors", sdxl(**VEGA))


@case(Kind.CHECKPOINT, Family.SDXL, contains=SDXL_PARTS, dtype="F8_E4M3", form="", runs=True)
def sdxl_fp8() -> ModelHeader:
    shapes = sdxl()
    plain = {name: "F16" for name in shapes if not name.startswith(UNET)}
    return file("sdxl_fp8_e4m3fn.safetensors", shapes, "F8_E4M3", dtypes=plain)


@case(Kind.CHECKPOINT, Family.SDXL, form="bitsandbytes 4-bit", runs=False)
def sdxl_nf4() -> ModelHeader:
    """Packed weights have lost their shapes: two values a byte, in one column (bitsandbytes `Linear4bit`)."""
    shapes, dtypes = sdxl(), {}
    for name, shape in list(shapes.items()):
        if name.startswith(UNET) and name.endswith(".weight") and len(shape) == 2:
            shapes[name] = (shape[0] * shape[1] // 2, 1)
            shapes[f"{name}.quant_state.bitsandbytes__nf4"] = (84,)
            shapes[f"{name}.absmax"] = (shape[0] * shape[1] // 64,)
            dtypes |= {name: "U8", f"{name}.quant_state.bitsandbytes__nf4": "U8", f"{name}.absmax": "F32"}
    return file("sdxl-nf4.safetensors", shapes, dtypes=dtypes)


@case(
    Kind.NETWORK,
    Family.SDXL,
    layout="diffusers",
    variant="",
    missing=(C.CLIP_L, C.CLIP_BIGG, C.VAE_4),
    runs=True,
)
def sdxl_unet_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.fp16.safetensors", diffusers_unet(**DIFFUSERS_SDXL))  # type: ignore[arg-type]


@case(Kind.NETWORK, Family.SDXL, layout="diffusers", variant="inpainting", runs=False)
def sdxl_inpainting_unet_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", diffusers_unet(channels=9, **DIFFUSERS_SDXL))  # type: ignore[arg-type]


@case(Kind.NETWORK, Family.SD1, layout="diffusers", variant="", runs=True)
def sd15_unet_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", diffusers_unet(), "F32")


# nota-ai/bk-sdm-small, segmind/small-sd: one residual block a level, no middle block.
@case(Kind.NETWORK, Family.SD1, layout="diffusers", variant="other depth", runs=False)
def small_sd_unet() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", diffusers_unet(residuals=1, middle=0))


@case(Kind.NETWORK, Family.KOLORS, runs=False)
def kolors_unet() -> ModelHeader:
    shapes = diffusers_unet(**(DIFFUSERS_SDXL | {"label": 5632}))  # type: ignore[arg-type]
    return file("diffusion_pytorch_model.safetensors", shapes | table("L encoder_hid_proj 2048 4096"))


@case(Kind.NETWORK, Family.KANDINSKY2, runs=False)
def kandinsky_22_unet() -> ModelHeader:
    shapes = diffusers_unet(widths=(384, 768, 1152, 1536), context=768)
    return file(
        "k22.safetensors",
        shapes | table("L add_embedding.image_proj 1536 1280\nL encoder_hid_proj.image_embeds 7680 1280"),
    )


@case(Kind.NETWORK, Family.SVD, runs=False)
def stable_video_diffusion() -> ModelHeader:
    extra = table("l input_blocks.{3}.1.time_stack.0.attn1.to_q 320 320")
    return file("svd_xt.safetensors", under(UNET, ldm_unet(channels=8, label=768, **SD2) | extra))  # type: ignore[arg-type]


@case(Kind.NETWORK, Family.DDPM, runs=False)
def ddpm_cifar10() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", nets.ddpm(), "F32")


@case(Kind.NETWORK, Family.DDPM, runs=False)
def ddpm_celebahq_256() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", nets.old_ddpm(), "F32")


# ----------------------------------------------------------------------------------------------------- transformers
@case(
    Kind.CHECKPOINT,
    Family.SD3,
    variant="3 medium",
    missing=(C.CLIP_L, C.CLIP_BIGG, C.T5_XXL),
    contains=(C.NETWORK, C.VAE_16),
)
def sd3_medium() -> ModelHeader:
    shapes = under(UNET, nets.sd3(1536, 24, 36864, norms=False)) | under(VAE, ldm_vae(16, quant=False))
    return file("sd3_medium.safetensors", shapes)


@case(Kind.CHECKPOINT, Family.SD3, variant="3.5 large", missing=())
def sd35_large_all_in_one() -> ModelHeader:
    shapes = under(UNET, nets.sd3(2432, 38, 36864, norms=True)) | under(VAE, ldm_vae(16, quant=False))
    shapes |= under("text_encoders.clip_l.transformer.", clip(projection=768))
    shapes |= under("text_encoders.clip_g.transformer.", clip(**BIGG)) | under(
        "text_encoders.t5xxl.transformer.", t5()
    )
    return file("sd3.5_large_fp8_scaled.safetensors", shapes)


@case(Kind.NETWORK, Family.SD3, variant="3.5 medium")
def sd35_medium() -> ModelHeader:
    return file("sd3.5_medium.safetensors", under(UNET, nets.sd3(1536, 24, 147456, norms=True, dual=13)))


@case(
    Kind.NETWORK,
    Family.FLUX1,
    variant="dev",
    missing=(C.CLIP_L, C.T5_XXL, C.VAE_16),
    distillation="guidance",
    prediction="flow",
)
def flux1_dev() -> ModelHeader:
    return file("flux1-dev.safetensors", nets.flux1(), "BF16")


@case(Kind.NETWORK, Family.FLUX1, variant="schnell", distillation="schnell", steps=4, runs=False)
def flux1_schnell() -> ModelHeader:
    return file("flux1-schnell.safetensors", nets.flux1(guidance=False), "BF16")


@case(Kind.NETWORK, Family.FLUX1, variant="Fill")
def flux1_fill() -> ModelHeader:
    return file("flux1-fill-dev.safetensors", nets.flux1(channels=384), "BF16")


@case(Kind.NETWORK, Family.FLUX1, variant="Depth or Canny")
def flux1_canny() -> ModelHeader:
    return file("flux1-canny-dev.safetensors", nets.flux1(channels=128), "BF16")


# Kijai and ComfyUI save the norms as ``weight``.
@case(Kind.CHECKPOINT, Family.FLUX1, variant="dev", missing=(), dtype="F8_E4M3")
def flux1_dev_all_in_one_fp8() -> ModelHeader:
    shapes = {name.replace("_norm.scale", "_norm.weight"): shape for name, shape in nets.flux1().items()}
    shapes = under(UNET, shapes) | under("vae.", ldm_vae(16, quant=False))
    shapes |= under("text_encoders.clip_l.transformer.", clip()) | under(
        "text_encoders.t5xxl.transformer.", t5()
    )
    return file("flux1-dev-fp8.safetensors", shapes, "F8_E4M3")


@case(Kind.NETWORK, Family.FLUX1, variant="dev", form="bitsandbytes 4-bit")
def flux1_dev_nf4() -> ModelHeader:
    shapes, dtypes = under(UNET, nets.flux1()), {}
    for name, shape in list(shapes.items()):
        if name.endswith(".weight") and len(shape) == 2:
            shapes[name] = (shape[0] * shape[1] // 2, 1)
            shapes[f"{name}.quant_state.bitsandbytes__nf4"] = (84,)
            dtypes |= {name: "U8", f"{name}.quant_state.bitsandbytes__nf4": "U8"}
    return file("flux1-dev-bnb-nf4-v2.safetensors", shapes, "BF16", dtypes=dtypes)


@case(Kind.NETWORK, Family.CHROMA, variant="", missing=(C.T5_XXL, C.VAE_16))
def chroma1_hd() -> ModelHeader:
    return file("Chroma1-HD.safetensors", nets.chroma(), "BF16")


@case(Kind.NETWORK, Family.CHROMA, variant="Radiance")
def chroma1_radiance() -> ModelHeader:
    return file("Chroma1-Radiance.safetensors", nets.chroma(radiance=True), "BF16")


@case(Kind.NETWORK, Family.FLUX2, variant="dev", missing=(C.MISTRAL3, C.VAE_FLUX2))
def flux2_dev() -> ModelHeader:
    return file("flux2-dev.safetensors", nets.flux2(6144, 15360, 8, 48, guidance=True), "BF16")


@case(Kind.NETWORK, Family.FLUX2, variant="klein 4B", missing=(C.QWEN3_4B, C.VAE_FLUX2))
def flux2_klein_4b() -> ModelHeader:
    return file("flux-2-klein-4b.safetensors", nets.flux2(3072, 7680, 5, 20), "BF16")


@case(Kind.NETWORK, Family.FLUX2, variant="klein 9B", missing=(C.QWEN3_8B, C.VAE_FLUX2))
def flux2_klein_9b() -> ModelHeader:
    return file("flux-2-klein-9b.safetensors", nets.flux2(4096, 12288, 8, 24), "BF16")


@case(Kind.NETWORK, Family.FLUX3, variant="klein")
def flux3_klein() -> ModelHeader:
    return file("flux-3-image-klein.safetensors", nets.flux3(distilled=True), "BF16")


@case(Kind.NETWORK, Family.LONGCAT)
def longcat_image() -> ModelHeader:
    return file("longcat_image_bf16.safetensors", nets.flux1(guidance=False, text=3584, vector=False), "BF16")


@case(Kind.NETWORK, Family.Z_IMAGE, missing=(C.QWEN3_4B, C.VAE_16), form="", distillation="Turbo")
def z_image_turbo() -> ModelHeader:
    return file("z_image_turbo_bf16.safetensors", nets.lumina2(**nets.Z_IMAGE), "BF16")


# ComfyUI QUANTIZATION.md: int8 with rotated columns; the format itself is in the payload of ``comfy_quant``.
@case(Kind.NETWORK, Family.Z_IMAGE, form="int8", dtype="I8")
def z_image_turbo_int8_convrot() -> ModelHeader:
    shapes, dtypes = nets.lumina2(**nets.Z_IMAGE), {}
    for name, shape in list(shapes.items()):
        if name.startswith("layers.") and len(shape) == 2:
            base = name.removesuffix(".weight")
            shapes |= {f"{base}.weight_scale": (shape[0], 1), f"{base}.comfy_quant": (74,)}
            dtypes |= {name: "I8", f"{base}.weight_scale": "F32", f"{base}.comfy_quant": "U8"}
    return file("z_image_turbo_int8_convrot.safetensors", shapes, "BF16", dtypes=dtypes)


@case(Kind.NETWORK, Family.LUMINA2, missing=(C.GEMMA2_2B, C.VAE_16))
def lumina_image_2() -> ModelHeader:
    return file("lumina_2_model_bf16.safetensors", nets.lumina2(), "BF16")


@case(Kind.CHECKPOINT, Family.LUMINA2, missing=())
def netayume_all_in_one() -> ModelHeader:
    gemma = language_model(2304, 26, 256000, heads=8, key_heads=4, head=256, hidden=9216, norms="post")
    shapes = under(UNET, nets.lumina2()) | under("text_encoders.gemma2_2b.transformer.model.", gemma)
    return file(
        "NetaYumev35_pretrained_all_in_one.safetensors",
        shapes | under("vae.", ldm_vae(16, quant=False)),
        "BF16",
    )


# Comfy-Org/Anima: ``net.`` as in NVIDIA's Cosmos releases.
@case(Kind.NETWORK, Family.ANIMA, missing=(C.QWEN3_0_6B, C.VAE_QWEN), prefix="net.")
def anima() -> ModelHeader:
    return file("anima-preview.safetensors", under("net.", nets.cosmos_predict2(anima=True)), "BF16")


@case(Kind.NETWORK, Family.COSMOS, variant="Predict2")
def cosmos_predict2_2b() -> ModelHeader:
    return file("cosmos_predict2_2B_t2i.safetensors", under("net.", nets.cosmos_predict2()), "BF16")


@case(Kind.NETWORK, Family.KREA2, missing=(C.QWEN3_VL_4B, C.VAE_QWEN))
def krea2_raw() -> ModelHeader:
    return file("krea2_raw_bf16.safetensors", nets.krea2(), "BF16")


@case(
    Kind.NETWORK,
    Family.QWEN_IMAGE,
    variant="",
    missing=(C.QWEN25_VL_7B, C.VAE_QWEN),
    form="fp8 scaled",
    dtype="F8_E4M3",
)
def qwen_image_fp8_scaled() -> ModelHeader:
    shapes, dtypes = nets.qwen_image(), {}
    for name, shape in list(shapes.items()):
        if name.startswith("transformer_blocks.") and len(shape) == 2:
            base = name.removesuffix(".weight")
            shapes |= {f"{base}.scale_weight": ()}
            dtypes |= {name: "F8_E4M3", f"{base}.scale_weight": "F32"}
    shapes["scaled_fp8"] = (0,)
    return file(
        "qwen_image_fp8_e4m3fn_scaled.safetensors", shapes, "BF16", dtypes=dtypes | {"scaled_fp8": "F8_E4M3"}
    )


@case(Kind.NETWORK, Family.QWEN_IMAGE, variant="Edit 2511")
def qwen_image_edit_2511() -> ModelHeader:
    return file(
        "qwen_image_edit_2511_bf16.safetensors", nets.qwen_image() | {"__index_timestep_zero__": (0,)}, "BF16"
    )


@case(Kind.NETWORK, Family.QWEN_IMAGE_21, missing=(C.QWEN3_VL_8B, C.VAE_QWEN))
def qwen_image_2_1() -> ModelHeader:
    return file("qwen_image_2.1_bf16.safetensors", nets.qwen_image_21(), "BF16")


@case(Kind.NETWORK, Family.MAGE_FLOW)
def mage_flow() -> ModelHeader:
    return file("mage_flow_bf16.safetensors", nets.mage_flow(), "BF16")


# BFL's own metadata for mixed precision.
@case(Kind.NETWORK, Family.FLUX2, form="nvfp4", runs=False)
def flux2_nvfp4() -> ModelHeader:
    layers = {
        "double_blocks.0.img_attn.qkv": {"format": "nvfp4"},
        "double_blocks.0.img_mlp.0": {"format": "float8_e4m3fn"},
    }
    written = {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})}
    return file("flux2-dev-nvfp4.safetensors", nets.flux2(6144, 15360, 8, 48), "U8", metadata=written)


@case(Kind.NETWORK, Family.PIXART_ALPHA, prediction="eps")
def pixart_alpha() -> ModelHeader:
    return file("PixArt-XL-2-1024-MS.safetensors", nets.pixart(alpha=True))


@case(Kind.NETWORK, Family.PIXART_SIGMA)
def pixart_sigma() -> ModelHeader:
    return file("PixArt-Sigma-XL-2-1024-MS.safetensors", nets.pixart(alpha=False))


@case(Kind.NETWORK, Family.PIXART_SIGMA, layout="diffusers")
def pixart_sigma_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", nets.pixart_diffusers())


@case(Kind.NETWORK, Family.SANA, missing=(C.GEMMA2_2B, C.VAE_DC))
def sana_1600m() -> ModelHeader:
    return file("Sana_1600M_1024px.safetensors", nets.sana())


@case(Kind.NETWORK, Family.AURAFLOW, prefix="model.", missing=(C.T5_XL, C.VAE_4))
def auraflow() -> ModelHeader:
    return file("aura_flow_0.3.safetensors", under("model.", nets.auraflow()))


@case(Kind.NETWORK, Family.HIDREAM_I1)
def hidream_i1() -> ModelHeader:
    return file("hidream_i1_full_fp16.safetensors", nets.hidream_i1())


@case(Kind.NETWORK, Family.HUNYUAN_IMAGE)
def hunyuan_image_21() -> ModelHeader:
    return file("hunyuanimage2.1_bf16.safetensors", nets.hunyuan(image=True), "BF16")


@case(Kind.NETWORK, Family.HUNYUAN_VIDEO, runs=False)
def hunyuan_video() -> ModelHeader:
    return file("hunyuan_video_t2v_720p_bf16.safetensors", nets.hunyuan(image=False), "BF16")


@case(Kind.NETWORK, Family.WAN, variant="text to video", runs=False)
def wan_21_t2v() -> ModelHeader:
    return file("wan2.1_t2v_1.3B_fp16.safetensors", nets.wan())


@case(Kind.NETWORK, Family.WAN, variant="image to video", runs=False)
def wan_21_i2v() -> ModelHeader:
    return file(
        "wan2.1_i2v_480p_14B_fp16.safetensors", nets.wan(width=5120, channels=36, picture=True, layers=40)
    )


@case(Kind.NETWORK, Family.LTX, runs=False)
def ltx_video() -> ModelHeader:
    return file("ltx-video-2b-v0.9.safetensors", under(UNET, nets.ltx_video()), "BF16")


@case(Kind.NETWORK, Family.KANDINSKY5)
def kandinsky5_image_lite() -> ModelHeader:
    return file("kandinsky5lite_t2i.safetensors", nets.kandinsky5(), "BF16")


@case(Kind.NETWORK, Family.STABLE_CASCADE, variant="stage C")
def stable_cascade_stage_c() -> ModelHeader:
    return file("stage_c_bf16.safetensors", nets.cascade_c(), "BF16")


@case(Kind.NETWORK, Family.IDEOGRAM4)
def ideogram4() -> ModelHeader:
    return file("ideogram4_cond.safetensors", nets.ideogram4(), "BF16")


@case(Kind.NETWORK, Family.ERNIE_IMAGE)
def ernie_image() -> ModelHeader:
    return file("ernie_image_bf16.safetensors", nets.ernie_image(), "BF16")


@case(Kind.NETWORK, Family.DIT_XL, missing=(C.VAE_4,), runs=False)
def dit_xl_2_256() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", nets.dit_xl(), "F32")


@case(Kind.UNKNOWN, None, form="GGUF", runs=False)
def flux1_dev_gguf() -> ModelHeader:
    return ModelHeader(name="flux1-dev-Q4_K_S.gguf", tensors={}, container="gguf")


# mit-han-lab/nunchaku: the weights of the low-rank branch and the residual have names of their own.
@case(Kind.UNKNOWN, None, form="SVDQuant (Nunchaku)", runs=False)
def flux1_dev_nunchaku() -> ModelHeader:
    shapes = table("""
        P transformer_blocks.{19}.qkv_proj.qweight 9216 1536
        P transformer_blocks.{19}.qkv_proj.wscales 48 9216
        P transformer_blocks.{19}.qkv_proj.smooth 3072
        P transformer_blocks.{19}.qkv_proj.proj_up 9216 32""")
    return file("svdq-int4_r32-flux.1-dev.safetensors", shapes, "I8")
