from __future__ import annotations

import pytest

from studio.diffusion.other_programs import SPACING_NAMES, find_sampler
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.errors import UnknownNameError


@pytest.mark.parametrize(
    ("program", "sampler", "spacing", "found"),
    [
        ("a1111", "DPM++ 2M Karras", "", ("dpmpp_2m", "karras")),
        ("a1111", "DPM++ 2M", "Karras", ("dpmpp_2m", "karras")),
        ("a1111", "DPM++ 2M", "Automatic", ("dpmpp_2m", "")),
        ("a1111", "Euler a", "", ("euler_ancestral", "")),
        ("a1111", "Euler", "SGM Uniform", ("euler", "sgm_uniform")),
        ("a1111", "LCM", "", ("lcm", "")),
        ("comfyui", "dpmpp_2m", "karras", ("dpmpp_2m", "karras")),
        ("comfyui", "euler_ancestral", "normal", ("euler_ancestral", "normal")),
        ("comfyui", "ddim", "simple", ("ddim", "simple")),
    ],
)
def test_names_of_other_programs_are_found(
    program: str, sampler: str, spacing: str, found: tuple[str, str]
) -> None:
    assert find_sampler(program, sampler, spacing) == found


def test_for_flow_models_euler_ancestral_is_another_sampler() -> None:
    assert find_sampler("comfyui", "euler_ancestral", "simple", flow=True) == ("euler_ancestral_rf", "simple")
    assert find_sampler("comfyui", "euler", "simple", flow=True) == ("euler", "simple")


@pytest.mark.parametrize(
    ("program", "sampler", "spacing"),
    [
        ("a1111", "DPM++ 3M SDE Karras", ""),
        ("a1111", "Euler", "Beta"),
        ("a1111", "", ""),
        ("comfyui", "Euler a", ""),
    ],
)
def test_what_is_not_here_is_refused_by_name(program: str, sampler: str, spacing: str) -> None:
    with pytest.raises(UnknownNameError):
        find_sampler(program, sampler, spacing)


def test_all_of_them_lead_to_samplers_and_spacings_that_are_here() -> None:
    for program, names in SPACING_NAMES.items():
        assert set(names.values()) <= set(SPACINGS)
        for sampler in SAMPLERS.values():
            if getattr(sampler, program):
                assert find_sampler(program, getattr(sampler, program))[0] in SAMPLERS
