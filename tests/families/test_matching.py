"""Every tensor of a published file has its place in the networks, and a file that differs is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.errors import CheckpointError
from studio.families.matching import DryLoad, Listing, dry_load
from studio.families.networks import expected_shapes
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families import original

if TYPE_CHECKING:
    from studio.families.family import Family

FAMILIES = {family.name: family for family in (SD1, SD2, SDXL)}
PUBLISHED_PARAMETERS = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}


@cache
def shapes_of(name: str) -> dict[str, dict[str, tuple[int, ...]]]:
    return expected_shapes(FAMILIES[name])


def matched(family: Family, shapes: dict[str, tuple[int, ...]]) -> DryLoad:
    file = Listing(Path("model.safetensors"), shapes)
    return dry_load(family, {part.name: file for part in family.parts}, shapes_of(family.name))


def count(shapes: dict[str, tuple[int, ...]]) -> int:
    total = 0
    for shape in shapes.values():
        product = 1
        for size in shape:
            product *= size
        total += product
    return total


@pytest.mark.parametrize("name", FAMILIES)
def test_the_networks_have_the_published_numbers_of_parameters(name: str) -> None:
    assert {part: count(shapes) for part, shapes in shapes_of(name).items()} == PUBLISHED_PARAMETERS[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_tensor_of_a_published_single_file_has_its_place(name: str) -> None:
    result = matched(FAMILIES[name], original.single_file(name))
    assert result.left_over == {}
    assert {part: len(match.sources) for part, match in result.matches.items()} == {
        part: len(shapes) for part, shapes in shapes_of(name).items()
    }


def test_clip_may_be_stored_without_the_name_of_its_wrapper() -> None:
    shapes = {key.replace(".text_model.", "."): shape for key, shape in original.single_file("sd1").items()}
    assert matched(SD1, shapes).left_over == {}


def test_a_missing_tensor_is_refused_by_name() -> None:
    shapes = original.single_file("sd1")
    del shapes["model.diffusion_model.input_blocks.4.0.in_layers.2.weight"]
    with pytest.raises(CheckpointError, match=r"input_blocks\.4\.0\.in_layers\.2\.weight"):
        matched(SD1, shapes)


def test_a_wrong_shape_is_refused_by_name() -> None:
    shapes = original.single_file("sd1")
    shapes["model.diffusion_model.input_blocks.0.0.weight"] = (320, 9, 3, 3)  # as inpainting models have
    with pytest.raises(CheckpointError, match=r"320x9x3x3.*320x4x3x3"):
        matched(SD1, shapes)


def test_swapped_blocks_are_refused() -> None:
    shapes = original.single_file("sd1")
    first, second = "model.diffusion_model.input_blocks.4.0.", "model.diffusion_model.input_blocks.5.0."
    swapped = {
        key.replace(first, second) if key.startswith(first) else key.replace(second, first): shape
        for key, shape in shapes.items()
    }
    with pytest.raises(CheckpointError):
        matched(SD1, swapped)


def test_a_tensor_that_the_network_does_not_have_is_refused() -> None:
    shapes = original.single_file("sd1") | {"model.diffusion_model.adapter.weight": (3,)}
    with pytest.raises(CheckpointError, match=r"model\.diffusion_model\.adapter\.weight"):
        matched(SD1, shapes)


def test_a_tensor_outside_of_the_networks_is_reported() -> None:
    shapes = original.single_file("sd1") | {"model_ema.decay": (), "recipe": (3,)}
    assert matched(SD1, shapes).left_over == {Path("model.safetensors"): ("recipe",)}


def test_a_model_of_another_family_is_refused() -> None:
    with pytest.raises(CheckpointError):
        matched(SD1, original.single_file("sd2"))
    with pytest.raises(CheckpointError):
        matched(SDXL, original.single_file("sd1"))


def test_a_file_without_an_autoencoder_is_refused_by_the_name_of_the_part() -> None:
    shapes = {
        key: shape
        for key, shape in original.single_file("sd1").items()
        if not key.startswith("first_stage_model.")
    }
    with pytest.raises(CheckpointError, match="VAE"):
        matched(SD1, shapes)
