"""The ordered rules by which a denoising network, a text encoder, a VAE or an adapter is recognised.

Each rule names what it finds and the signs that all must hold. Rules are tried from top to bottom, and the first that
holds decides, so the order is part of the data: a family whose signs another family shares stands before it. The signs
are those of ComfyUI's `comfy/model_detection.py` (`detect_unet_config`), diffusers' `loaders/single_file_utils.py`
(`CHECKPOINT_KEY_NAMES`, `infer_diffusers_model_type`) and InvokeAI's `backend/model_manager/configs`.

Names are given without the prefix of the network in the file: see `PREFIXES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.families.recognition.kinds import Component, Family, Kind

if TYPE_CHECKING:
    from studio.families.recognition.header import Names

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.model.", "net.", "model.", "")
"""Where a network may lie in a file; tried in this order."""

LDM, DIFFUSERS, ORIGINAL, TRANSFORMERS, OPEN_CLIP = "LDM", "diffusers", "original", "transformers", "OpenCLIP"
"""Layouts of names: CompVis' (SD 1.x to SDXL), diffusers', that of the family's own release, and of text encoders."""


# ------------------------------------------------------------------------------------------------------------ signs
@dataclass(frozen=True)
class Has:
    """A tensor of this name exists."""

    name: str

    def holds(self, names: Names) -> bool:
        return self.name in names


@dataclass(frozen=True)
class Lacks:
    """No tensor has this name."""

    name: str

    def holds(self, names: Names) -> bool:
        return self.name not in names


@dataclass(frozen=True)
class Norm:
    """A normalisation layer exists; files name its parameter ``scale`` or, saved again by other tools, ``weight``."""

    name: str

    def holds(self, names: Names) -> bool:
        return f"{self.name}.weight" in names or f"{self.name}.scale" in names


@dataclass(frozen=True)
class Size:
    """A tensor exists and has one of these sizes along an axis (negative: from the end)."""

    name: str
    axis: int
    sizes: tuple[int, ...]

    def holds(self, names: Names) -> bool:
        return names.size(self.name, self.axis) in self.sizes


@dataclass(frozen=True)
class Starts:
    """A name begins with these segments, which end with a dot."""

    start: str

    def holds(self, names: Names) -> bool:
        return names.any_starts(self.start)


@dataclass(frozen=True)
class NoneStarts:
    """No name begins with these segments."""

    start: str

    def holds(self, names: Names) -> bool:
        return not names.any_starts(self.start)


@dataclass(frozen=True)
class Ends:
    """A name ends with these segments (at most three), which begin with a dot."""

    end: str

    def holds(self, names: Names) -> bool:
        return names.any_ends(self.end)


@dataclass(frozen=True)
class Beside:
    """A name in the file, under whatever prefix, begins with one of these."""

    starts: tuple[str, ...]

    def holds(self, names: Names) -> bool:
        return any(name.startswith(self.starts) for name in names.tensors)


@dataclass(frozen=True)
class Either:
    """At least one of these signs holds."""

    signs: tuple[Sign, ...]

    def holds(self, names: Names) -> bool:
        return any(sign.holds(names) for sign in self.signs)


@dataclass(frozen=True)
class Both:
    """All of these signs hold; for use inside `Either`."""

    signs: tuple[Sign, ...]

    def holds(self, names: Names) -> bool:
        return all(sign.holds(names) for sign in self.signs)


Sign = Has | Lacks | Norm | Size | Starts | NoneStarts | Ends | Beside | Either | Both


@dataclass(frozen=True)
class Rule:
    """What a file is if all signs hold.

    Attributes:
        kind: what it is.
        signs: what must hold.
        family: of a network or an adapter; None if it belongs to no one family.
        variant: what within the family: "inpainting", "schnell".
        layout: how its tensors are named.
        component: which part of a model it supplies, if it is a text encoder or VAE.
    """

    kind: Kind
    signs: tuple[Sign, ...]
    family: Family | None = None
    variant: str = ""
    layout: str = ORIGINAL
    component: Component | None = None

    def holds(self, names: Names) -> bool:
        return all(sign.holds(names) for sign in self.signs)


