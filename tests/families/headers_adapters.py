"""Headers of real files that are no models: adapters, text encoders, VAEs and others; see `headers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.families.recognition.kinds import Component, Family, Kind, Source
from tests.families import transformers as nets
from tests.families.architectures import (
    BIGG,
    DIFFUSERS_SDXL,
    SD2,
    SDXL,
    Shapes,
    clip,
    clip_vision,
    diffusers_unet,
    diffusers_vae,
    language_model,
    ldm_unet,
    ldm_vae,
    open_clip,
    t5,
    table,
    taesd,
    under,
)
from tests.families.headers import UNET, VAE, case, file

if TYPE_CHECKING:
    from studio.families.recognition.header import ModelHeader

C = Component


# ------------------------------------------------------------------------------------------------------------- LoRA
def linear_layers(shapes: Shapes, *, inside: tuple[str, ...]) -> Shapes:
    """The weights that adapters change: of linear and 1x1 layers whose names contain one of ``inside``."""
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) > 1 and any(part in name for part in inside)
    }


ATTENTION = ("attn1.", "attn2.", ".ff.", "proj_in", "proj_out")


def kohya(prefix: str, layers: Shapes, rank: int = 16, *, kernel: bool = True, dora: bool = False) -> Shapes:
    """kohya-ss/sd-scripts `networks/lora.py`: `LoRAModule`; the down layer of a convolution keeps its kernel."""
    found: Shapes = {}
    for name, (out, inside, *size) in layers.items():
        base, size = prefix + name.replace(".", "_"), size if kernel else [1] * len(size)
        found[f"{base}.lora_down.weight"] = (rank, inside, *size)
        found[f"{base}.lora_up.weight"] = (out, rank, *[1] * len(size))
        found[f"{base}.alpha"] = ()
        if dora:
            found[f"{base}.dora_scale"] = (out, 1)
    return found


def peft(prefix: str, layers: Shapes, rank: int = 16, *, down: str = "lora_A", up: str = "lora_B") -> Shapes:
    """huggingface/peft `tuners/lora/layer.py`: names ``lora_A`` and ``lora_B``."""
    found: Shapes = {}
    for name, (out, inside, *size) in layers.items():
        found[f"{prefix}{name}.{down}.weight"] = (rank, inside, *size)
        found[f"{prefix}{name}.{up}.weight"] = (out, rank, *[1] * len(size))
    return found


CLIP_LAYERS = linear_layers(clip(), inside=("self_attn", "mlp"))
BIGG_LAYERS = linear_layers(clip(**BIGG), inside=("self_attn", "mlp"))
SD1_LAYERS = linear_layers(diffusers_unet(), inside=ATTENTION)
SDXL_LAYERS = linear_layers(ldm_unet(**SDXL), inside=ATTENTION)  # type: ignore[arg-type]
CONVOLUTIONS = linear_layers(
    diffusers_unet(), inside=("resnets.0.conv1", "resnets.0.conv2", "samplers.0.conv")
)


@case(
    Kind.LORA,
    Family.SD1,
    form="LoRA",
    changes=("network", "text encoder"),
    rank=16,
    runs=True,
    layout="kohya",
    triggers=("mymodel style",),
)
def kohya_lora_sd1() -> ModelHeader:
    written = {
        "ss_network_module": "networks.lora",
        "ss_base_model_version": "sd_v1",
        "modelspec.trigger_phrase": "mymodel style",
    }
    return file(
        "style_sd15.safetensors",
        kohya("lora_unet_", SD1_LAYERS) | kohya("lora_te_", CLIP_LAYERS),
        metadata=written,
    )


@case(Kind.LORA, Family.SD1, changes=("text encoder",), family_source=Source.TENSORS, runs=True)
def kohya_lora_of_the_text_encoder_alone() -> ModelHeader:
    return file("te_only.safetensors", kohya("lora_te_", CLIP_LAYERS))


@case(Kind.LORA, Family.SD2, runs=True)
def kohya_lora_sd2() -> ModelHeader:
    layers = linear_layers(diffusers_unet(**SD2), inside=ATTENTION)  # type: ignore[arg-type]
    return file("sd21.safetensors", kohya("lora_unet_", layers), metadata={"ss_v2": "True"})


@case(Kind.LORA, Family.SDXL, form="LoRA", changes=("network",), runs=True, triggers=("ohwx", "man"))
def kohya_lora_sdxl() -> ModelHeader:
    frequency = '{"10_ohwx man": {"ohwx": 40, "man": 40, "smiling": 7}}'
    return file(
        "person_sdxl.safetensors",
        kohya("lora_unet_", SDXL_LAYERS, 32),
        metadata={"ss_tag_frequency": frequency},
    )


@case(Kind.LORA, Family.SDXL, changes=("network", "text encoder", "text encoder 2"), runs=True)
def kohya_lora_sdxl_with_text_encoders() -> ModelHeader:
    shapes = (
        kohya("lora_unet_", SDXL_LAYERS) | kohya("lora_te1_", CLIP_LAYERS) | kohya("lora_te2_", BIGG_LAYERS)
    )
    return file("style_sdxl.safetensors", shapes)


@case(Kind.LORA, Family.SDXL, changes=("network",), runs=True)
def kohya_lora_sdxl_of_self_attention_alone() -> ModelHeader:
    layers = {name: shape for name, shape in SDXL_LAYERS.items() if "attn1" in name}
    return file("attn1.safetensors", kohya("lora_unet_", layers))


@case(Kind.LORA, Family.SDXL, distillation="LCM", runs=True)
def lcm_lora_sdxl() -> ModelHeader:
    layers = linear_layers(diffusers_unet(**DIFFUSERS_SDXL), inside=ATTENTION)  # type: ignore[arg-type]
    return file("lcm-lora-sdxl.safetensors", kohya("lora_unet_", layers, 64))


@case(Kind.LORA, Family.SDXL, distillation="Hyper", steps=8)
def hyper_sdxl_lora() -> ModelHeader:
    layers = linear_layers(diffusers_unet(**DIFFUSERS_SDXL), inside=ATTENTION)  # type: ignore[arg-type]
    return file("Hyper-SDXL-8steps-lora.safetensors", peft("unet.", layers))


@case(Kind.LORA, Family.SD1, form="LoCon", runs=True)
def locon_sd1() -> ModelHeader:
    return file("locon.safetensors", kohya("lora_unet_", SD1_LAYERS) | kohya("lora_unet_", CONVOLUTIONS, 8))


# LyCORIS with rank-decomposed 3x3 kernels: the kernel is in ``lora_mid``.
@case(Kind.LORA, Family.SD1, form="LoCon", runs=True)
def locon_sd1_tucker() -> ModelHeader:
    shapes = kohya("lora_unet_", CONVOLUTIONS, 8, kernel=False)
    middle = {
        name.replace("lora_down", "lora_mid"): (8, 8, 3, 3)
        for name in shapes
        if name.endswith("lora_down.weight")
    }
    return file("cp.safetensors", kohya("lora_unet_", SD1_LAYERS) | shapes | middle)


@case(Kind.LORA, Family.SD1, form="LoHa", runs=False)
def loha_sd1() -> ModelHeader:
    """KohakuBlueleaf/LyCORIS `lycoris/modules/loha.py`: `LohaModule`."""
    shapes: Shapes = {}
    for name, (out, inside, *size) in SD1_LAYERS.items():
        base, flat = "lora_unet_" + name.replace(".", "_"), inside * max(size, default=1)
        shapes |= {f"{base}.hada_w1_a": (out, 8), f"{base}.hada_w1_b": (8, flat), f"{base}.alpha": ()}
        shapes |= {f"{base}.hada_w2_a": (out, 8), f"{base}.hada_w2_b": (8, flat)}
    return file("loha.safetensors", shapes)


@case(Kind.LORA, Family.SDXL, form="LoKr", runs=False)
def lokr_sdxl() -> ModelHeader:
    """LyCORIS `lycoris/modules/lokr.py`: `LokrModule`, one factor whole and one decomposed."""
    shapes: Shapes = {}
    for name, (out, inside) in SDXL_LAYERS.items():
        base = "lora_unet_" + name.replace(".", "_")
        shapes |= {
            f"{base}.lokr_w1": (8, 8),
            f"{base}.lokr_w2_a": (out // 8, 4),
            f"{base}.lokr_w2_b": (4, inside // 8),
        }
    return file("lokr.safetensors", shapes, metadata={"ss_network_module": "lycoris.kohya"})


@case(Kind.LORA, Family.SDXL, form="DoRA", runs=False)
def dora_sdxl() -> ModelHeader:
    return file("dora.safetensors", kohya("lora_unet_", SDXL_LAYERS, dora=True))


@case(
    Kind.LORA,
    Family.SDXL,
    layout="diffusers",
    runs=True,
    changes=("network", "text encoder", "text encoder 2"),
)
def diffusers_dreambooth_lora_sdxl() -> ModelHeader:
    """Diffusers `examples/dreambooth/train_dreambooth_lora_sdxl.py`: PEFT names."""
    layers = linear_layers(diffusers_unet(**DIFFUSERS_SDXL), inside=("attn1.to", "attn2.to"))  # type: ignore[arg-type]
    shapes = peft("unet.", layers, down="lora.down", up="lora.up")
    shapes |= peft("text_encoder.", CLIP_LAYERS, down="lora_linear_layer.down", up="lora_linear_layer.up")
    return file("pytorch_lora_weights.safetensors", shapes | peft("text_encoder_2.", BIGG_LAYERS))


# diffusers before 0.2x: attention processors.
@case(Kind.LORA, Family.SD1, layout="diffusers", runs=True)
def diffusers_old_lora_sd1() -> ModelHeader:
    layers = linear_layers(diffusers_unet(), inside=("attn1.to_q", "attn1.to_k", "attn2.to_k", "attn2.to_v"))
    named = {name.replace(".to_", ".processor.to_"): shape for name, shape in layers.items()}
    shapes = {f"unet.{name}_lora.down.weight": (4, shape[1]) for name, shape in named.items()}
    return file(
        "pytorch_lora_weights.safetensors",
        shapes | {f"unet.{name}_lora.up.weight": (shape[0], 4) for name, shape in named.items()},
    )


FLUX_LAYERS = linear_layers(nets.flux1(), inside=("_attn.", "_mlp.", "linear"))


@case(Kind.LORA, Family.FLUX1, runs=False)
def kohya_lora_flux1() -> ModelHeader:
    return file(
        "flux_lora.safetensors",
        kohya("lora_unet_", FLUX_LAYERS),
        metadata={"modelspec.architecture": "flux-1-dev/lora"},
    )


@case(Kind.LORA, Family.CHROMA, family_source=Source.METADATA, runs=False)
def kohya_lora_chroma() -> ModelHeader:
    return file(
        "chroma_lora.safetensors",
        kohya("lora_unet_", FLUX_LAYERS),
        metadata={"modelspec.architecture": "chroma/lora"},
    )


@case(Kind.LORA, Family.FLUX1, layout="diffusers")
def ai_toolkit_lora_flux1() -> ModelHeader:
    """ostris/ai-toolkit: PEFT names under ``transformer.``, in diffusers' names of the layers."""
    layers = table("""
        l transformer_blocks.{19}.attn.to_q 3072 3072
        l transformer_blocks.{19}.attn.add_k_proj 3072 3072
        l single_transformer_blocks.{38}.attn.to_q 3072 3072
        l single_transformer_blocks.{38}.proj_mlp 12288 3072""")
    return file("flux_ostris.safetensors", peft("transformer.", linear_layers(layers, inside=("",))))


