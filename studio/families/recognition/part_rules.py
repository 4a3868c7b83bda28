"""The ordered rules for everything that is no denoising network: text encoders, VAEs, adapters, and other files.

The signs come from ComfyUI's `comfy/sd.py` (`detect_te_model`, `VAE.__init__`), `comfy/controlnet.py`
(`load_controlnet`), diffusers' `loaders/single_file_utils.py`, and the published architectures themselves.
"""

from __future__ import annotations

from studio.families.recognition.kinds import Component, Family, Kind
from studio.families.recognition.rules import (
    DIFFUSERS,
    LDM,
    OPEN_CLIP,
    ORIGINAL,
    TRANSFORMERS,
    Beside,
    Both,
    Either,
    Ends,
    Has,
    Lacks,
    NoneStarts,
    Rule,
    Sign,
    Size,
    Starts,
)

# ---------------------------------------------------------------------------------------------------- text encoders
TEXT_ENCODER_PREFIXES = (
    "",
    "model.",
    "model.language_model.",
    "language_model.model.",
    "language_model.",
    "transformer.",
)

_CLIP_LAYER = "text_model.encoder.layers.{}.mlp.fc1.weight"
_FLAT_CLIP_LAYER = "encoder.layers.{}.mlp.fc1.weight"
_OPEN_CLIP_LAYER = "transformer.resblocks.{}.mlp.c_fc.weight"
_T5_LAST = "encoder.block.23.layer.1.DenseReluDense.wi_1.weight"
_QWEN_NORM = Has("layers.0.self_attn.q_norm.weight")
_EMBEDDING = "embed_tokens.weight"
_SEES = Beside(("visual.", "model.visual."))


def _encoder(component: Component | None, *signs: Sign, layout: str = TRANSFORMERS) -> Rule:
    return Rule(Kind.TEXT_ENCODER, signs, component=component, layout=layout)


TEXT_ENCODER_RULES = (
    # UMT5 has position biases in every block, T5 in the first only.
    _encoder(
        Component.UMT5_XXL,
        Size(_T5_LAST, -1, (4096,)),
        Has("encoder.block.23.layer.0.SelfAttention.relative_attention_bias.weight"),
    ),
    _encoder(Component.T5_XXL, Size(_T5_LAST, -1, (4096,))),
    _encoder(Component.T5_XL, Size(_T5_LAST, -1, (2048,))),
    _encoder(None, Starts("encoder.block.0.layer.0.SelfAttention.")),
    _encoder(Component.CLIP_BIGG, Has(_CLIP_LAYER.format(30))),
    _encoder(Component.CLIP_H, Has(_CLIP_LAYER.format(22))),
    _encoder(Component.CLIP_L, Size(_CLIP_LAYER.format(11), 1, (768,)), Lacks(_CLIP_LAYER.format(12))),
    _encoder(Component.CLIP_BIGG, Has("embeddings.token_embedding.weight"), Has(_FLAT_CLIP_LAYER.format(30))),
    _encoder(Component.CLIP_H, Has("embeddings.token_embedding.weight"), Has(_FLAT_CLIP_LAYER.format(22))),
    _encoder(
        Component.CLIP_L,
        Has("embeddings.token_embedding.weight"),
        Size(_FLAT_CLIP_LAYER.format(11), 1, (768,)),
    ),
    _encoder(
        Component.CLIP_BIGG, Has("token_embedding.weight"), Has(_OPEN_CLIP_LAYER.format(30)), layout=OPEN_CLIP
    ),
    _encoder(
        Component.CLIP_H, Has("token_embedding.weight"), Has(_OPEN_CLIP_LAYER.format(22)), layout=OPEN_CLIP
    ),
    _encoder(
        Component.CLIP_L,
        Has("token_embedding.weight"),
        Size(_OPEN_CLIP_LAYER.format(11), 1, (768,)),
        layout=OPEN_CLIP,
    ),
    _encoder(Component.GEMMA3, Has("layers.0.post_feedforward_layernorm.weight"), _QWEN_NORM),
    _encoder(
        Component.GEMMA2_2B, Has("layers.0.post_feedforward_layernorm.weight"), Size(_EMBEDDING, 1, (2304,))
    ),
    _encoder(None, Has("layers.0.post_feedforward_layernorm.weight")),
    _encoder(Component.QWEN3_VL_4B, _QWEN_NORM, Size(_EMBEDDING, 1, (2560,)), _SEES),
    _encoder(Component.QWEN3_VL_8B, _QWEN_NORM, Size(_EMBEDDING, 1, (4096,)), _SEES),
    _encoder(Component.QWEN3_0_6B, _QWEN_NORM, Size(_EMBEDDING, 1, (1024,))),
    _encoder(Component.QWEN3_4B, _QWEN_NORM, Size(_EMBEDDING, 1, (2560,))),
    _encoder(Component.QWEN3_8B, _QWEN_NORM, Size(_EMBEDDING, 1, (4096,))),
    _encoder(Component.QWEN25_VL_7B, Size("layers.0.self_attn.k_proj.bias", 0, (512,))),
    _encoder(Component.QWEN25_VL_3B, Size("layers.0.self_attn.k_proj.bias", 0, (256,))),
    _encoder(Component.LLAMA3_8B, Size(_EMBEDDING, 0, (128256,)), Size(_EMBEDDING, 1, (4096,))),
    _encoder(Component.MISTRAL3, Size(_EMBEDDING, 0, (131072,)), Size(_EMBEDDING, 1, (5120,))),
    _encoder(Component.MINISTRAL3, Size(_EMBEDDING, 0, (131072,))),
    _encoder(None, Has(_EMBEDDING), Has("layers.0.self_attn.q_proj.weight")),
)

