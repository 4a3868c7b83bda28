"""Plans of memory: closed forms, and what holds for every model, size and device."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.checkpoints.catalog import InstalledModel
from studio.checkpoints.family_models import FAMILIES, FamilyInfo
from studio.engine.memory_plan import (
    RUNG_LABELS,
    RUNGS,
    DeviceMemory,
    MemoryNeed,
    memory_of,
    next_rung,
    plan_memory,
)
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard

GB = 10**9


def info(family: str = "sdxl", precision: str = "F16") -> FamilyInfo:
    parameters = {"sd1": 1_066_235_307, "sd2": 1_289_952_427, "sdxl": 3_468_837_867}[family]
    return FamilyInfo(
        name=family,
        family_name=family,
        files=(),
        signature="",
        prediction="eps",
        defaults=FAMILIES[family].defaults,
        parameters=parameters,
        size_on_disk=2 * parameters,
        precision=precision,
    )


def gpu(gigabytes: float) -> DeviceMemory:
    return DeviceMemory(free=round(gigabytes * GB), own=True)


def cpu(gigabytes: float) -> DeviceMemory:
    return DeviceMemory(free=round(gigabytes * GB), reduced=True)


# ------------------------------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize(
    ("precision", "bytes_each"),
    [("F32", 4), ("F16", 2), ("BF16", 2), ("F8_E4M3", 1), ("fp8 scaled", 1), ("", 2)],
)
def test_weights_are_parameters_times_bytes(precision: str, bytes_each: int) -> None:
    memory = memory_of(info("sdxl", precision), DeviceMemory(free=None))
    assert memory.weights == bytes_each * 3_468_837_867


def test_weights_that_are_converted_to_fewer_bytes_count_as_converted() -> None:
    memory = memory_of(info("sd1", "F32"), DeviceMemory(free=None, reduced=True))
    assert memory.weights == 2 * 859_520_964 + 4 * (83_653_863 + 123_060_480)


def test_on_a_gpu_in_float16_the_decoder_of_sdxl_needs_most() -> None:
    plan = plan_memory(info("sdxl"), 1024, 1024, device=gpu(24), headroom=0)
    weights, decoder = 2 * 3_468_837_867, 4 * 1.1 * 805_306_368
    layer, workspace = 4 * 2_359_808, 256 * 2**20
    assert plan.peak == pytest.approx(weights + decoder + layer + workspace, rel=1e-6)
    assert plan.rungs == ()


@pytest.mark.parametrize(
    ("gigabytes", "rungs"), [(24, 0), (10.0, 1), (9.3, 1), (7.1, 2), (6.6, 2), (5, 4), (1.5, 4)]
)
def test_rungs_of_sdxl_by_memory(gigabytes: float, rungs: int) -> None:
    plan = plan_memory(info("sdxl"), 1024, 1024, device=gpu(gigabytes), headroom=0)
    assert plan.rungs == RUNGS[:rungs]


def test_what_does_not_fit_names_the_largest_size_that_does() -> None:
    device = gpu(1.5)
    refused = plan_memory(info("sdxl"), 2048, 1024, device=device, headroom=0, rows=16)
    assert not refused.fits
    assert refused.largest is not None
    width, height = refused.largest
    assert width / height == pytest.approx(2, abs=0.05)
    assert plan_memory(info("sdxl"), width, height, device=device, headroom=0, rows=16).fits
    larger = plan_memory(info("sdxl"), width + 8, height + 8, device=device, headroom=0, rows=16)
    assert not larger.fits, "the next size does not fit"
    assert plan_memory(info("sdxl"), 2048, 1024, device=gpu(0.1), headroom=0).largest is None


def test_a_device_whose_free_memory_is_unknown_is_not_judged() -> None:
    plan = plan_memory(info("sdxl"), 2048, 2048, device=DeviceMemory(free=None, own=True))
    assert plan.fits
    assert (plan.rungs, plan.budget) == ((), None)


def test_the_cpu_has_nowhere_to_move_weights_to() -> None:
    plan = plan_memory(info("sdxl"), 1024, 1024, device=cpu(1), headroom=0)
    assert plan.rungs == ("vae_tiling", "attention_slicing")
    assert not plan.fits
    assert next_rung(info("sdxl"), (), cpu(1)) == "vae_tiling"
    assert next_rung(info("sdxl"), plan.rungs, cpu(1)) is None


def test_a_rung_that_was_asked_for_is_taken_with_those_before_it() -> None:
    plan = plan_memory(info("sdxl"), 1024, 1024, device=gpu(80), at_least=("attention_slicing",))
    assert plan.rungs == RUNGS[:3]


def test_fewer_pictures_are_made_at_once_where_memory_is_short() -> None:
    installed = InstalledModel(name="sd1", folder=Path(), shipped=False, card=info("sd1"))
    need = MemoryNeed(installed=installed, width=768, height=768, count=10, headroom=0)
    counts = [need.pictures_at_once(gpu(free)) for free in (1, 6, 8, 40)]
    assert need.pictures_at_once(cpu(40)) == 1
    assert replace(need, count=3, together=True).pictures_at_once(cpu(1)) == 3
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[-1] == 8


# --------------------------------------------------------------------------------------------------------- invariants

families = st.sampled_from(sorted(FAMILIES))
sides = st.integers(32, 256).map(lambda number: 8 * number)
memories = st.floats(0.2, 40)
devices = st.builds(lambda free, own: gpu(free) if own else cpu(free), memories, st.booleans())


@settings(max_examples=25, deadline=None)
@given(families, sides, sides, devices, st.integers(1, 16), st.sampled_from(["F32", "F16", "F8_E4M3"]))
def test_each_rung_needs_no_more_than_the_one_before(
    family: str, width: int, height: int, device: DeviceMemory, rows: int, precision: str
) -> None:
    memory = memory_of(info(family, precision), device)
    peaks = [memory.peak(width, height, rows, RUNGS[:count]) for count in range(len(RUNGS) + 1)]
    assert all(later <= earlier for earlier, later in pairwise(peaks))


@settings(max_examples=25, deadline=None)
@given(families, sides, sides, devices, st.integers(1, 16))
def test_a_larger_picture_needs_no_less_and_drops_no_rung(
    family: str, width: int, height: int, device: DeviceMemory, rows: int
) -> None:
    small = plan_memory(info(family), width, height, device=device, rows=rows)
    for larger in ((width + 8, height), (width, height + 64), (2 * width, 2 * height)):
        large = plan_memory(info(family), *larger, device=device, rows=rows)
        assert set(small.rungs) <= set(large.rungs)
        assert large.fits <= small.fits
        if small.rungs == large.rungs:
            assert large.peak >= small.peak


@settings(max_examples=25, deadline=None)
@given(families, sides, sides, st.floats(0.5, 20), st.floats(0, 4))
def test_headroom_is_the_same_as_less_memory(
    family: str, width: int, height: int, free: float, headroom: float
) -> None:
    kept = round(headroom * GB)
    with_headroom = plan_memory(info(family), width, height, device=gpu(free), headroom=kept)
    less = DeviceMemory(free=round(free * GB) - kept, own=True)
    assert with_headroom == plan_memory(info(family), width, height, device=less, headroom=0)


# -------------------------------------------------------------------------------------------------- this program's own


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return save_tiny(tmp_path_factory.mktemp("models") / "latent", latent=True)


def test_models_of_this_program_fit_or_do_not(card: ModelCard) -> None:
    fits = plan_memory(card, 32, 16, device=cpu(1), headroom=0)
    assert fits.fits
    assert fits.rungs == ()
    peaks = {size: plan_memory(card, *size, device=cpu(1), headroom=0).peak for size in card.sizes}
    assert peaks[16, 16] < peaks[32, 16]
    device = DeviceMemory(free=peaks[16, 16])
    refused = plan_memory(card, 32, 16, device=device, headroom=0)
    assert refused.largest == (16, 16)


def test_every_rung_has_a_label() -> None:
    assert set(RUNG_LABELS) == set(RUNGS)
