"""What recognition says runs passes the dry load of its family, and what it says does not run does not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.library.fitness import fault_of
from studio.errors import CheckpointError
from studio.families.matching import Listing, dry_load
from studio.families.networks import expected_shapes
from studio.families.recognition.kinds import Component, Family, Kind
from studio.families.recognition.recognise import RUNNABLE_FAMILIES, Recognised, recognise
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.headers import CASES

if TYPE_CHECKING:
    from studio.families.recognition.header import ModelHeader

FAMILIES = {Family.SD1: SD1, Family.SD2: SD2, Family.SDXL: SDXL}
PARTS = {Component.NETWORK: "unet", Component.VAE_4: "vae", Component.CLIP_L: "text_encoder"}
PARTS |= {Component.CLIP_H: "text_encoder", Component.CLIP_BIGG: "text_encoder_2"}


def models() -> dict[str, Family]:
    """The files of families that run, one of each set of tensors."""
    found: dict[int, tuple[str, Family]] = {}
    for name, make in CASES.items():
        case = make()
        if case.family in FAMILIES and case.kind in (Kind.CHECKPOINT, Kind.NETWORK):
            found.setdefault(hash(frozenset(case.header.tensors.items())), (name, case.family))
    return dict(found.values())


@cache
def shapes_of(family: Family) -> dict[str, dict[str, tuple[int, ...]]]:
    return expected_shapes(FAMILIES[family])


def loads(header: ModelHeader, found: Recognised, family: Family) -> bool:
    """Whether every part that the file is said to contain has all its parameters."""
    listing = Listing(Path(header.name), {name: tensor.shape for name, tensor in header.tensors.items()})
    names = {PARTS[component] for component in found.contains}
    whole = FAMILIES[family]
    contained = replace(whole, parts=tuple(part for part in whole.parts if part.name in names))
    try:
        dry_load(contained, dict.fromkeys(names, listing), shapes_of(family))
    except CheckpointError:
        return False
    return True


MODELS = models()
ANOTHER_FORMULA = {"cosxl", "playground_25", "sdxl_nf4"}
"""Files that are refused for how their numbers are to be used, not for their shapes."""


def test_the_families_that_run_are_those_that_load() -> None:
    assert set(FAMILIES) == RUNNABLE_FAMILIES


@pytest.mark.parametrize("name", MODELS)
def test_what_runs_loads(name: str) -> None:
    header = CASES[name]().header
    found = recognise(header)
    assert fault_of(Path(header.name), found, header.tensors) is None, "what is said to run does"
    if name in ANOTHER_FORMULA:
        assert not found.runs
    else:
        assert loads(header, found, MODELS[name]) == found.runs
