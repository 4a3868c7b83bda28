"""Euler, its ancestral form, DPM-Solver++ 2M and LCM: the rules of other programs, written out, and exact data."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.diffusion.levels import FlowMatching, Schedule, zero_terminal_snr
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.dpmpp_2m import DPMPP2M, DPMPP2MOptions
from studio.diffusion.samplers.euler import Euler, EulerAncestral, EulerAncestralOptions, EulerOptions
from studio.diffusion.samplers.euler_flow import EulerFlow, EulerFlowOptions
from studio.diffusion.samplers.lcm import LCM, LCMOptions
from studio.diffusion.schedules import cosine, scaled_linear
from studio.diffusion.spacings import visit
from tests.diffusion.analytic import KINDS, FixedNoise, Gaussian, denoiser, order, run, unit_noise, z_scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.diffusion.samplers.stepper import Sampler, State, StepNoise, Steps

DATA = Gaussian(0.8, 0.3)
ALL = pytest.mark.parametrize("schedule", KINDS, ids=lambda schedule: schedule.name)
SD, FLOW, TERMINAL = scaled_linear(), FlowMatching(shift=3.0), zero_terminal_snr(scaled_linear())
N = 12
NOISE = FixedNoise(tuple(unit_noise(100, seed) for seed in range(N)))


def end(sampler: Sampler[Any], schedule: Schedule, n: int = N, spacing: str = "karras") -> torch.Tensor:
    """Return the result of a run from a fixed start, in float64."""
    times = visit(schedule, n, spacing).times
    x = DATA.start(schedule, times[0], unit_noise(100, 99).double())
    kind = "v" if schedule is TERMINAL else None
    return run(sampler, denoiser(DATA, schedule, kind), x, times, NOISE)[-1].state.x


# ------------------------------------------------------------------------------------ the rules of other programs
# k-diffusion's sampling.py: x and sigma are x / alpha and sigma / alpha; for flow ComfyUI takes them as they are.


def theirs(
    rule: str, schedule: Schedule, *, eta: float = 1.0, n: int = N, spacing: str = "karras"
) -> torch.Tensor:
    times = visit(schedule, n, spacing).times
    alphas = [1.0 if schedule.name == "flow" else schedule.alpha(t) for t in times]
    sigmas = [schedule.sigma(t) / alpha for t, alpha in zip(times, alphas, strict=True)]
    x = DATA.start(schedule, times[0], unit_noise(100, 99).double()) / alphas[0]
    old = None
    for i, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
        denoised = DATA.x0(schedule, alphas[i] * x, times[i])
        z, d = NOISE.steps[i], (x - denoised) / sigma
        match rule:
            case "euler":
                x = x + d * (after - sigma)
            case "euler_ancestral":
                up = min(after, eta * (after**2 * (sigma**2 - after**2) / sigma**2) ** 0.5)
                down = (after**2 - up**2) ** 0.5
                x = x + d * (down - sigma) + (z * up if after > 0 else 0)
            case "dpmpp_2m":
                t, t_next = -math.log(sigma), -math.log(after) if after else math.inf
                h, d_now = t_next - t, denoised
                if old is not None and after > 0:
                    r = (t + math.log(sigmas[i - 1])) / h
                    d_now = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * old
                x = (after / sigma) * x - math.expm1(-h) * d_now
                old = denoised
            case "lcm":
                x = denoised
                if after > 0:
                    x = (1 - after) * x + after * z if schedule.name == "flow" else x + after * z
            case "euler_ancestral_rf":
                if after == 0:
                    x = denoised
                    continue
                down = after * (1 + (after / sigma - 1) * eta)
                renoise = (after**2 - down**2 * (1 - after) ** 2 / (1 - down) ** 2) ** 0.5
                x = (down / sigma) * x + (1 - down / sigma) * denoised
                x = (1 - after) / (1 - down) * x + z * renoise
    return alphas[-1] * x


RULES: list[tuple[str, Sampler[Any], Schedule]] = [
    ("euler", Euler(SD, EulerOptions()), SD),
    ("euler", Euler(FLOW, EulerOptions()), FLOW),
    ("euler_ancestral", EulerAncestral(SD, EulerAncestralOptions()), SD),
    ("dpmpp_2m", DPMPP2M(SD, DPMPP2MOptions()), SD),
    ("lcm", LCM(SD, LCMOptions()), SD),
    ("lcm", LCM(FLOW, LCMOptions()), FLOW),
    ("euler_ancestral_rf", EulerFlow(FLOW, EulerFlowOptions()), FLOW),
]


@pytest.mark.parametrize(
    ("rule", "sampler", "schedule"), RULES, ids=lambda value: str(getattr(value, "name", value))
)
def test_a_run_is_that_of_the_other_programs(rule: str, sampler: Sampler[Any], schedule: Schedule) -> None:
    got = end(sampler, schedule)
    torch.testing.assert_close(got, theirs(rule, schedule), atol=2e-5, rtol=0)
    others = {"euler", "euler_ancestral", "dpmpp_2m", "lcm"} - {rule}
    for other in others if schedule is SD else {"euler", "lcm"} - {rule}:
        assert (got - theirs(other, schedule)).abs().max() > 1e-3


def test_less_fresh_noise_is_theirs_too() -> None:
    for eta in (0.0, 0.5):
        ancestral = EulerAncestral(SD, EulerAncestralOptions(eta=eta))
        torch.testing.assert_close(
            end(ancestral, SD), theirs("euler_ancestral", SD, eta=eta), atol=2e-5, rtol=0
        )
        flow = EulerFlow(FLOW, EulerFlowOptions(eta=eta))
        torch.testing.assert_close(
            end(flow, FLOW), theirs("euler_ancestral_rf", FLOW, eta=eta), atol=2e-5, rtol=0
        )


@ALL
def test_euler_is_ddim_and_its_ancestral_form_ddpm(schedule: Schedule) -> None:
    torch.testing.assert_close(
        end(Euler(schedule, EulerOptions()), schedule), end(DDIM(schedule, DDIMOptions()), schedule)
    )
    ancestral = end(EulerAncestral(schedule, EulerAncestralOptions()), schedule)
    torch.testing.assert_close(ancestral, end(DDPM(schedule, DDPMOptions()), schedule), atol=1e-6, rtol=0)
    beta = end(DDPM(schedule, DDPMOptions(variance="beta")), schedule)
    assert (ancestral - beta).abs().max() > 1e-3


# ---------------------------------------------------------------------------------------------------- exact data
class FirstOrder(DPMPP2M):
    """Wrong: forgets what it predicted before."""

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        reached = yield from super().step(state, t, s, noise)
        return type(reached)(reached.x, reached.index, reached.times)


class WrongStride(DPMPP2M):
    """Wrong: takes the two strides for equal."""

    def _extrapolated(self, state: State, x0_hat: torch.Tensor, t: float, s: float) -> torch.Tensor:
        if s < 0 or not state.history:
            return x0_hat
        return 1.5 * x0_hat - 0.5 * state.history[-1][1]


STEPS = (24, 48, 96)


def error_order(kind: type[Sampler[Any]], schedule: Schedule) -> float:
    """Return the order of the error at a fixed level, where the flow's exact solution is known."""
    z = torch.linspace(-2, 2, 41, dtype=torch.float64).view(1, 1, 1, 41)
    first, last, errors = 900, 200, []
    mean, variance = DATA.marginal(schedule, last)
    for n in STEPS:
        # Long and short strides in turn: with equal ones the weights of the second order would not be tested.
        strides = [2 - place % 2 for place in range(n)]
        taken = itertools.accumulate(strides, initial=0)
        times = tuple(first - (first - last) * done / sum(strides) for done in taken)
        model = denoiser(DATA, schedule)
        reached = run(kind(schedule, kind.Options()), model, DATA.start(schedule, first, z), (*times, -1))[-2]
        errors.append((reached.state.x - mean - math.sqrt(variance) * z).square().mean().sqrt().item())
    return order(STEPS, errors)


