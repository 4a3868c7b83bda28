"""Whether the parts that a file contains have all their parameters: the dry load of a file from its header alone.

What fails here would fail when the model is loaded, so it is said as soon as the file is found.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from studio.errors import CheckpointError
from studio.families.matching import Listing, check_parts
from studio.families.recognition.kinds import Component, Family, Kind
from studio.families.recognition.shapes import shapes_of
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from studio.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from studio.families.family import Part
    from studio.families.recognition.header import TensorInfo
    from studio.families.recognition.recognise import Recognised

_FAMILIES = {Family.SD1: SD1, Family.SD2: SD2, Family.SDXL: SDXL}
_PARTS = {
    Component.NETWORK: "unet",
    Component.VAE_4: "vae",
    Component.CLIP_L: "text_encoder",
    Component.CLIP_H: "text_encoder",
    Component.CLIP_BIGG: "text_encoder_2",
}
_NOT_WEIGHTS = frozenset(
    {"scaled_fp8", "scale_weight", "weight_scale", "scale_input", "input_scale", "comfy_quant"}
)
"""The last segments of the names of scales and markers; see `studio.weights.forms`."""


def fault_of(path: Path, found: Recognised, tensors: Mapping[str, TensorInfo]) -> Message | None:
    """Return why a model's file would not load, a clause about it; None if nothing speaks against it.

    Args:
        path: the file.
        found: what it was recognised as.
        tensors: its tensors by name.
    """
    if found.kind not in (Kind.CHECKPOINT, Kind.NETWORK) or found.advice is not None or found.family is None:
        return None
    return _checked(path, found.family.value, _parts(found.family.value, found.contains), tensors)


def fault_of_folder(
    path: Path, found: Recognised, folders: Mapping[str, Mapping[str, TensorInfo]]
) -> Message | None:
    """Return why a model in diffusers' layout would not load.

    Args:
        path: the folder.
        found: what it was recognised as.
        folders: the tensors of each part by the name of its folder.
    """
    if found.advice is not None or found.family is None:
        return None
    for part in _parts(found.family.value, found.contains):
        if part.name in folders:
            fault = _checked(path / part.name, found.family.value, [part], folders[part.name])
            if fault is not None:
                return fault
    return None


def _parts(family: Family, contained: Iterable[Component]) -> list[Part]:
    names = {_PARTS[one] for one in contained if one in _PARTS}
    return [part for part in _FAMILIES[family].parts if part.name in names] if family in _FAMILIES else []


def _checked(
    path: Path, family: Family, parts: list[Part], tensors: Mapping[str, TensorInfo]
) -> Message | None:
    shapes = {
        name: tensor.shape for name, tensor in tensors.items() if name.rpartition(".")[2] not in _NOT_WEIGHTS
    }
    try:
        check_parts(parts, Listing(path, shapes), {part.name: _shapes(family, part.name) for part in parts})
    except CheckpointError as error:
        return error.reason if isinstance(error.reason, Message) else Message(error.reason, {})
    return None


@functools.cache
def _shapes(family: Family, part: str) -> dict[str, tuple[int, ...]]:
    return shapes_of(_FAMILIES[family].part(part))