TEXT_ENCODERS_BY_NAME = {
    "clip_l": Component.CLIP_L,
    "clip_g": Component.CLIP_BIGG,
    "clip_h": Component.CLIP_H,
    "t5xxl": Component.T5_XXL,
    "t5xl": Component.T5_XL,
    "pile_t5xl": Component.T5_XL,
    "umt5xxl": Component.UMT5_XXL,
    "gemma2_2b": Component.GEMMA2_2B,
    "gemma3_4b": Component.GEMMA3,
    "gemma3_12b": Component.GEMMA3,
    "qwen3_06b": Component.QWEN3_0_6B,
    "qwen3_4b": Component.QWEN3_4B,
    "qwen3_8b": Component.QWEN3_8B,
    "qwen25_7b": Component.QWEN25_VL_7B,
    "qwen25_3b": Component.QWEN25_VL_3B,
    "qwen3vl_4b": Component.QWEN3_VL_4B,
    "qwen3vl_8b": Component.QWEN3_VL_8B,
    "llama": Component.LLAMA3_8B,
    "mistral3_24b": Component.MISTRAL3,
}
"""The names under ``text_encoders.`` in a ComfyUI checkpoint (`comfy/text_encoders`, the ``name`` of each model)."""

# ------------------------------------------------------------------------------------------------------------- VAEs
VAE_PREFIXES = ("first_stage_model.", "vae.", "")

_LATENTS_IN = "decoder.conv_in.weight"
_LDM_VAE = Has("decoder.up.0.block.0.norm1.weight")
_DIFFUSERS_VAE = Has("decoder.up_blocks.0.resnets.0.norm1.weight")


def _vae(
    component: Component, *signs: Sign, layout: str = ORIGINAL, kind: Kind = Kind.VAE, variant: str = ""
) -> Rule:
    return Rule(kind, signs, component=component, layout=layout, variant=variant)


def _tiny(component: Component, channels: int) -> tuple[Rule, ...]:
    """TAESD's three layouts: ComfyUI's pair, madebyollin's decoder or encoder alone, diffusers' `AutoencoderTiny`."""
    return (
        _vae(component, Size("taesd_decoder.1.weight", 1, (channels,)), kind=Kind.TINY_VAE),
        _vae(
            component, Size("decoder.layers.0.weight", 1, (channels,)), kind=Kind.TINY_VAE, layout=DIFFUSERS
        ),
        _vae(
            component,
            Size("1.weight", 1, (channels,)),
            Has("3.conv.0.weight"),
            kind=Kind.TINY_VAE,
            variant="decoder only",
        ),
        _vae(
            component,
            Size("0.weight", 1, (3,)),
            Has("1.conv.0.weight"),
            Size("14.weight", 0, (channels,)),
            kind=Kind.TINY_VAE,
            variant="encoder only",
        ),
    )


