from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import pytest

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.ddim import DDIMOptions
from studio.diffusion.samplers.langevin import LangevinOptions
from studio.diffusion.samplers.options import parse
from studio.diffusion.samplers.predictor_corrector import PredictorCorrectorOptions
from studio.errors import RequestError, UnknownNameError

BLOCKED = """
import sys
sys.modules["torch"] = sys.modules["numpy"] = None
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS, visit_times
for sampler in SAMPLERS.values():
    sampler.Options()
visit_times(1000, 30, "trailing")
"""


def test_samplers_their_options_and_spacings_need_no_torch() -> None:
    subprocess.run([sys.executable, "-c", BLOCKED], check=True, timeout=60)


def test_the_block_blocks() -> None:
    code = BLOCKED + "import studio.diffusion.samplers.drive"
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)
    assert b"import of torch halted" in result.stderr


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_can_be_shown_by_what_it_says_of_itself(name: str) -> None:
    sampler = SAMPLERS[name]
    assert sampler.name == name
    assert sampler.title
    assert sampler.summary.count(".") == 1
    assert "arXiv" in sampler.paper
    for field in dataclasses.fields(sampler.Options):
        assert field.metadata["label"]
        assert field.metadata["help"].endswith(".")
        if "choices" in field.metadata:
            assert field.default in field.metadata["choices"]
        else:
            assert field.metadata["minimum"] <= field.default <= field.metadata["maximum"]
            assert field.metadata["step"] > 0


def test_options_are_values() -> None:
    assert DDIMOptions(eta=0.5) == DDIMOptions(eta=0.5)
    assert hash(DDIMOptions(eta=1)) == hash(DDIMOptions(eta=1.0))
    assert repr(DDIMOptions(eta=1)) == "DDIMOptions(eta=1.0)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        DDIMOptions().eta = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("eta", [-0.01, 1.01, math.nan, math.inf, "1", None, True, 10**400])
def test_a_number_out_of_range_names_its_field(eta: float) -> None:
    with pytest.raises(RequestError, match="eta must be a number from 0 to 1, not") as caught:
        DDIMOptions(eta=eta)
    assert caught.value.field == "eta"


@pytest.mark.parametrize("passes", [0, 101, 2.0, True, "5"])
def test_a_whole_number_must_be_one(passes: int) -> None:
    with pytest.raises(RequestError, match="passes must be a whole number from 1 to 100"):
        LangevinOptions(passes=passes)


def test_a_choice_must_be_among_the_choices() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ddim'"):
        PredictorCorrectorOptions(predictor="dim")
    with pytest.raises(RequestError, match="predictor must be one of ddim, ddpm"):
        PredictorCorrectorOptions(predictor=3)  # type: ignore[arg-type]


def test_options_are_built_from_names_and_values() -> None:
    assert parse(DDIMOptions, {"eta": 1}) == DDIMOptions(eta=1.0)
    assert parse(DDIMOptions, {}) == DDIMOptions()
    with pytest.raises(UnknownNameError, match="option 'etta' is not known; did you mean 'eta'"):
        parse(DDIMOptions, {"etta": 1})