@case(Kind.LORA, Family.FLUX2)
def lora_flux2_klein() -> ModelHeader:
    layers = linear_layers(nets.flux2(3072, 7680, 5, 20), inside=("linear1", "linear2"))
    return file("klein_lora.safetensors", peft("diffusion_model.", layers))


@case(Kind.LORA, Family.HUNYUAN_VIDEO)
def lora_hunyuan_video() -> ModelHeader:
    layers = linear_layers(nets.hunyuan(image=False), inside=("double_blocks", "linear1"))
    return file("hv.safetensors", kohya("lora_unet_", layers))


@case(Kind.LORA, Family.Z_IMAGE)
def lora_z_image() -> ModelHeader:
    layers = linear_layers(
        table("l layers.{30}.attention.to_q 3840 3840\nl layers.{30}.feed_forward.w1 10240 3840"),
        inside=("",),
    )
    return file("zit_style.safetensors", peft("diffusion_model.", layers))


@case(Kind.LORA, Family.QWEN_IMAGE, distillation="Lightning", steps=8)
def lora_qwen_image_lightning() -> ModelHeader:
    layers = linear_layers(nets.qwen_image(), inside=("attn.", "img_mlp", "txt_mlp"))
    return file(
        "Qwen-Image-Lightning-8steps-V1.0.safetensors",
        peft("transformer_", {}) | kohya("", {}) | peft("", layers),
    )


