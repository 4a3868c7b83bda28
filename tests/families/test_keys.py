"""The key maps against diffusers' own converters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from diffusers.loaders import single_file_utils as converters

from studio.families import keys
from studio.families.keys import Source
from studio.families.matching import Listing, match_part
from studio.families.networks import apply, on_meta, parameter_shapes
from studio.families.parts import unet_part
from studio.families.sd1 import SD1, UNET
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families import original
from tests.families.tiny import TINY, reader

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.family import Family, Part

REFINER = {
    **SDXL.part("unet").config,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (384, 768, 1536, 1536),
    "transformer_layers_per_block": 4,
    "attention_head_dim": (6, 12, 24, 24),
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}


def theirs(part: Part, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert one part of a single file with diffusers' functions."""
    if part.kind == "unet":
        return converters.convert_ldm_unet_checkpoint(dict(tensors), dict(part.config))
    if part.kind == "vae":
        return converters.convert_ldm_vae_checkpoint(dict(tensors), dict(part.config))
    layout = part.layouts(part.config)[0]
    if layout.naming is keys.open_clip:
        model = on_meta(part)
        found = converters.convert_open_clip_checkpoint(model, dict(tensors), prefix=layout.prefix)
    else:
        found = converters.convert_ldm_clip_checkpoint(dict(tensors))
    return {name.removeprefix("text_model."): tensor for name, tensor in found.items()}


def ours(part: Part, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    match = match_part(part, Listing(Path("model.safetensors"), shapes), parameter_shapes(on_meta(part)))
    found = {name: apply(source.operation, tensors[source.key]) for name, source in match.sources.items()}
    return {name.removeprefix("text_model."): tensor for name, tensor in found.items()}


@pytest.mark.parametrize(
    ("family", "part"),
    [(family.name, part.name) for family in TINY.values() for part in family.parts],
)
def test_the_parameters_are_those_of_diffusers_converters(family: str, part: str) -> None:
    tensors, wanted = reader(family).tensors, TINY[family].part(part)
    mine, reference = ours(wanted, tensors), theirs(wanted, tensors)
    for name, tensor in mine.items():
        assert torch.equal(tensor, reference[name]), name


@pytest.mark.parametrize("family", [SD1, SD2, SDXL], ids=lambda family: family.name)
@pytest.mark.parametrize("part", ["unet", "vae"])
def test_at_full_size_the_shapes_are_those_of_diffusers_converters(family: Family, part: str) -> None:
    shapes = original.single_file(family.name)
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    wanted = family.part(part)
    reference = {name: tensor.shape for name, tensor in theirs(wanted, tensors).items()}
    assert {name: tensor.shape for name, tensor in ours(wanted, tensors).items()} == reference


def test_the_refiners_unet_is_mapped_as_well() -> None:
    shapes = original.prefixed("model.diffusion_model.", original.unet(original.REFINER_UNET))
    part = unet_part(REFINER)
    file = Listing(Path("refiner.safetensors"), shapes)
    used = {source.key for source in match_part(part, file, parameter_shapes(on_meta(part))).sources.values()}
    assert used == shapes.keys()


def test_swapped_resnets_are_not_the_parameters_of_diffusers_converter() -> None:
    # Both blocks of the first level have the same shapes, so that only the values tell them apart.
    tensors = reader("sd1").tensors
    first, second = "model.diffusion_model.input_blocks.1.0.", "model.diffusion_model.input_blocks.2.0."
    swapped = {
        key.replace(first, second) if key.startswith(first) else key.replace(second, first): tensor
        for key, tensor in tensors.items()
    }
    part = TINY["sd1"].part("unet")
    mine, reference = ours(part, swapped), theirs(part, tensors)
    different = {name.split(".")[3] for name in mine if not torch.equal(mine[name], reference[name])}
    assert different == {"0", "1"}
    assert all(
        name.startswith("down_blocks.0.resnets.")
        for name in mine
        if not torch.equal(mine[name], reference[name])
    )


@pytest.mark.parametrize(
    ("source", "stored", "shape"),
    [
        (Source("a"), (3, 4), (3, 4)),
        (Source("a", "matrix"), (3, 4, 1, 1), (3, 4)),
        (Source("a", "matrix"), (3, 4, 1), (3, 4)),
        (Source("a", "matrix"), (3, 4), (3, 4)),
        (Source("a", "matrix"), (3, 4, 3, 3), None),
        (Source("a", "matrix"), (3,), None),
        (Source("a", "transpose"), (3, 4), (4, 3)),
        (Source("a", "transpose"), (3, 4, 1), None),
        (Source("a", "last third"), (6, 4), (2, 4)),
        (Source("a", "first third"), (6,), (2,)),
        (Source("a", "first third"), (7,), None),
        (Source("a", "first third"), (), None),
    ],
)
def test_the_shape_after_an_operation(source: Source, stored: tuple[int, ...], shape: object) -> None:
    assert source.shape(stored) == shape
    if shape is not None:
        assert tuple(apply(source.operation, torch.zeros(stored)).shape) == shape


def test_thirds_are_not_copied() -> None:
    stored = torch.arange(6.0)
    parts = [apply(operation, stored) for operation in keys.THIRDS]
    assert [part.tolist() for part in parts] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert {part.untyped_storage().data_ptr() for part in parts} == {stored.untyped_storage().data_ptr()}


def test_an_unknown_parameter_has_no_place() -> None:
    assert keys.ldm_unet(UNET)("down_block.0.weight") == ()
    assert keys.open_clip("encoder.layers.weight") == ()
