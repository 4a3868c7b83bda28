"""Which layer of a model each tensor of a LoRA belongs to: `match_lora`.

Trainers join the name of a layer in many ways, and names that are joined by underscores cannot be taken apart. So the
table is made the other way round, from the layers that the model has: every spelling of each layer leads to it (as in
ComfyUI's `comfy/lora.py`, `model_lora_keys_unet`). A layer is known by its part ("unet", "text_encoder",
"text_encoder_2") and its name in diffusers' or transformers' module, with "text_model." before that of a text encoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.families.recognition.lora import split_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from studio.families.recognition.header import TensorInfo

    Shape = tuple[int, ...]
    LdmName = Callable[[str], str | None]
    """From the name of a U-Net's layer in diffusers to its name in LDM's layout; None if it has none."""

UNET, TEXT_ENCODER, TEXT_ENCODER_2 = "unet", "text_encoder", "text_encoder_2"

_ENCODER_STARTS = {
    TEXT_ENCODER: (
        "lora_te_",
        "lora_te1_",
        "text_encoder.",
        "text_encoders.clip_l.transformer.",
        "clip_l.transformer.",
    ),
    TEXT_ENCODER_2: (
        "lora_te2_",
        "text_encoder_2.",
        "text_encoders.clip_g.transformer.",
        "clip_g.transformer.",
    ),
}
_PROJECTIONS = {".q_proj": ".to_q", ".k_proj": ".to_k", ".v_proj": ".to_v", ".out_proj": ".to_out"}


@dataclass(frozen=True, kw_only=True)
class LoraLayer:
    """The tensors of a LoRA for one layer, by their names in the file.

    The change of the layer's weight is ``up @ down`` (with a kernel, or through ``mid``), times the user's weight,
    times alpha / rank.

    Attributes:
        part: which part of the model the layer belongs to.
        module: the layer's name in that part.
        down: the tensor of shape (rank, inputs, ...).
        up: the tensor of shape (outputs, rank, ...).
        mid: the kernel of shape (rank, rank, k, k) between them (LyCORIS' "cp" form); None if ``down`` has it.
        alpha: the scalar tensor; None means that alpha is the rank.
        rank: the size that down and up share.
    """

    part: str
    module: str
    down: str
    up: str
    mid: str | None
    alpha: str | None
    rank: int


@dataclass(frozen=True)
class LoraMatch:
    """How a LoRA fits a model.

    Attributes:
        layers: what it changes.
        unknown: names of tensors that belong to no layer of the model, or whose partner is missing.
        misfits: layers whose shapes are not those of the model's: that LoRA is for another model.
    """

    layers: tuple[LoraLayer, ...]
    unknown: tuple[str, ...]
    misfits: tuple[LoraLayer, ...]


def match_lora(
    tensors: Mapping[str, TensorInfo],
    modules: Mapping[str, Mapping[str, Shape]],
    ldm_name: LdmName | None = None,
) -> LoraMatch:
    """Return which layers of a model a LoRA changes.

    Args:
        tensors: the file's tensors.
        modules: the shape of each layer's weight, by part and by the layer's name.
        ldm_name: gives the names of the U-Net's layers in LDM's layout, which kohya's scripts use for SDXL.
    """
    places = spellings(modules, ldm_name)
    found: dict[tuple[str, str], dict[str, str]] = {}
    unknown: list[str] = []
    for name in tensors:
        split = split_name(name)
        layer = None if split is None else places.get(split[0])
        if split is None or layer is None or split[1] not in ("down", "up", "mid", "alpha"):
            unknown.append(name)
        elif found.setdefault(layer, {}).setdefault(split[1], name) != name:
            unknown.append(name)  # two spellings of one layer
    layers: list[LoraLayer] = []
    misfits: list[LoraLayer] = []
    for (part, module), roles in found.items():
        if "down" not in roles or "up" not in roles:
            unknown += roles.values()
            continue
        matched = LoraLayer(
            part=part,
            module=module,
            down=roles["down"],
            up=roles["up"],
            mid=roles.get("mid"),
            alpha=roles.get("alpha"),
            rank=(tensors[roles["down"]].shape or (0,))[0],
        )
        (layers if _fits(matched, tensors, modules[part][module]) else misfits).append(matched)
    return LoraMatch(tuple(layers), tuple(unknown), tuple(misfits))


def _fits(layer: LoraLayer, tensors: Mapping[str, TensorInfo], weight: Shape) -> bool:
    """Whether the product of the tensors has the size of the layer's weight; a 1x1 kernel may be left out."""
    down, up = tensors[layer.down].shape, tensors[layer.up].shape
    if len(weight) < 2 or len(down) < 2 or len(up) < 2 or math.prod(up[2:]) != 1:
        return False
    if layer.rank < 1 or (up[0], up[1]) != (weight[0], layer.rank) or down[1] != weight[1]:
        return False
    kernel = math.prod(weight[2:])
    if layer.mid is None:
        return math.prod(down[2:]) == kernel
    mid = tensors[layer.mid].shape
    return math.prod(down[2:]) == 1 and mid[:2] == (layer.rank, layer.rank) and math.prod(mid[2:]) == kernel


def spellings(
    modules: Mapping[str, Mapping[str, Shape]], ldm_name: LdmName | None = None
) -> dict[str, tuple[str, str]]:
    """Return part and name of the layer that each spelling of a place in a file stands for."""
    table: dict[str, tuple[str, str]] = {}
    for part, names in modules.items():
        for module in names:
            spelled = _unet(module, ldm_name) if part == UNET else _encoder(part, module)
            for spelling in spelled:
                table.setdefault(spelling, (part, module))
    return table


def _unet(module: str, ldm_name: LdmName | None) -> Iterator[str]:
    joined = module.replace(".", "_")
    yield from (f"lora_unet_{joined}", f"lycoris_{joined}", f"lora_unet.{module}")
    yield from (f"unet.{module}", f"base_model.model.{module}", f"base_model.model.unet.{module}", module)
    for number in ("1", "2"):  # attention processors, as diffusers named them before 0.2x
        if f".attn{number}." in module:
            processed = module.replace(f".attn{number}.", f".attn{number}.processor.").replace(
                ".to_out.0", ".to_out"
            )
            yield from (f"unet.{processed}", processed)
    original = None if ldm_name is None else ldm_name(module)
    if original is not None:
        joined = original.replace(".", "_")
        yield from (f"lora_unet_{joined}", f"lycoris_{joined}", f"unet.{original}")
        yield from (f"diffusion_model.{original}", f"model.diffusion_model.{original}")


def _encoder(part: str, module: str) -> Iterator[str]:
    inner = module.removeprefix("text_model.")
    for start in _ENCODER_STARTS.get(part, (f"{part}.",)):
        for name in (f"text_model.{inner}", inner):
            for old, new in (("", ""), *_PROJECTIONS.items()):
                if old and not name.endswith(old):
                    continue
                spelled = name.removesuffix(old) + new if old else name
                yield start + (spelled.replace(".", "_") if start.endswith("_") else spelled)