VAE_RULES = (
    *_tiny(Component.VAE_4, 4),
    *_tiny(Component.VAE_16, 16),
    *_tiny(Component.VAE_FLUX2, 32),
    _vae(
        Component.VAE_OTHER,
        Starts("decoder.middle.0."),
        Size("decoder.conv1.weight", 1, (48,)),
        variant="Wan 2.2",
    ),
    _vae(Component.VAE_QWEN, Has("decoder.middle.0.residual.0.gamma")),
    _vae(Component.VAE_QWEN, Has("decoder.mid_block.resnets.0.norm1.gamma"), layout=DIFFUSERS),
    # A deep-compression autoencoder has 32 channels, too, but no norms in its up blocks.
    _vae(Component.VAE_DC, Starts("decoder.stages.")),
    _vae(Component.VAE_DC, Has(_LATENTS_IN), Starts("decoder.up_blocks.0.0."), layout=DIFFUSERS),
    _vae(Component.VAE_LTX, Starts("decoder.up_blocks.0.res_blocks.")),
    _vae(Component.VAE_LTX, Has("decoder.conv_in.conv.weight"), Starts("per_channel_statistics.")),
    _vae(Component.VAE_LTX, Has("decoder.conv_in.conv.weight"), Has("latents_mean"), layout=DIFFUSERS),
    _vae(
        Component.VAE_OTHER,
        Has("decoder.conv_in.conv.weight"),
        Has("decoder.mid_block.resnets.0.norm1.norm_layer.weight"),
    ),
    _vae(Component.VAE_HUNYUAN, Has("decoder.conv_in.conv.weight")),
    _vae(Component.VAE_OTHER, Starts("decoder.block_in."), variant="video"),
    _vae(Component.VAE_OTHER, Starts("decoder.condition_encoder."), variant="inpainting"),
    _vae(
        Component.VAE_FLUX2,
        Size(_LATENTS_IN, 1, (32,)),
        Has("bn.running_mean"),
        _DIFFUSERS_VAE,
        layout=DIFFUSERS,
    ),
    _vae(Component.VAE_FLUX2, Size(_LATENTS_IN, 1, (32,)), Has("bn.running_mean"), layout=LDM),
    _vae(Component.VAE_HUNYUAN, Size(_LATENTS_IN, 1, (32, 64))),
    _vae(Component.VAE_OTHER, Has("decoder.time_mix_conv.weight"), variant="video"),
    _vae(
        Component.VAE_OTHER,
        Has("decoder.up_blocks.0.resnets.0.temporal_res_block.conv1.weight"),
        variant="video",
    ),
    _vae(Component.VAE_4, Size(_LATENTS_IN, 1, (4,)), _DIFFUSERS_VAE, layout=DIFFUSERS),
    _vae(Component.VAE_4, Size(_LATENTS_IN, 1, (4,)), _LDM_VAE, layout=LDM),
    _vae(Component.VAE_16, Size(_LATENTS_IN, 1, (16,)), _DIFFUSERS_VAE, layout=DIFFUSERS),
    _vae(Component.VAE_16, Size(_LATENTS_IN, 1, (16,)), _LDM_VAE, layout=LDM),
    _vae(
        Component.VAE_OTHER,
        Either((Has("vquantizer.codebook.weight"), Has("quantize.embedding.weight"))),
        variant="VQ",
    ),
    _vae(Component.VAE_OTHER, Has(_LATENTS_IN), Has("encoder.conv_in.weight")),
)


# ---------------------------------------------------------------------------------------------------- adapters, others
def _adapter(
    kind: Kind, *signs: Sign, family: Family | None = None, variant: str = "", layout: str = ORIGINAL
) -> Rule:
    return Rule(kind, signs, family=family, variant=variant, layout=layout)


_CONTROL = Starts("controlnet_cond_embedding.")
_CONTROL_CROSS = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
_LDM_CONTROL_CROSS = "control_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"

BEFORE_LORA_RULES = (
    # These hold low-rank weights as well, which is not what they are.
    _adapter(Kind.CONTROLNET, Has("lora_controlnet"), family=Family.SDXL, variant="Control-LoRA"),
    _adapter(Kind.IP_ADAPTER, Size("ip_adapter.1.to_k_ip.weight", -1, (768,)), family=Family.SD1),
    _adapter(Kind.IP_ADAPTER, Size("ip_adapter.1.to_k_ip.weight", -1, (1024,)), family=Family.SD2),
    _adapter(Kind.IP_ADAPTER, Size("ip_adapter.1.to_k_ip.weight", -1, (2048,)), family=Family.SDXL),
    _adapter(Kind.IP_ADAPTER, Starts("ip_adapter.")),
    _adapter(
        Kind.IP_ADAPTER,
        Has("double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight"),
        family=Family.FLUX1,
    ),
)