def first(rules: tuple[Rule, ...], names: Names) -> Rule | None:
    """Return the first rule that holds, or None."""
    return next((rule for rule in rules if rule.holds(names)), None)


def _network(family: Family, *signs: Sign, variant: str = "", layout: str = ORIGINAL) -> Rule:
    return Rule(Kind.NETWORK, signs, family=family, variant=variant, layout=layout)


# ---------------------------------------------------------------------------------------------------- U-Net, LDM names
_LDM_IN = "input_blocks.0.0.weight"
_LEVEL0 = "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
_LEVEL1 = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
_LDM = Has(_LDM_IN)
_SD1 = Size(_LEVEL0, -1, (768,))
_SD2 = Size(_LEVEL0, -1, (1024,))
# Packed 4-bit weights have lost their shape; the depth of the deepest level is left.
_XL = Either(
    (
        Size(_LEVEL1, -1, (2048,)),
        Both(
            (Has("label_emb.0.0.weight"), Has("input_blocks.8.1.norm.weight"), NoneStarts("input_blocks.9."))
        ),
    )
)
_REFINER = Both((Size(_LEVEL1, -1, (1280,)), Has("label_emb.0.0.weight")))
_SHORT_LDM = Lacks("output_blocks.11.1.norm.weight")
_DEPTH = "input_blocks.7.1.transformer_blocks.{}."


def _ldm(family: Family, *signs: Sign, variant: str = "") -> Rule:
    return _network(family, _LDM, *signs, variant=variant, layout=LDM)


def _takes(channels: int) -> Size:
    return Size(_LDM_IN, 1, (channels,))


_LDM_RULES = (
    _ldm(Family.SVD, Has("input_blocks.1.1.time_stack.0.attn1.to_q.weight")),
    _ldm(Family.SD2, _takes(7), Has("label_emb.weight"), variant="upscaling"),
    _ldm(Family.SD2, _SD2, Has("label_emb.0.0.weight"), variant="unCLIP"),
    _ldm(Family.SD2, _SD2, _takes(9), variant="inpainting"),
    _ldm(Family.SD2, _SD2, _takes(5), variant="depth"),
    _ldm(Family.SD2, _SD2, _takes(8), variant="pix2pix"),
    _ldm(Family.SD2, _SD2, _SHORT_LDM, variant="other depth"),
    _ldm(Family.SD2, _SD2),
    _ldm(Family.SD1, _SD1, _takes(9), variant="inpainting"),
    _ldm(Family.SD1, _SD1, _takes(8), variant="pix2pix"),
    _ldm(Family.SD1, _SD1, _SHORT_LDM, variant="other depth"),
    _ldm(Family.SD1, _SD1),
    _ldm(Family.SDXL_REFINER, _REFINER),
    _ldm(Family.SDXL, _XL, _takes(9), variant="inpainting"),
    _ldm(Family.SDXL, _XL, _takes(8), variant="pix2pix"),
    _ldm(Family.SDXL, _XL, Starts(_DEPTH.format(9))),
    _ldm(Family.SDXL, _XL, Starts(_DEPTH.format(3)), variant="SSD-1B"),
    _ldm(Family.SDXL, _XL, Starts(_DEPTH.format(1)), variant="Vega"),
    _ldm(Family.SDXL, _XL, variant="other depth"),
    # Packed 4-bit weights again: three levels of attention and no class embedding.
    _ldm(Family.SD1, Has("input_blocks.2.1.proj_in.bias"), Has("output_blocks.11.1.norm.weight")),
)

# ---------------------------------------------------------------------------------------------- U-Net, diffusers names
_UNET = Both((Has("conv_in.weight"), Starts("down_blocks."), Has("time_embedding.linear_1.weight")))
_CROSS0 = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
_ADDED = "add_embedding.linear_1.weight"
_GUIDED = Has("time_embedding.cond_proj.weight")  # latent consistency models take the guidance as an input
_SHORT = Either((Lacks("down_blocks.0.resnets.1.conv1.weight"), NoneStarts("mid_block.attentions.")))
_DEEP = "down_blocks.2.attentions.0.transformer_blocks.{}."


