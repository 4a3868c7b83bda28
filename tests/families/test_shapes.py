"""The parameters that a configuration gives are those of the real modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.families.networks import on_meta, parameter_shapes
from studio.families.recognition.shapes import shapes_of
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families.tiny import TINY

if TYPE_CHECKING:
    from studio.families.family import Part

PARTS = [
    pytest.param(part, id=f"{size} {family.name} {part.name}")
    for size, families in (("true", (SD1, SD2, SDXL)), ("small", TINY.values()))
    for family in families
    for part in family.parts
    if size == "true" or part.name == "unet"
]


def without_wrapper(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Transformers 5.6 has no "text_model." any longer."""
    return {name.removeprefix("text_model."): shape for name, shape in shapes.items()}


@pytest.mark.parametrize("part", PARTS)
def test_names_and_shapes_are_those_of_the_module(part: Part) -> None:
    assert without_wrapper(shapes_of(part)) == without_wrapper(parameter_shapes(on_meta(part)))