@pytest.fixture
def _float64() -> Iterator[None]:
    """Call the model with times in float64: rounded to float32 they would hide the order of the error."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("schedule", [cosine(), SD, FLOW], ids=lambda schedule: schedule.name)
def test_dpm_solver_converges_with_order_two_and_euler_with_one(schedule: Schedule) -> None:
    assert 1.9 < error_order(DPMPP2M, schedule) < 2.1
    for first_order in (Euler, FirstOrder, WrongStride):
        assert 0.85 < error_order(first_order, schedule) < 1.15


def lcm_recursion(schedule: Schedule, times: tuple[float, ...], late: int = 0) -> tuple[float, float]:
    """Return mean and variance of LCM's own result for Gaussian data: each of its steps is linear in x."""
    mean, variance = DATA.marginal(schedule, times[0])
    for t, s in itertools.pairwise(times):
        gain, shift = DATA.tweedie(schedule, t)
        mean, variance = gain * mean + shift, gain**2 * variance
        if s >= 0:
            alpha, sigma = schedule.alpha(s + late), schedule.sigma(s + late)
            mean, variance = alpha * mean, alpha**2 * variance + sigma**2
    return mean, variance


@ALL
def test_lcm_has_the_moments_of_its_own_recursion(schedule: Schedule) -> None:
    times = visit(schedule, 4, "sgm_uniform").times
    start = DATA.start(schedule, times[0], unit_noise())
    x = run(LCM(schedule, LCMOptions()), denoiser(DATA, schedule), start, times)[-1].state.x
    assert max(map(abs, z_scores(x, *lcm_recursion(schedule, times)))) < 4
    assert max(map(abs, z_scores(x, *lcm_recursion(schedule, times, late=-100)))) > 4


# -------------------------------------------------------------------------------------------------- no last signal
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_schedule_without_any_last_signal_is_sampled_too(name: str) -> None:
    sampler = SAMPLERS[name](TERMINAL, SAMPLERS[name].Options())
    for spacing in ("trailing", "karras"):
        x = end(sampler, TERMINAL, spacing=spacing)
        assert bool(x.isfinite().all())
        assert x.mean().item() == pytest.approx(DATA.mean, abs=0.3)


def test_no_two_samplers_have_the_name_of_another_program_for_the_same_schedules() -> None:
    named = [(kind.a1111, kind.comfyui) for name, kind in SAMPLERS.items() if name != "euler_ancestral_rf"]
    for names in zip(*named, strict=True):
        given = [name for name in names if name]
        assert len(set(given)) == len(given)
    assert (SAMPLERS["dpmpp_2m"].a1111, SAMPLERS["dpmpp_2m"].comfyui) == ("DPM++ 2M", "dpmpp_2m")
    assert SAMPLERS["euler_ancestral_rf"].comfyui == SAMPLERS["euler_ancestral"].comfyui