def _unet(family: Family, *signs: Sign, variant: str = "") -> Rule:
    return _network(family, _UNET, *signs, variant=variant, layout=DIFFUSERS)


_DIFFUSERS_UNET_RULES = (
    _unet(Family.SVD, Starts("down_blocks.0.attentions.0.temporal_transformer_blocks.")),
    _unet(
        Family.KANDINSKY2,
        Either((Starts("add_embedding.image_proj."), Starts("encoder_hid_proj.image_embeds."))),
    ),
    _unet(Family.KOLORS, Size("encoder_hid_proj.weight", -1, (4096,)), Has(_ADDED)),
    _unet(Family.SDXL_REFINER, Size(_ADDED, 1, (2560,))),
    _unet(Family.SDXL, Has(_ADDED), _GUIDED, variant="guidance input"),
    _unet(Family.SDXL, Has(_ADDED), Size("conv_in.weight", 1, (9,)), variant="inpainting"),
    _unet(Family.SDXL, Has(_ADDED), Size("conv_in.weight", 1, (8,)), variant="pix2pix"),
    _unet(Family.SDXL, Has(_ADDED), Starts(_DEEP.format(9))),
    _unet(Family.SDXL, Has(_ADDED), Starts(_DEEP.format(3)), variant="SSD-1B"),
    _unet(Family.SDXL, Has(_ADDED), Starts(_DEEP.format(1)), variant="Vega"),
    _unet(Family.SDXL, Has(_ADDED), variant="other depth"),
    _unet(Family.SD2, Size("conv_in.weight", 1, (7,)), Has("class_embedding.weight"), variant="upscaling"),
    _unet(Family.SD2, Size(_CROSS0, -1, (1024,)), Has("class_embedding.linear_1.weight"), variant="unCLIP"),
    _unet(Family.SD2, Size(_CROSS0, -1, (1024,)), Size("conv_in.weight", 1, (9,)), variant="inpainting"),
    _unet(Family.SD2, Size(_CROSS0, -1, (1024,)), Size("conv_in.weight", 1, (5,)), variant="depth"),
    _unet(Family.SD2, Size(_CROSS0, -1, (1024,)), _SHORT, variant="other depth"),
    _unet(Family.SD2, Size(_CROSS0, -1, (1024,))),
    _unet(Family.SD1, Size(_CROSS0, -1, (768,)), _GUIDED, variant="guidance input"),
    _unet(Family.SD1, Size(_CROSS0, -1, (768,)), Size("conv_in.weight", 1, (9,)), variant="inpainting"),
    _unet(Family.SD1, Size(_CROSS0, -1, (768,)), Size("conv_in.weight", 1, (8,)), variant="pix2pix"),
    _unet(Family.SD1, Size(_CROSS0, -1, (768,)), _SHORT, variant="other depth"),
    _unet(Family.SD1, Size(_CROSS0, -1, (768,))),
    # `UNet2DModel`: no text, hence no cross-attention anywhere.
    _unet(
        Family.DDPM,
        Has("conv_out.weight"),
        Starts("mid_block."),
        NoneStarts("mid_block.attentions.0.transformer_blocks."),
    ),
)

# -------------------------------------------------------------------------------------- transformers, as first released
_FLUX_LINE = Both(
    (
        Norm("double_blocks.0.img_attn.norm.key_norm"),
        Either(
            (
                Has("img_in.weight"),
                Norm("distilled_guidance_layer.norms.0"),
                Starts("distilled_guidance_layer."),
            )
        ),
    )
)
_LUMINA = Both((Has("cap_embedder.1.weight"), Has("noise_refiner.0.attention.k_norm.weight")))
_WAN = Has("head.modulation")


def _flux(family: Family, *signs: Sign, variant: str = "") -> Rule:
    return _network(family, _FLUX_LINE, *signs, variant=variant)


