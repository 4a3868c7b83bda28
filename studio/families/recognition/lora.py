"""LoRA and LyCORIS files: which form, for which family, and which parts they change.

A name consists of the place of a layer and the role of a tensor in it: kohya's scripts join the place with
underscores (``lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight``), diffusers and PEFT with dots
(``unet.down_blocks.0.attentions.0.proj_in.lora_A.weight``).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from studio.families.recognition.kinds import Fact, Family, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.families.recognition.header import TensorInfo

ROLES = {
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora_mid.weight": "mid",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
    "_lora1.down.weight": "down",
    "_lora1.up.weight": "up",
    "_lora2.down.weight": "down",
    "_lora2.up.weight": "up",
    ".lora_magnitude_vector": "dora",
    ".lora_magnitude_vector.weight": "dora",
    ".dora_scale": "dora",
    ".alpha": "alpha",
    ".diff": "diff",
    ".diff_b": "diff bias",
    ".w_norm": "norm",
    ".b_norm": "norm",
    ".hada_w1_a": "hada",
    ".hada_w1_b": "hada in",
    ".hada_w2_a": "hada",
    ".hada_w2_b": "hada",
    ".hada_t1": "hada",
    ".hada_t2": "hada",
    ".lokr_w1": "lokr w1",
    ".lokr_w1_a": "lokr",
    ".lokr_w1_b": "lokr w1",
    ".lokr_w2": "lokr w2",
    ".lokr_w2_a": "lokr",
    ".lokr_w2_b": "lokr w2",
    ".lokr_t2": "lokr",
    ".oft_blocks": "oft",
    ".oft_diag": "oft",
    ".on_input": "ia3",
    ".a1.weight": "glora",
    ".a2.weight": "glora",
    ".b1.weight": "glora",
    ".b2.weight": "glora",
}
"""The ends of names, and the role of the tensor (sd-scripts' `networks/lora.py`, LyCORIS, PEFT, diffusers, XLabs)."""

_ENDS = tuple(ROLES)
_LONGEST_FIRST = sorted(ROLES, key=len, reverse=True)
_ONLY_IN_ADAPTERS = frozenset({"down", "up", "dora", "hada", "lokr", "lokr w1", "lokr w2", "oft", "ia3"})

LORA, LOCON, DORA, LOHA, LOKR, OFT, IA3, GLORA, FULL = (
    "LoRA",
    "LoCon",
    "DoRA",
    "LoHa",
    "LoKr",
    "OFT",
    "IA3",
    "GLoRA",
    "full difference",
)
RUNNABLE_FORMS = frozenset({LORA, LOCON})

# Longest first, since the first that fits is removed.
_PLACES = (
    ("base_model.model.", "network"),
    ("model.diffusion_model.", "network"),
    ("diffusion_model.", "network"),
    ("transformer.", "network"),
    ("unet.", "network"),
    ("lora_unet_", "network"),
    ("lora_transformer_", "network"),
    ("lycoris_", "network"),
    ("text_encoder_3.", "text encoder 3"),
    ("text_encoder_2.", "text encoder 2"),
    ("text_encoder.", "text encoder"),
    ("text_encoders.", "text encoder"),
    ("lora_te3_", "text encoder 3"),
    ("lora_te2_", "text encoder 2"),
    ("lora_te1_", "text encoder"),
    ("lora_te_", "text encoder"),
)


@dataclass(frozen=True)
class LoraFile:
    """What an adapter file changes.

    Attributes:
        form: "LoRA", "LoCon" and so on.
        changes: "network", "text encoder", "text encoder 2", "text encoder 3": the parts that it changes.
        rank: its largest rank; 0 if the form has none.
    """

    form: str
    changes: tuple[str, ...]
    rank: int


class _Layer(NamedTuple):
    """One tensor of an adapter: the place with underscores, what it belongs to, its role and shape."""

    part: str
    place: str
    role: str
    shape: tuple[int, ...]


def split_name(name: str) -> tuple[str, str] | None:
    """Return a tensor's place and its role; None if the name does not end as those of adapters do."""
    if not name.endswith(_ENDS):
        return None
    for count in (2, 1):
        place = name.rfind(".") if count == 1 else name.rfind(".", 0, max(name.rfind("."), 0))
        # A longer end may begin before these segments: ".lora.down.weight", "_lora.down.weight".
        if (end := name[place:]) in ROLES and place > 0:
            return name[:place], ROLES[end]
    end = next(end for end in _LONGEST_FIRST if name.endswith(end))
    return name[: -len(end)], ROLES[end]


def is_lora(tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether a file holds low-rank or other LyCORIS weights."""
    for name in tensors:
        if name.endswith(_ENDS):
            found = split_name(name)
            if found is not None and found[1] in _ONLY_IN_ADAPTERS:
                return True
    return False


def read_lora(
    tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]
) -> tuple[LoraFile, Fact[Family] | None]:
    """Return what an adapter file changes, and the family it was trained on; `is_lora` must hold.

    The family is None if neither shapes nor metadata tell.
    """
    layers = [
        _Layer(*named, tensor.shape)
        for name, tensor in tensors.items()
        if (named := _named(name)) is not None
    ]
    order = ("network", "text encoder", "text encoder 2", "text encoder 3")
    parts = {layer.part for layer in layers}
    ranks = [layer.shape[0] for layer in layers if layer.role == "down" and layer.shape]
    ranks += [layer.shape[0] for layer in layers if layer.role == "hada in" and layer.shape]
    found = LoraFile(
        form=_form(layers),
        changes=tuple(part for part in order if part in parts),
        rank=max(ranks, default=0),
    )
    return found, _family(layers, metadata)


@functools.lru_cache(maxsize=2**14)  # the adapters of a family have the same thousands of names
def _named(name: str) -> tuple[str, str, str] | None:
    """Return a tensor's part, its place with underscores, and its role; None as `split_name`."""
    split = split_name(name)
    if split is None:
        return None
    part, place = _part(split[0])
    return part, place.replace(".", "_"), split[1]


def _part(place: str) -> tuple[str, str]:
    for start, part in _PLACES:
        if place.startswith(start):
            rest = place[len(start) :]
            # PEFT and ComfyUI nest their prefixes: "base_model.model.unet.", "text_encoders.clip_l.transformer.".
            return _part(rest) if start == "base_model.model." else (part, rest)
    return "network", place


def _form(layers: list[_Layer]) -> str:
    roles = {layer.role for layer in layers}
    for role, form in (("lokr w2", LOKR), ("hada", LOHA), ("oft", OFT), ("ia3", IA3), ("dora", DORA)):
        if role in roles:
            return form
    if "down" not in roles:
        return GLORA if "glora" in roles else FULL
    convolves = any(layer.role in ("down", "mid") and max(layer.shape[2:], default=1) > 1 for layer in layers)
    resolves = any(layer.role == "down" and _CONVOLUTION.search(layer.place) for layer in layers)
    return LOCON if convolves or resolves else LORA


_CONVOLUTION = re.compile(
    r"_resnets_|_(?:in|out)_layers_\d|_skip_connection$|_(?:down|up)samplers_|_(?:op|conv)$"
)


# ---------------------------------------------------------------------------------------------------------- families
@dataclass(frozen=True)
class _FamilyRule:
    """A family, and a place with the number of inputs (and outputs) of its layer that shows it."""

    family: Family
    place: re.Pattern[str]
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    part: str = "network"


def _rule(
    family: Family,
    place: str,
    inputs: tuple[int, ...] = (),
    *,
    outputs: tuple[int, ...] = (),
    part: str = "network",
) -> _FamilyRule:
    return _FamilyRule(family, re.compile(place), inputs, outputs, part)


_UNET = r"^(?:down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block)_.*"
_CROSS = _UNET + r"attn2_(?:processor_)?to_[kv]$"

_FAMILY_RULES = (
    _rule(Family.SDXL, _CROSS, (2048,)),
    _rule(Family.SDXL_REFINER, _CROSS, (1280,)),
    _rule(Family.SD2, _CROSS, (1024,)),
    _rule(Family.SD1, _CROSS, (768,)),
    # Without cross-attention: only SDXL repeats a transformer block, and only SD 1.x projects by convolution.
    _rule(Family.SDXL, _UNET + r"_transformer_blocks_[1-9]_"),
    _rule(Family.SDXL, r"^text_model_", (1280,), part="text encoder 2"),
    _rule(Family.HUNYUAN_VIDEO, r"^(?:double_blocks_\d+_img_(?:mlp_fc1|mod_linear)|txt_in_individual)"),
    _rule(Family.CHROMA, r"^distilled_guidance_layer_"),
    _rule(
        Family.FLUX2,
        r"^single_transformer_blocks_\d+_attn_to_qkv_mlp_proj$|^(?:double|single)_stream_modulation",
    ),
    _rule(Family.FLUX2, r"^single_blocks_\d+_linear1$", (3072,), outputs=(9 * 3072,)),
    _rule(Family.FLUX2, r"^(?:single|double)_blocks_", (4096, 6144)),
    _rule(Family.FLUX1, r"^(?:single|double)_blocks_\d+_"),
    _rule(Family.FLUX1, r"^single_transformer_blocks_\d+_(?:attn_to_[qkv]|proj_|norm_)"),
    _rule(Family.SD3, r"^joint_blocks_"),
    _rule(Family.SD3, r"^transformer_blocks_\d+_attn_add_[qkv]_proj$", (1536, 2432)),
    _rule(Family.QWEN_IMAGE, r"^transformer_blocks_\d+_(?:img_mlp|txt_mlp|img_mod|txt_mod)_"),
    _rule(Family.QWEN_IMAGE, r"^transformer_blocks_(?:19|[2-5]\d)_attn_add_[qkv]_proj$", (3072,)),
    _rule(Family.FLUX1, r"^transformer_blocks_\d+_attn_add_[qkv]_proj$", (3072,)),
    _rule(Family.Z_IMAGE, r"^layers_\d+_attention_", (3840,)),
    _rule(Family.LUMINA2, r"^layers_\d+_attention_", (2304,)),
    _rule(Family.ANIMA, r"^llm_adapter_|^blocks_\d+_cross_attn_[qkv]_proj$"),
    _rule(Family.WAN, r"^blocks_\d+_(?:cross|self)_attn_[qkvo]$"),
    _rule(Family.KREA2, r"^blocks_\d+_attn_w[qkvo]$|^txtfusion_|^text_fusion_"),
    _rule(Family.AURAFLOW, r"^(?:double_layers|joint_transformer_blocks)_"),
    _rule(Family.HIDREAM_I1, r"^double_stream_blocks_"),
    _rule(Family.KANDINSKY5, r"^visual_transformer_blocks_"),
    _rule(Family.PIXART_SIGMA, r"^transformer_blocks_\d+_attn[12]_to_[qkv]$", (1152,)),
    _rule(Family.LTX, r"^transformer_blocks_\d+_attn[12]_to_[qkv]$", (2048, 4096)),
    # What is left changes a text encoder alone, or only layers that SD 1.x and 2.x have in common.
    _rule(Family.SD2, r"^text_model_encoder_", (1024,), part="text encoder"),
    _rule(Family.SD1, r"^text_model_encoder_", (768,), part="text encoder"),
)

_METADATA_FAMILIES = (
    ("stable-diffusion-xl-v1-refiner", Family.SDXL_REFINER),
    ("stable-diffusion-xl", Family.SDXL),
    ("sdxl", Family.SDXL),
    ("stable-diffusion-v2", Family.SD2),
    ("sd_v2", Family.SD2),
    ("stable-diffusion-v1", Family.SD1),
    ("sd_v1", Family.SD1),
    ("sd_1.5", Family.SD1),
    ("stable-diffusion-3", Family.SD3),
    ("sd3", Family.SD3),
    ("chroma", Family.CHROMA),
    ("flux-1", Family.FLUX1),
    ("flux1", Family.FLUX1),
    ("flux.1", Family.FLUX1),
    ("flux-2", Family.FLUX2),
    ("lumina", Family.LUMINA2),
    ("z-image", Family.Z_IMAGE),
    ("zimage", Family.Z_IMAGE),
    ("qwen-image", Family.QWEN_IMAGE),
    ("qwen_image", Family.QWEN_IMAGE),
    ("wan2", Family.WAN),
    ("anima", Family.ANIMA),
)
"""How ``modelspec.architecture`` and ``ss_base_model_version`` begin (sd-scripts' `library/sai_model_spec.py`)."""

_LIKE_FLUX1 = frozenset({Family.CHROMA})
"""Families whose layers, where both have them, are of FLUX.1's names and shapes."""


def metadata_family(metadata: Mapping[str, str]) -> Family | None:
    """Return the family that a trainer wrote into a file's metadata, or None."""
    for key in ("modelspec.architecture", "ss_base_model_version", "base_model", "ss_base_model"):
        written = metadata.get(key, "").lower().strip()
        for start, family in _METADATA_FAMILIES:
            if written.startswith(start):
                return family
    return None


def _family(layers: list[_Layer], metadata: Mapping[str, str]) -> Fact[Family] | None:
    sizes = _sizes(layers)
    written = metadata_family(metadata)
    for rule in _FAMILY_RULES:
        for (part, place), (inputs, outputs) in sizes.items():
            if (
                part != rule.part
                or (rule.inputs and inputs not in rule.inputs)
                or not rule.place.search(place)
            ):
                continue
            if rule.outputs and outputs not in rule.outputs:
                continue
            if rule.family is Family.FLUX1 and written in _LIKE_FLUX1:
                return Fact(written, Source.METADATA)
            return Fact(rule.family, Source.TENSORS)
    if written is not None:
        return Fact(written, Source.METADATA)
    if any(place.startswith(("down_blocks_", "up_blocks_", "mid_block_")) for _, place in sizes):
        return Fact(Family.SD1, Source.GUESS)
    return None


def _sizes(layers: list[_Layer]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the inputs and outputs of every layer that is changed; 0 where the form does not tell."""
    sizes: dict[tuple[str, str], tuple[int, int]] = {}
    kronecker: dict[tuple[str, str], int] = {}
    for layer in layers:
        key = layer.part, layer.place
        inputs, outputs = sizes.get(key, (0, 0))
        if layer.role in ("down", "hada in") and len(layer.shape) > 1:
            inputs = layer.shape[1]
        elif layer.role == "up" and layer.shape:
            outputs = layer.shape[0]
        elif layer.role in ("lokr w1", "lokr w2") and len(layer.shape) > 1:
            kronecker[key] = kronecker.get(key, 1) * layer.shape[1]
            inputs = kronecker[key]
        sizes[key] = inputs, outputs
    return sizes