@case(Kind.LORA, Family.WAN)
def lora_wan() -> ModelHeader:
    layers = linear_layers(nets.wan(), inside=("self_attn", "cross_attn", "ffn"))
    return file("wan_lora.safetensors", peft("diffusion_model.", layers))


@case(Kind.LORA, Family.ANIMA)
def lora_anima() -> ModelHeader:
    layers = linear_layers(nets.cosmos_predict2(anima=True), inside=("self_attn", "cross_attn"))
    return file("anima_lora.safetensors", kohya("lora_unet_", layers))


@case(Kind.LORA, Family.SD3)
def lora_sd3() -> ModelHeader:
    layers = linear_layers(nets.sd3(1536, 24, 36864, norms=False), inside=("attn.qkv",))
    return file("sd3_lora.safetensors", kohya("lora_unet_", layers))


# ---------------------------------------------------------------------------------------------- textual inversions
@case(Kind.TEXTUAL_INVERSION, Family.SD1, tokens=75, runs=True)
def easynegative() -> ModelHeader:
    return file("easynegative.safetensors", {"emb_params": (75, 768)}, "F32")


@case(Kind.TEXTUAL_INVERSION, Family.SD2, tokens=4)
def textual_inversion_sd2() -> ModelHeader:
    return file("nfixer.safetensors", {"emb_params": (4, 1024)}, "F32")


