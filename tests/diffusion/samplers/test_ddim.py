from __future__ import annotations

import itertools
import math

import pytest
import torch

from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.stepper import State, StepNoise, Steps
from studio.diffusion.schedules import Schedule, cosine
from studio.diffusion.spacings import visit, visit_times
from tests.diffusion.analytic import KINDS, FixedNoise, Gaussian, denoiser, order, run, unit_noise, z_scores

DATA = Gaussian(0.8, 2.0)
ALL = pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
STEPS = (20, 25, 40, 50, 100, 125, 200)


class OneTimeLate(DDIM):
    """Wrong: lands one time above the one it says it reached."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        return (yield from super().step(state, t, s + 1 if 0 <= s < t - 1 else s, noise))


class WrongVariance(DDIM):
    """Wrong: keeps the variance of the noise where its scale belongs."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        reached = yield from super().step(state, t, s, noise)
        sigma = self.schedule.sigma(s)
        eps = DATA.eps(self.schedule, state.x, t)
        return State(reached.x + (sigma**2 - sigma) * eps, reached.index, reached.times)


def ends(schedule: Schedule, kind: type[DDIM] = DDIM, late: int = 0) -> dict[int, float]:
    """Return for each number of steps the root mean square distance to the exact flow's end."""
    z = torch.linspace(-2, 2, 41, dtype=torch.float64).view(1, 1, 1, 41)
    exact = DATA.mean + math.sqrt(DATA.variance) * z
    errors, reached = dict[int, float](), dict[int, torch.Tensor]()
    for n in STEPS:
        times = visit_times(1000, n, "trailing")
        start = DATA.start(schedule, times[0], z)
        steps = run(kind(schedule, DDIMOptions()), denoiser(DATA, schedule, late=late), start, times)
        reached[n] = steps[-1].state.x
        errors[n] = (reached[n] - exact).square().mean().sqrt().item()
    # Richardson: two runs of a method of order one cancel one another's error and leave what does not go away.
    errors[0] = (2 * reached[200] - reached[100] - exact).square().mean().sqrt().item()
    return errors


def is_of_order_one(errors: dict[int, float]) -> bool:
    return 0.85 <= order(STEPS, [errors[n] for n in STEPS]) <= 1.15 and errors[0] < 1e-3


@ALL
def test_ddim_converges_with_order_one_to_the_exact_flow(schedule: Schedule) -> None:
    assert is_of_order_one(ends(schedule))


@ALL
@pytest.mark.parametrize(("kind", "late"), [(DDIM, 1), (DDIM, -1), (OneTimeLate, 0), (WrongVariance, 0)])
def test_a_time_off_by_one_and_a_wrong_variance_do_not(
    schedule: Schedule, kind: type[DDIM], late: int
) -> None:
    assert not is_of_order_one(ends(schedule, kind, late))


@ALL
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras"])
def test_ddim_with_eta_one_is_the_ddpm_posterior_step(schedule: Schedule, spacing: str) -> None:
    times = visit(schedule, 25, spacing).times
    noise = FixedNoise(tuple(unit_noise(100, seed) for seed in range(25)))
    model = denoiser(Gaussian(0.3, 0.5), schedule, None if schedule.name == "edm" else "v")
    state = State(schedule.start_scale(times[0]) * unit_noise(100, 99), 0, times)
    for _ in range(25):
        ddim, ddpm, wrong = (
            run(sampler, model, state.x, (state.t, state.s), FixedNoise(noise.steps[state.index :]))[
                -1
            ].state.x
            for sampler in (
                DDIM(schedule, DDIMOptions(eta=1.0)),
                DDPM(schedule, DDPMOptions(variance="posterior")),
                DDPM(schedule, DDPMOptions(variance="beta")),
            )
        )
        scale = max(schedule.sigma(state.t), 1.0)
        torch.testing.assert_close(ddim, ddpm, atol=1e-6 * scale, rtol=0)
        if 0 <= state.s < 900:  # at the noisy end the two variances meet
            assert (ddim - wrong).abs().max() > 1e-6
        state = state.advance(ddpm)


def recursion(schedule: Schedule, times: tuple[float, ...], eta: float) -> tuple[float, float]:
    """Return mean and variance of DDIM's own result for Gaussian data: each of its steps is linear in x."""
    mean, variance = DATA.marginal(schedule, times[0])
    for t, s in itertools.pairwise(times):
        alpha_t, sigma_t, alpha_s, sigma_s = (
            schedule.alpha(t),
            schedule.sigma(t),
            schedule.alpha(s),
            schedule.sigma(s),
        )
        fresh = eta * (sigma_s / sigma_t) * math.sqrt(sigma_t**2 - (alpha_t / alpha_s * sigma_s) ** 2)
        kept = math.sqrt(sigma_s**2 - fresh**2)
        gain_0, shift_0 = DATA.tweedie(schedule, t)
        gain = alpha_s * gain_0 + kept * (1 - alpha_t * gain_0) / sigma_t
        shift = alpha_s * shift_0 - kept * alpha_t * shift_0 / sigma_t
        mean, variance = gain * mean + shift, gain**2 * variance + fresh**2
    return mean, variance


@ALL
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_samples_have_the_moments_of_the_samplers_own_recursion(schedule: Schedule, eta: float) -> None:
    times = visit_times(1000, 30, "trailing")
    start = DATA.start(schedule, times[0], unit_noise())
    end = run(DDIM(schedule, DDIMOptions(eta=eta)), denoiser(DATA, schedule), start, times)[-1].state.x
    assert max(map(abs, z_scores(end, *recursion(schedule, times, eta)))) < 4
    wrong_variance = recursion(schedule, times, 1.0 if eta < 1.0 else 0.0)
    assert max(map(abs, z_scores(end, *wrong_variance))) > 4


def test_without_eta_no_noise_is_drawn() -> None:
    schedule = cosine()

    class Refusing:
        def at(self, step: int) -> StepNoise:
            def draw(number: int) -> torch.Tensor:
                raise AssertionError("drawn")

            return draw

    times = visit_times(1000, 5, "trailing")
    assert (
        len(run(DDIM(schedule, DDIMOptions()), denoiser(DATA, schedule), unit_noise(100), times, Refusing()))
        == 5
    )
    with pytest.raises(AssertionError, match="drawn"):
        run(
            DDIM(schedule, DDIMOptions(eta=0.1)), denoiser(DATA, schedule), unit_noise(100), times, Refusing()
        )


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_last_step_returns_x0_hat(eta: float) -> None:
    schedule = cosine()
    last = run(
        DDIM(schedule, DDIMOptions(eta=eta)),
        denoiser(DATA, schedule),
        unit_noise(100),
        visit_times(1000, 3, "trailing"),
    )[-1]
    assert last.s == -1
    assert torch.equal(last.state.x, last.x0_hat)
