"""Two modes: every sampler's bias in weight, mean and variance goes away as its steps get smaller."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import pytest

from studio.diffusion.levels import EDM, FlowMatching
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.langevin import AnnealedLangevin, LangevinOptions
from studio.diffusion.samplers.predictor_corrector import PredictorCorrector, PredictorCorrectorOptions
from studio.diffusion.schedules import Schedule, cosine, linear
from studio.diffusion.spacings import visit_times
from tests.diffusion.analytic import Gaussian, Mixture, denoiser, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.diffusion.samplers.stepper import Sampler, State, StepNoise, Steps

DATA = Mixture((0.3, 0.7), (Gaussian(-0.8, 0.05), Gaussian(0.6, 0.1)))
CUT = -0.2
SAMPLES = 150_000
WEIGHT = sum(
    weight * NormalDist(part.mean, math.sqrt(part.variance)).cdf(CUT)
    for weight, part in zip(DATA.weights, DATA.parts, strict=True)
)
MEAN = 0.3 * -0.8 + 0.7 * 0.6
VARIANCE = 0.3 * (0.64 + 0.05) + 0.7 * (0.36 + 0.1) - MEAN**2
GONE = [
    3 * error
    for error in (
        math.sqrt(WEIGHT * (1 - WEIGHT) / SAMPLES),
        math.sqrt(VARIANCE / SAMPLES),
        VARIANCE * math.sqrt(2 / SAMPLES),
    )
]
BOTH = pytest.mark.parametrize("schedule", [linear(), cosine()], ids=lambda schedule: schedule.name)


class WrongNoise(AnnealedLangevin):
    """Wrong: sqrt(2 delta) z."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        return (yield from super().step(state, t, s, lambda number: math.sqrt(2.0) * noise(number)))


class WrongVariance(DDPM):
    """Wrong: scales the noise by its variance, not by the root of it."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        root = math.sqrt(self.schedule.var(t, s))
        return (yield from super().step(state, t, s, lambda number: root * noise(number)))


def biases(sampler: Sampler, schedule: Schedule, n: int, late: int = 0) -> list[float]:
    """Return by how much weight, mean and variance of the samples miss those of the data."""
    times = visit_times(1000, n, "trailing")
    start = DATA.draw(schedule, times[0], (1, 1, 300, SAMPLES // 300))
    x = run(sampler, denoiser(DATA, schedule, late=late), start, times)[-1].state.x.double().flatten()
    reached = ((x < CUT).double().mean().item(), x.mean().item(), x.var().item())
    return [abs(got - true) for got, true in zip(reached, (WEIGHT, MEAN, VARIANCE), strict=True)]


def bias_goes_away(sampler: Sampler, schedule: Schedule, n: int, late: int = 0) -> bool:
    """Tell whether each bias shrinks each time the step is halved, and by two fifths or more after two halvings.

    A bias within three standard errors of nought has gone.
    """
    whole, half, quarter = (biases(sampler, schedule, steps, late) for steps in (n, 2 * n, 4 * n))
    return all(
        b < max(a, gone) and c < max(b, gone) and c < max(0.6 * a, gone)
        for a, b, c, gone in zip(whole, half, quarter, GONE, strict=True)
    )


RIGHT: dict[str, tuple[Callable[[Schedule], Sampler], int]] = {
    "ddim": (lambda schedule: DDIM(schedule, DDIMOptions()), 10),
    "ddpm": (lambda schedule: DDPM(schedule, DDPMOptions()), 10),
    "langevin": (lambda schedule: AnnealedLangevin(schedule, LangevinOptions(passes=1, coefficient=1.0)), 20),
    "pc": (lambda schedule: PredictorCorrector(schedule, PredictorCorrectorOptions()), 10),
}
WRONG: dict[str, tuple[Callable[[Schedule], Sampler], int, int]] = {
    "ddim asking late": (RIGHT["ddim"][0], 10, 40),
    "ddpm with its variance as scale": (lambda schedule: WrongVariance(schedule, DDPMOptions()), 10, 0),
    "langevin asking early": (RIGHT["langevin"][0], 20, -50),
    "langevin with twice the noise": (
        lambda schedule: WrongNoise(schedule, LangevinOptions(passes=1, coefficient=1.0)),
        20,
        0,
    ),
}


@BOTH
@pytest.mark.parametrize("name", RIGHT)
def test_bias_in_weight_mean_and_variance_shrinks_when_the_step_is_halved(
    schedule: Schedule, name: str
) -> None:
    make, n = RIGHT[name]
    assert bias_goes_away(make(schedule), schedule, n)


@pytest.mark.parametrize("schedule", [FlowMatching(shift=3.0), EDM()], ids=lambda schedule: schedule.name)
def test_so_it_does_on_other_kinds_of_schedules_and_that_of_a_wrong_sampler_does_not(
    schedule: Schedule,
) -> None:
    for name in ("ddim", "ddpm"):
        make, n = RIGHT[name]
        assert bias_goes_away(make(schedule), schedule, n)
    make, n, late = WRONG["ddpm with its variance as scale"]
    assert not bias_goes_away(make(schedule), schedule, n, late)


@BOTH
@pytest.mark.parametrize("name", WRONG)
def test_that_of_a_wrong_sampler_does_not(schedule: Schedule, name: str) -> None:
    make, n, late = WRONG[name]
    assert not bias_goes_away(make(schedule), schedule, n, late)


@BOTH
def test_a_corrector_pass_lessens_what_the_predictor_got_wrong(schedule: Schedule) -> None:
    alone, corrected = (
        biases(PredictorCorrector(schedule, PredictorCorrectorOptions(corrector_steps=passes)), schedule, 20)
        for passes in (0, 1)
    )
    assert all(after < before for before, after in zip(alone, corrected, strict=True))