ADAPTER_RULES = (
    _adapter(Kind.CONTROLNET, Size(_LDM_CONTROL_CROSS, -1, (768,)), family=Family.SD1, layout=LDM),
    _adapter(Kind.CONTROLNET, Size(_LDM_CONTROL_CROSS, -1, (1024,)), family=Family.SD2, layout=LDM),
    _adapter(
        Kind.CONTROLNET,
        Starts("control_model."),
        Has("control_model.label_emb.0.0.weight"),
        family=Family.SDXL,
        layout=LDM,
    ),
    _adapter(Kind.CONTROLNET, Starts("control_model."), layout=LDM),
    _adapter(
        Kind.CONTROLNET, _CONTROL, Has("add_embedding.linear_1.weight"), family=Family.SDXL, layout=DIFFUSERS
    ),
    _adapter(
        Kind.CONTROLNET, _CONTROL, Size(_CONTROL_CROSS, -1, (768,)), family=Family.SD1, layout=DIFFUSERS
    ),
    _adapter(
        Kind.CONTROLNET, _CONTROL, Size(_CONTROL_CROSS, -1, (1024,)), family=Family.SD2, layout=DIFFUSERS
    ),
    _adapter(Kind.CONTROLNET, _CONTROL, layout=DIFFUSERS),
    _adapter(Kind.CONTROLNET, Has("control_all_x_embedder.2-1.weight"), family=Family.Z_IMAGE),
    _adapter(Kind.CONTROLNET, Starts("control_layers."), family=Family.Z_IMAGE),
    _adapter(
        Kind.CONTROLNET,
        Has("controlnet_x_embedder.weight"),
        Has("single_transformer_blocks.0.norm.linear.weight"),
        family=Family.FLUX1,
    ),
    _adapter(
        Kind.CONTROLNET, Has("controlnet_x_embedder.weight"), Has("txt_norm.weight"), family=Family.QWEN_IMAGE
    ),
    _adapter(Kind.CONTROLNET, Has("controlnet_x_embedder.weight"), family=Family.FLUX1),
    _adapter(
        Kind.CONTROLNET, Has("pos_embed_input.proj.weight"), Starts("controlnet_blocks."), family=Family.SD3
    ),
    _adapter(Kind.CONTROLNET, Starts("controlnet_blocks.")),
    _adapter(
        Kind.CONTROLNET,
        Starts("lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q."),
        family=Family.SDXL,
        variant="LLLite",
    ),
    _adapter(Kind.CONTROLNET, Ends(".conditioning1.0.weight"), variant="LLLite"),
    _adapter(
        Kind.T2I_ADAPTER,
        Either(
            (
                Has("adapter.body.0.resnets.0.block1.weight"),
                Has("body.0.block1.weight"),
                Has("adapter.body.0.block1.weight"),
            )
        ),
    ),
    _adapter(Kind.IP_ADAPTER, Has("redux_up.weight"), family=Family.FLUX1, variant="Redux"),
    _adapter(Kind.MOTION_MODULE, Has("mid_block.motion_modules.0.norm.weight")),
    _adapter(Kind.MOTION_MODULE, Has("down_blocks.0.motion_modules.0.norm.weight")),
    _adapter(
        Kind.MOTION_MODULE,
        Has("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight"),
        Lacks("conv_in.weight"),
        family=Family.SD1,
    ),
    _adapter(
        Kind.MOTION_MODULE,
        Has("module.down_blocks.0.motion_modules.0.temporal_transformer.norm.weight"),
        family=Family.SD1,
    ),
)

OTHER_RULES = (
    _adapter(Kind.TRAINING_STATE, Either((Ends(".exp_avg"), Ends(".exp_avg_sq"), Ends(".momentum_buffer")))),
    _adapter(Kind.IMAGE_ENCODER, Starts("vision_model.encoder.layers.0."), NoneStarts("text_model.")),
    _adapter(Kind.IMAGE_ENCODER, Starts("visual.transformer.resblocks.0."), Lacks("token_embedding.weight")),
    _adapter(
        Kind.IMAGE_ENCODER,
        Has("encoder.layer.0.attention.attention.query.weight"),
        Starts("embeddings.patch_embeddings."),
    ),
    _adapter(Kind.UPSCALER, Has("model.1.sub.0.RDB1.conv1.0.weight")),
    _adapter(
        Kind.UPSCALER, Either((Has("body.0.rdb1.conv1.weight"), Has("params_ema.body.0.rdb1.conv1.weight")))
    ),
    _adapter(
        Kind.UPSCALER,
        Has("conv_first.weight"),
        Either((Starts("layers.0.residual_group."), Starts("layers.0.blocks."))),
    ),
    _adapter(Kind.UPSCALER, Size("body.0.weight", 1, (3,)), Has("body.1.weight"), Has("body.2.weight")),
    _adapter(Kind.DETECTOR, Has("model.0.conv.weight"), Has("model.1.conv.weight")),
    _adapter(Kind.DETECTOR, Both((Starts("image_encoder."), Starts("mask_decoder.")))),
)
