from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from studio.engine.memory_plan import DeviceMemory
from studio.ui.jobs import cost_text, text
from studio.ui.jobs.cost import SLOW_SECONDS, Estimate, estimate, multiplications
from studio.ui.jobs.run_settings import FormValues
from studio.ui.jobs.timings import Timings
from tests.ui.cards import LARGE, SD1, SDXL

if TYPE_CHECKING:
    from pathlib import Path

CPU, GPU = "cpu (a processor, 2 threads)", "cuda:0 (a card)"
GIB = 2**30


@pytest.fixture
def timings(tmp_path: Path) -> Timings:
    return Timings(tmp_path / "timings.json")


def note(timings: Timings, size: tuple[int, int], seconds: float, device: str = CPU) -> None:
    timings.note(
        model_sha256=SDXL.weights_sha256, device=device, size=size, model_calls=10, seconds=10 * seconds
    )


def of(
    size: tuple[int, int],
    timings: Timings | None = None,
    card: object = SDXL,
    device: str = CPU,
    memory: DeviceMemory | None = None,
    **changes: object,
) -> Estimate:
    values = FormValues(sampler="ddim", steps=25, guidance=7.0, width=size[0], height=size[1])
    return estimate(dataclasses.replace(values, **changes), card, timings, device, memory)


# ---------------------------------------------------------------------------------------------------------------- time
def test_a_measured_size_is_not_scaled(timings: Timings) -> None:
    note(timings, (512, 512), 1.5)
    found = of((512, 512), timings)
    assert (found.seconds, found.scaled_from) == (pytest.approx(1.5 * 50), None)


def test_another_size_is_scaled_by_the_multiplications_and_says_from_which(timings: Timings) -> None:
    note(timings, (512, 512), 1.0)
    found = of((1024, 1024), timings)
    ratio = multiplications(SDXL, (1024, 1024)) / multiplications(SDXL, (512, 512))
    assert found.seconds == pytest.approx(50 * ratio)
    assert found.scaled_from == (512, 512)
    assert ratio > 4.05  # the wrong twin: four times the pixels would be four times the time
    assert cost_text.cost(found) != cost_text.cost(of((512, 512), timings))
    assert text.size_text((512, 512)) in cost_text.cost_tip(found, 25)


def test_the_nearest_measured_size_counts(timings: Timings) -> None:
    note(timings, (256, 256), 9.0)
    note(timings, (896, 896), 2.0)
    assert of((1024, 1024), timings).scaled_from == (896, 896)
    assert of((320, 256), timings).scaled_from == (256, 256)


def test_other_models_devices_and_those_never_measured_have_no_time(timings: Timings) -> None:
    assert of((512, 512), timings).seconds is None
    note(timings, (512, 512), 1.0)
    assert of((512, 512), timings, card=SD1).seconds is None
    assert of((1024, 1024), timings, device=GPU).seconds is None
    assert of((1024, 1024), timings, card=dataclasses.replace(SDXL, weights_sha256="")).seconds is None
    timings.note(model_sha256=LARGE.weights_sha256, device=CPU, size=(64, 64), model_calls=10, seconds=1.0)
    assert of((128, 128), timings, card=LARGE).seconds is None  # its multiplications are not known


# ----------------------------------------------------------------------------------------------- slow on a CPU, smaller
def test_a_picture_of_many_minutes_is_offered_smaller(timings: Timings) -> None:
    note(timings, (1024, 1024), 20.0)
    found = of((1024, 1024), timings)
    assert found.slow
    assert found.smaller is not None
    smaller = of(found.smaller, timings)
    assert not smaller.slow
    assert smaller.seconds <= SLOW_SECONDS
    assert smaller.smaller is None
    wide = of((1344, 768), timings).smaller
    assert wide is not None
    assert abs(wide[0] / wide[1] - 1344 / 768) < 0.3


def test_many_pictures_are_not_one_slow_picture(timings: Timings) -> None:
    note(timings, (512, 512), 1.0)
    assert not of((512, 512), timings, count=100).slow


def test_a_gpu_is_never_called_slow(timings: Timings) -> None:
    note(timings, (1024, 1024), 20.0, GPU)
    assert not of((1024, 1024), timings, device=GPU).slow


def test_an_unmeasured_picture_is_called_slow_only_if_it_is_so_on_any_cpu() -> None:
    found = of((1024, 1024))
    assert (found.slow, found.seconds) == (True, None)
    assert not of(found.smaller or (0, 0)).slow
    assert not of((512, 512), card=SD1).slow
    assert not of((128, 128), card=LARGE).slow


# ------------------------------------------------------------------------------------------------------------- memory
def test_memory_is_planned_for_the_chosen_size() -> None:
    small, large = (
        of(size, memory=DeviceMemory(free=64 * GIB)).memory for size in ((512, 512), (1536, 1536))
    )
    assert small.fits
    assert large.peak > small.peak > SDXL.size_on_disk / 2
    assert cost_text.memory_cost(small) != cost_text.memory_cost(large)
    assert of((512, 512)).memory is None
    assert of((128, 128), card=LARGE, memory=DeviceMemory(free=GIB)).memory is None


def test_a_size_that_does_not_fit_is_said_and_a_smaller_one_offered() -> None:
    memory = DeviceMemory(free=12 * GIB, own=False, reduced=True)
    found = of((2048, 2048), memory=memory, device=GPU)
    if not found.memory.fits:
        assert found.smaller == found.memory.largest
    none = of((512, 512), memory=DeviceMemory(free=GIB), device=GPU)
    assert not none.memory.fits
    assert none.smaller is None
    assert cost_text.memory_cost(none.memory) != cost_text.memory_cost(found.memory)
    assert cost_text.memory_tip(none.memory)