@case(Kind.TEXTUAL_INVERSION, Family.SDXL, tokens=8, runs=True)
def negative_xl() -> ModelHeader:
    return file("negativeXL_D.safetensors", {"clip_l": (8, 768), "clip_g": (8, 1280)}, "F32")


@case(Kind.TEXTUAL_INVERSION, Family.SD1, tokens=1)
def learned_embeds_diffusers() -> ModelHeader:
    return file("learned_embeds.safetensors", {"<cat-toy>": (1, 768)}, "F32")


# ------------------------------------------------------------------------------------------------------------- VAEs
@case(Kind.VAE, Family.SD1, family_source=Source.FILE_NAME, contains=(C.VAE_4,), layout="LDM")
def vae_ft_mse() -> ModelHeader:
    return file("vae-ft-mse-840000-ema-pruned.safetensors", ldm_vae(), "F32")


@case(Kind.VAE, Family.SDXL, contains=(C.VAE_4,), layout="LDM")
def sdxl_vae() -> ModelHeader:
    return file("sdxl_vae.safetensors", ldm_vae())


@case(Kind.VAE, None, contains=(C.VAE_4,), layout="diffusers")
def vae_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", diffusers_vae())


@case(Kind.VAE, Family.SD1, contains=(C.VAE_4,), prefix=VAE)
def vae_with_the_prefix_of_a_checkpoint() -> ModelHeader:
    return file("orangemix.vae.safetensors", under(VAE, ldm_vae()))


@case(Kind.VAE, None, contains=(C.VAE_16,), layout="LDM")
def flux_ae() -> ModelHeader:
    return file("ae.safetensors", ldm_vae(16, quant=False), "F32")


@case(Kind.VAE, None, contains=(C.VAE_16,), layout="diffusers")
def sd3_vae_diffusers() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", diffusers_vae(16, quant=False))


@case(Kind.VAE, None, contains=(C.VAE_FLUX2,))
def flux2_vae() -> ModelHeader:
    """black-forest-labs/flux2 `src/flux2/autoencoder.py`: 32 channels and a batch norm of patches."""
    shapes = diffusers_vae(32) | table(
        "P bn.running_mean 128\nP bn.running_var 128\nP bn.num_batches_tracked"
    )
    return file("flux2-vae.safetensors", shapes, "BF16")


@case(Kind.VAE, None, contains=(C.VAE_HUNYUAN,))
def vae_of_32_channels_that_is_not_flux2() -> ModelHeader:
    return file("hunyuan_image_refiner_vae.safetensors", ldm_vae(32))


@case(Kind.VAE, None, contains=(C.VAE_DC,))
def sana_dc_ae() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", nets.dc_ae())


@case(Kind.VAE, None, contains=(C.VAE_QWEN,))
def qwen_image_vae() -> ModelHeader:
    return file("qwen_image_vae.safetensors", nets.wan_vae(), "BF16")