_TRANSFORMER_RULES = (
    _network(
        Family.SD3,
        Has("joint_blocks.0.context_block.attn.qkv.weight"),
        Starts("joint_blocks.37."),
        variant="3.5 large",
    ),
    _network(
        Family.SD3,
        Has("joint_blocks.0.context_block.attn.qkv.weight"),
        Either((Starts("joint_blocks.0.x_block.attn2."), Size("pos_embed", 1, (147456,)))),
        variant="3.5 medium",
    ),
    _network(Family.SD3, Has("joint_blocks.0.context_block.attn.qkv.weight"), variant="3 medium"),
    _network(Family.STABLE_CASCADE, Has("clf.1.weight"), Has("clip_txt_mapper.weight"), variant="stage C"),
    _network(Family.STABLE_CASCADE, Has("clf.1.weight"), variant="stage B"),
    _network(Family.AURAFLOW, Has("double_layers.0.attn.w1q.weight")),
    _network(Family.HUNYUAN_DIT, Has("mlp_t5.0.weight")),
    _network(
        Family.HUNYUAN_IMAGE,
        Starts("txt_in.individual_token_refiner."),
        NoneStarts("vector_in."),
        Size("img_in.proj.weight", 1, (64,)),
    ),
    _network(Family.HUNYUAN_VIDEO, Starts("txt_in.individual_token_refiner.")),
    _network(
        Family.FLUX3,
        Has("early_stream_modulations.image.lin.weight"),
        Starts("ref_time_in."),
        variant="klein",
    ),
    _network(Family.FLUX3, Has("early_stream_modulations.image.lin.weight"), variant="klein base"),
    _flux(
        Family.FLUX2,
        Has("double_stream_modulation_img.lin.weight"),
        Size("txt_in.weight", 1, (7680,)),
        variant="klein 4B",
    ),
    _flux(
        Family.FLUX2,
        Has("double_stream_modulation_img.lin.weight"),
        Size("txt_in.weight", 1, (12288,)),
        variant="klein 9B",
    ),
    _flux(Family.FLUX2, Has("double_stream_modulation_img.lin.weight"), variant="dev"),
    _flux(Family.CHROMA, Starts("distilled_guidance_layer."), Starts("nerf_blocks."), variant="Radiance"),
    _flux(Family.CHROMA, Starts("distilled_guidance_layer.")),
    _flux(Family.OVIS, Has("double_blocks.0.img_mlp.gate_proj.weight"), Norm("txt_norm")),
    _flux(Family.LONGCAT, Size("txt_in.weight", 1, (3584,)), Lacks("vector_in.in_layer.weight")),
    _flux(Family.FLUX1, Size("img_in.weight", 1, (384,)), variant="Fill"),
    _flux(Family.FLUX1, Size("img_in.weight", 1, (128,)), variant="Depth or Canny"),
    _flux(Family.FLUX1, Starts("guidance_in."), variant="dev"),
    _flux(Family.FLUX1, variant="schnell"),
    _network(Family.MOCHI, Has("t5_yproj.weight")),
    _network(Family.PIXART_ALPHA, Has("t_block.1.weight"), Has("ar_embedder.mlp.0.weight")),
    # Sana has PixArt's time block, too.
    _network(
        Family.SANA, Has("blocks.0.cross_attn.q_linear.weight"), Has("blocks.0.mlp.depth_conv.conv.weight")
    ),
    _network(Family.PIXART_SIGMA, Has("t_block.1.weight"), Has("blocks.0.cross_attn.kv_linear.weight")),
    _network(
        Family.PIXART_ALPHA,
        Has("adaln_single.emb.timestep_embedder.linear_1.bias"),
        Has("pos_embed.proj.bias"),
        Starts("adaln_single.emb.aspect_ratio_embedder."),
        layout=DIFFUSERS,
    ),
    _network(
        Family.PIXART_SIGMA,
        Has("adaln_single.emb.timestep_embedder.linear_1.bias"),
        Has("pos_embed.proj.bias"),
        layout=DIFFUSERS,
    ),
    _network(Family.LTX, Has("adaln_single.emb.timestep_embedder.linear_1.bias")),
    _network(Family.COSMOS, Has("blocks.block0.blocks.0.block.attn.to_q.0.weight"), variant="1"),
    _network(
        Family.PIXELDIT, Either((Has("core.pixel_embedder.proj.weight"), Has("lq_proj.latent_proj.0.weight")))
    ),
    _network(Family.NEWBIE, _LUMINA, Starts("clip_text_pooled_proj.")),
    _network(Family.Z_IMAGE, _LUMINA, Size("cap_embedder.1.weight", 0, (3840,)), Has("cap_pad_token")),
    _network(Family.Z_IMAGE, _LUMINA, Has("dec_net.cond_embed.weight"), variant="pixel space"),
    _network(Family.MING, _LUMINA, Size("cap_embedder.1.weight", 0, (3840,))),
    _network(Family.LUMINA2, _LUMINA),
    _network(Family.COGVIDEOX, Has("blocks.0.norm1.linear.weight"), Starts("patch_embed.")),
    _network(
        Family.SEEDVR2,
        Either((Has("blocks.31.mlp.all.proj_in_gate.weight"), Has("blocks.35.mlp.vid.proj_out.weight"))),
    ),
    _network(
        Family.WAN,
        _WAN,
        Size("patch_embedding.weight", 1, (16,)),
        Lacks("img_emb.proj.0.bias"),
        variant="text to video",
    ),
    _network(Family.WAN, _WAN, Size("patch_embedding.weight", 1, (48,)), variant="2.2 5B"),
    _network(Family.WAN, _WAN, variant="image to video"),
    _network(Family.HIDREAM_O1, Has("t_embedder1.mlp.0.weight"), Has("x_embedder.proj1.weight")),
    _network(Family.HIDREAM_I1, Has("caption_projection.0.linear.weight")),
    _network(
        Family.ANIMA, Has("blocks.0.mlp.layer1.weight"), Has("llm_adapter.blocks.0.cross_attn.q_proj.weight")
    ),
    _network(Family.COSMOS, Has("blocks.0.mlp.layer1.weight"), variant="Predict2"),
    _network(
        Family.OMNIGEN2,
        Has("time_caption_embed.timestep_embedder.linear_1.bias"),
        Starts("context_refiner."),
        Starts("ref_image_refiner."),
    ),
    _network(
        Family.LENS,
        Has("transformer_blocks.0.attn.norm_added_q.weight"),
        Has("transformer_blocks.0.img_mlp.w1.weight"),
    ),
    _network(Family.MAGE_FLOW, Size("txt_norm.weight", 0, (2560,)), Size("proj_out.weight", 0, (128,))),
    _network(Family.QWEN_IMAGE_21, Has("txt_in.text_norm.weight"), Has("modulation.1.weight")),
    _network(Family.QWEN_IMAGE, Has("txt_norm.weight"), Has("__index_timestep_zero__"), variant="Edit 2511"),
    _network(
        Family.QWEN_IMAGE,
        Has("txt_norm.weight"),
        Has("time_text_embed.addition_t_embedding.weight"),
        variant="Layered",
    ),
    _network(
        Family.QWEN_IMAGE,
        Has("txt_norm.weight"),
        Has("img_in.weight"),
        Starts("transformer_blocks.0.img_mod."),
    ),
    _network(Family.IDEOGRAM4, Has("embed_image_indicator.weight")),
    _network(Family.KREA2, Has("txtfusion.projector.weight")),
    _network(Family.KREA2, Has("text_fusion.projector.weight"), layout=DIFFUSERS),
    _network(Family.KANDINSKY5, Has("visual_transformer_blocks.0.cross_attention.key_norm.weight")),
    _network(Family.ERNIE_IMAGE, Has("layers.0.mlp.linear_fc2.weight")),
)