@case(Kind.VAE, None, variant="Wan 2.2", contains=(C.VAE_OTHER,))
def wan22_vae() -> ModelHeader:
    return file("wan2.2_vae.safetensors", nets.wan_vae(48))


@case(Kind.TINY_VAE, Family.SD1, variant="decoder only", contains=(C.VAE_4,))
def taesd_decoder() -> ModelHeader:
    return file("taesd_decoder.safetensors", taesd()[1])


@case(Kind.TINY_VAE, Family.SDXL, variant="encoder only", contains=(C.VAE_4,))
def taesdxl_encoder() -> ModelHeader:
    return file("taesdxl_encoder.safetensors", taesd()[0])


@case(Kind.TINY_VAE, Family.SD1, layout="diffusers", contains=(C.VAE_4,))
def taesd_diffusers() -> ModelHeader:
    encoder, decoder = taesd()
    # `DecoderTiny` has no clamp in its list, so its places are one lower than taesd's.
    lower = {
        f"decoder.layers.{int(name.split('.', 1)[0]) - 1}.{name.split('.', 1)[1]}": shape
        for name, shape in decoder.items()
    }
    return file("taesd.safetensors", under("encoder.layers.", encoder) | lower)


@case(Kind.TINY_VAE, None, contains=(C.VAE_16,))
def taef1_comfyui() -> ModelHeader:
    encoder, decoder = taesd(16)
    return file("taef1.safetensors", under("taesd_encoder.", encoder) | under("taesd_decoder.", decoder))


# ---------------------------------------------------------------------------------------------------- text encoders
@case(Kind.TEXT_ENCODER, None, contains=(C.CLIP_L,))
def clip_l() -> ModelHeader:
    return file("clip_l.safetensors", clip())


@case(Kind.TEXT_ENCODER, None, contains=(C.CLIP_L,))
def clip_l_saved_by_transformers_5() -> ModelHeader:
    return file("model.safetensors", clip(flat=True))


@case(Kind.TEXT_ENCODER, None, contains=(C.CLIP_L,))
def clip_l_whole_with_vision() -> ModelHeader:
    shapes = clip() | clip_vision(1024, 24) | {"logit_scale": (), "text_projection.weight": (768, 768)}
    return file("ViT-L-14-TEXT-detail-improved-hiT-GmP-HF.safetensors", shapes)


@case(Kind.TEXT_ENCODER, None, contains=(C.CLIP_BIGG,))
def clip_g() -> ModelHeader:
    return file("clip_g.safetensors", clip(**BIGG))


@case(Kind.TEXT_ENCODER, None, contains=(C.CLIP_H,))
def open_clip_h_of_diffusers() -> ModelHeader:
    """SD 2.x in diffusers keeps 23 of the 24 layers (`text_encoder/config.json`: ``num_hidden_layers`` 23)."""
    return file("model.safetensors", clip(1024, 23))


@case(Kind.TEXT_ENCODER, None, contains=(C.CLIP_H,), layout="OpenCLIP")
def open_clip_h() -> ModelHeader:
    return file("open_clip_pytorch_model.safetensors", open_clip())


@case(Kind.TEXT_ENCODER, None, contains=(C.T5_XXL,), dtype="F8_E4M3")
def t5xxl_fp8() -> ModelHeader:
    return file("t5xxl_fp8_e4m3fn.safetensors", t5(), "F8_E4M3")


@case(Kind.TEXT_ENCODER, None, contains=(C.UMT5_XXL,))
def umt5_xxl() -> ModelHeader:
    return file("umt5_xxl_fp16.safetensors", t5(words=256384, biases=True))


@case(Kind.TEXT_ENCODER, None, contains=(C.T5_XL,))
def pile_t5_xl() -> ModelHeader:
    return file("pile_t5xl.safetensors", t5(2048, 5120, words=32128))


@case(Kind.TEXT_ENCODER, None, contains=(C.GEMMA2_2B,))
def gemma2_2b() -> ModelHeader:
    shapes = language_model(2304, 26, 256000, heads=8, key_heads=4, head=256, hidden=9216, norms="post")
    return file("gemma_2_2b_fp16.safetensors", under("model.", shapes))


@case(Kind.TEXT_ENCODER, None, contains=(C.QWEN3_0_6B,))
def qwen3_06b() -> ModelHeader:
    return file(
        "qwen_3_06b_base.safetensors",
        under("model.", language_model(1024, 28, 151936, heads=16, key_heads=8, norms="q")),
        "BF16",
    )


@case(Kind.TEXT_ENCODER, None, contains=(C.QWEN3_4B,))
def qwen3_4b() -> ModelHeader:
    shapes = language_model(2560, 36, 151936, heads=32, key_heads=8, hidden=9728, norms="q")
    return file("qwen_3_4b.safetensors", under("model.", shapes), "BF16")


@case(Kind.TEXT_ENCODER, None, contains=(C.QWEN3_VL_4B,))
def qwen3_vl_4b() -> ModelHeader:
    shapes = under(
        "model.language_model.",
        language_model(2560, 36, 151936, heads=32, key_heads=8, hidden=9728, norms="q"),
    )
    return file(
        "qwen3vl_4b_bf16.safetensors", shapes | table("L model.visual.blocks.{24}.attn.qkv 3072 1024"), "BF16"
    )


@case(Kind.TEXT_ENCODER, None, contains=(C.QWEN25_VL_7B,))
def qwen25_vl_7b() -> ModelHeader:
    shapes = language_model(3584, 28, 152064, heads=28, key_heads=4, hidden=18944, bias=True)
    return file(
        "qwen_2.5_vl_7b.safetensors",
        under("model.", shapes) | table("L visual.blocks.{32}.attn.qkv 3840 1280"),
        "BF16",
    )


@case(Kind.TEXT_ENCODER, None, contains=(C.LLAMA3_8B,))
def llama_31_8b() -> ModelHeader:
    shapes = language_model(4096, 32, 128256, heads=32, key_heads=8, hidden=14336)
    return file("llama_3.1_8b_instruct_fp8_scaled.safetensors", under("model.", shapes))


@case(Kind.IMAGE_ENCODER, None)
def clip_vision_h() -> ModelHeader:
    return file("CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors", clip_vision(1280, 32))


# ------------------------------------------------------------------------------------------------- other adapters
def _half(shapes: Shapes) -> Shapes:
    """The first half of a U-Net, which a ControlNet copies."""
    return {
        name: shape
        for name, shape in shapes.items()
        if not name.startswith(("output_blocks.", "out.", "up_blocks.", "conv_norm_out", "conv_out"))
    }


@case(Kind.CONTROLNET, Family.SD1, layout="LDM")
def controlnet_sd1() -> ModelHeader:
    """lllyasviel/ControlNet `cldm/cldm.py`: `ControlNet`."""
    shapes = _half(ldm_unet()) | table(
        "C input_hint_block.0 16 3 3\nC zero_convs.{12}.0 320 320 1\nC middle_block_out.0 1280 1280 1"
    )
    return file("control_v11p_sd15_canny_fp16.safetensors", under("control_model.", shapes))


# The first releases held the whole of SD 1.5 as well.
@case(Kind.CONTROLNET, Family.SD1)
def controlnet_sd1_with_its_base() -> ModelHeader:
    shapes = under("control_model.", _half(ldm_unet())) | under(UNET, ldm_unet()) | under(VAE, ldm_vae())
    return file("control_sd15_canny.safetensors", shapes)


@case(Kind.CONTROLNET, Family.SDXL, layout="diffusers")
def controlnet_sdxl_diffusers() -> ModelHeader:
    """Diffusers `models/controlnets/controlnet.py`: `ControlNetModel`."""
    shapes = _half(diffusers_unet(**DIFFUSERS_SDXL))  # type: ignore[arg-type]
    return file(
        "diffusion_pytorch_model.safetensors",
        shapes | table("C controlnet_cond_embedding.conv_in 16 3 3\nC controlnet_down_blocks.{9} 320 320 1"),
    )


@case(Kind.CONTROLNET, Family.SD2, layout="diffusers")
def controlnet_sd2_diffusers() -> ModelHeader:
    shapes = _half(diffusers_unet(**SD2)) | table("C controlnet_cond_embedding.conv_in 16 3 3")  # type: ignore[arg-type]
    return file("diffusion_pytorch_model.safetensors", shapes)