# ---------------------------------------------------------------------------------------- transformers, diffusers names


def _dit(family: Family, *signs: Sign, variant: str = "") -> Rule:
    return _network(family, *signs, variant=variant, layout=DIFFUSERS)


_FLUX_DIFFUSERS = Both(
    (
        Starts("single_transformer_blocks.0.proj_mlp."),
        Has("context_embedder.weight"),
        Has("x_embedder.weight"),
    )
)
_SD3_DIFFUSERS = Both(
    (
        Has("pos_embed.proj.weight"),
        Has("context_embedder.weight"),
        Starts("transformer_blocks.0.norm1_context."),
    )
)

_DIFFUSERS_TRANSFORMER_RULES = (
    _dit(
        Family.FLUX2,
        Has("single_stream_modulation.linear.weight"),
        Size("context_embedder.weight", 1, (7680,)),
        variant="klein 4B",
    ),
    _dit(
        Family.FLUX2,
        Has("single_stream_modulation.linear.weight"),
        Size("context_embedder.weight", 1, (12288,)),
        variant="klein 9B",
    ),
    _dit(Family.FLUX2, Has("single_stream_modulation.linear.weight"), variant="dev"),
    _dit(Family.CHROMA, Starts("distilled_guidance_layer."), Has("context_embedder.weight")),
    _dit(
        Family.HUNYUAN_IMAGE,
        Starts("context_embedder.token_refiner."),
        Size("x_embedder.proj.weight", 1, (64,)),
    ),
    _dit(Family.HUNYUAN_VIDEO, Starts("context_embedder.token_refiner.")),
    _dit(Family.FLUX3, Has("early_stream_modulations.image.linear.weight"), variant="klein base"),
    _dit(Family.OVIS, _FLUX_DIFFUSERS, Has("context_embedder_norm.weight")),
    _dit(Family.LONGCAT, _FLUX_DIFFUSERS, Size("context_embedder.weight", 1, (3584,))),
    _dit(Family.BRIA, _FLUX_DIFFUSERS, NoneStarts("time_text_embed.")),
    _dit(Family.FLUX1, _FLUX_DIFFUSERS, Size("x_embedder.weight", 1, (384,)), variant="Fill"),
    _dit(Family.FLUX1, _FLUX_DIFFUSERS, Size("x_embedder.weight", 1, (128,)), variant="Depth or Canny"),
    _dit(Family.FLUX1, _FLUX_DIFFUSERS, Starts("time_text_embed.guidance_embedder."), variant="dev"),
    _dit(Family.FLUX1, _FLUX_DIFFUSERS, variant="schnell"),
    _dit(Family.SD3, _SD3_DIFFUSERS, Starts("transformer_blocks.37."), variant="3.5 large"),
    _dit(Family.SD3, _SD3_DIFFUSERS, Starts("transformer_blocks.0.attn2."), variant="3.5 medium"),
    _dit(Family.SD3, _SD3_DIFFUSERS, variant="3 medium"),
    _dit(Family.AURAFLOW, Starts("joint_transformer_blocks.")),
    _dit(Family.Z_IMAGE, Has("all_x_embedder.2-1.weight"), Has("cap_embedder.1.weight")),
    _dit(Family.LUMINA2, Has("time_caption_embed.caption_embedder.1.weight"), Starts("noise_refiner.")),
    _dit(Family.SANA, Has("caption_norm.weight"), Starts("transformer_blocks.0.ff.conv_depth.")),
    _dit(Family.DIT_XL, Has("transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight")),
    _dit(
        Family.WAN,
        Has("condition_embedder.time_embedder.linear_1.weight"),
        Has("patch_embedding.weight"),
        Has("scale_shift_table"),
    ),
    _dit(Family.COGVIEW4, Has("patch_embed.text_proj.weight"), Starts("time_condition_embed.")),
    _dit(
        Family.COGVIDEOX, Has("patch_embed.text_proj.weight"), Has("transformer_blocks.0.norm1.linear.weight")
    ),
    _dit(Family.LTX, Has("time_embed.emb.timestep_embedder.linear_1.weight"), Has("proj_in.weight")),
    _dit(Family.MOCHI, Starts("time_embed.pooler."), Has("time_embed.caption_proj.weight")),
    _dit(Family.COSMOS, Has("time_embed.t_embedder.linear_1.weight"), Has("patch_embed.proj.weight")),
    _dit(Family.HUNYUAN_DIT, Has("text_embedding_padding"), Starts("blocks.0.attn2.")),
    _dit(
        Family.STABLE_CASCADE,
        Has("clip_txt_pooled_mapper.weight"),
        Has("clip_txt_mapper.weight"),
        variant="stage C",
    ),
)

NETWORK_RULES = (*_LDM_RULES, *_DIFFUSERS_UNET_RULES, *_TRANSFORMER_RULES, *_DIFFUSERS_TRANSFORMER_RULES)