@case(Kind.CONTROLNET, Family.SDXL, variant="Control-LoRA")
def control_lora_sdxl() -> ModelHeader:
    """stabilityai/control-lora: low-rank weights ``up`` and ``down``, and a marker."""
    shapes: Shapes = {"lora_controlnet": ()}
    for name, (out, inside, *_) in SDXL_LAYERS.items():
        if not name.startswith("output_blocks."):
            shapes |= {f"{name}.up": (out, 128), f"{name}.down": (128, inside)}
    return file(
        "control-lora-canny-rank128.safetensors",
        shapes | table("L label_emb.0.0 1280 2816\nC input_hint_block.0 16 3 3"),
    )


@case(Kind.CONTROLNET, Family.FLUX1)
def controlnet_flux1() -> ModelHeader:
    return file("diffusion_pytorch_model.safetensors", nets.flux_controlnet(), "BF16")


@case(Kind.IP_ADAPTER, Family.SDXL)
def ip_adapter_sdxl() -> ModelHeader:
    """tencent-ailab/IP-Adapter `ip_adapter/ip_adapter.py`."""
    shapes = table("L image_proj.proj 8192 1280\nN image_proj.norm 2048") | {
        f"ip_adapter.{number}.to_{part}_ip.weight": (640, 2048)
        for number in range(1, 140, 2)
        for part in "kv"
    }
    return file("ip-adapter_sdxl_vit-h.safetensors", shapes)


# FaceID holds a LoRA beside the adapter.
@case(Kind.IP_ADAPTER, Family.SD1)
def ip_adapter_faceid_sd1() -> ModelHeader:
    shapes = {
        f"ip_adapter.{number}.to_{part}_ip.weight": (320, 768) for number in range(1, 32, 2) for part in "kv"
    }
    shapes |= {f"ip_adapter.{number}.to_q_lora.down.weight": (128, 320) for number in range(32)}
    return file("ip-adapter-faceid_sd15.safetensors", shapes | table("L image_proj.proj.0 1024 512"))


@case(Kind.T2I_ADAPTER, None)
def t2i_adapter() -> ModelHeader:
    block = "adapter.body.{4}.resnets.{2}"
    shapes = table(f"C adapter.conv_in 320 192 3\nC {block}.block1 320 320 3\nC {block}.block2 320 320 1")
    return file("t2i-adapter-sketch-sdxl.safetensors", shapes)


@case(Kind.MOTION_MODULE, Family.SD1)
def animatediff_v2() -> ModelHeader:
    """guoyww/AnimateDiff `animatediff/models/motion_module.py`: `VanillaTemporalModule`."""
    module = "down_blocks.{4}.motion_modules.{2}.temporal_transformer"
    return file(
        "mm_sd_v15_v2.safetensors",
        table(f"""
            N {module}.norm 320
            L {module}.proj_in 320 320
            l {module}.transformer_blocks.0.attention_blocks.{{2}}.to_q 320 320
            P {module}.transformer_blocks.0.attention_blocks.{{2}}.pos_encoder.pe 1 32 320"""),
    )


# ------------------------------------------------------------------------------------------------------ other files
@case(Kind.UPSCALER, None)
def esrgan_old_names() -> ModelHeader:
    return file("4x-UltraSharp.safetensors", nets.esrgan(old=True))


@case(Kind.UPSCALER, None)
def real_esrgan() -> ModelHeader:
    return file("RealESRGAN_x4plus.safetensors", nets.esrgan(old=False))


@case(Kind.DETECTOR, None)
def adetailer_face() -> ModelHeader:
    return file("face_yolov8n.safetensors", nets.yolo())


@case(Kind.TRAINING_STATE, None)
def optimizer_state() -> ModelHeader:
    return file(
        "optimizer.safetensors",
        {f"state.{number}.{part}": (320, 320) for number in range(40) for part in ("exp_avg", "exp_avg_sq")},
    )


@case(Kind.UNKNOWN, None, runs=False)
def language_model_head_of_another_kind() -> ModelHeader:
    return file(
        "model.safetensors",
        table("L h.{12}.attn.c_attn 2304 768\nP wte.weight 50257 768\nP wpe.weight 1024 768"),
    )


@case(Kind.UNKNOWN, None)
def one_stray_vector() -> ModelHeader:
    return file(
        "latent.safetensors", {"latent_tensor": (1, 4, 64, 64), "latent_format_version_0": (0,)}, "F32"
    )


# A single matrix of the width of CLIP, but a layer's weight and not a token's vector.
@case(Kind.UNKNOWN, None)
def one_projection_matrix() -> ModelHeader:
    return file("aesthetic_head.safetensors", {"layers.0.weight": (1, 768)}, "F32")
