"""A second implementation: diffusers' own schedulers, step by step, with the same noise and the same model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import pytest
import torch
from diffusers.schedulers import scheduling_ddpm
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.utils.torch_utils import randn_tensor

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.noise import Noise
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.schedules import SCHEDULES, Schedule
from studio.diffusion.spacings import visit_times
from tests.diffusion.analytic import ClosedForm, FixedNoise, Gaussian, Mixture, denoiser, run

if TYPE_CHECKING:
    from studio.diffusion.prediction import PredictionKind
    from studio.diffusion.samplers.stepper import Sampler, State, StepNoise, Steps

DATA = Mixture((0.3, 0.7), (Gaussian(-0.7, 0.04), Gaussian(0.5, 0.02)))
BETAS = {
    "linear": {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "scaled_linear": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
}
SAMPLED = {
    "ddim": (DDIM, DDIMOptions()),
    "ddim eta 0.5": (DDIM, DDIMOptions(eta=0.5)),
    "ddim eta 1": (DDIM, DDIMOptions(eta=1.0)),
    "ddpm posterior": (DDPM, DDPMOptions(variance="posterior")),
    "ddpm beta": (DDPM, DDPMOptions(variance="beta")),
}
SCHEDULE_NAMES = pytest.mark.parametrize("name", SCHEDULES)
Theirs: TypeAlias = DDIMScheduler | DDPMScheduler
KINDS = pytest.mark.parametrize("kind", ["eps", "v"])


def theirs(name: str, which: str, kind: str, spacing: str, n: int) -> Theirs:
    """Return diffusers' scheduler for the same thing, its times set."""
    config = {
        **BETAS[name],
        "prediction_type": {"eps": "epsilon", "v": "v_prediction"}[kind],
        "clip_sample": False,
        "timestep_spacing": spacing,
    }
    if which.startswith("ddim"):
        scheduler: Theirs = DDIMScheduler(**config)
    else:
        variance_type = {"ddpm posterior": "fixed_small", "ddpm beta": "fixed_large"}[which]
        scheduler = DDPMScheduler(**config, variance_type=variance_type)
    scheduler.set_timesteps(n)
    return scheduler


def noises(n: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    """Return x_T and the noise of n steps, the last of which is nought, as clean data takes none in.

    diffusers adds noise at the last step too, where that does not reach its t = 0.
    """
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(1, 1, 6, 6, generator=generator, dtype=dtype) for _ in range(n)]
    return (*draws, torch.zeros(1, 1, 6, 6, dtype=dtype))


def their_step(
    scheduler: Theirs, output: torch.Tensor, t: int, x: torch.Tensor, eta: float, z: torch.Tensor
) -> torch.Tensor:
    if isinstance(scheduler, DDIMScheduler):
        return scheduler.step(output, t, x, eta=eta, variance_noise=z if eta > 0 else None).prev_sample
    with pytest.MonkeyPatch.context() as patch:  # it takes no noise from outside
        patch.setattr(scheduling_ddpm, "randn_tensor", lambda *args, **kwargs: z)
        return scheduler.step(output, t, x).prev_sample


def disagreement(
    name: str,
    which: str,
    kind: PredictionKind,
    spacing: str,
    n: int,
    *,
    ours: Sampler | None = None,
    exact_tables: bool = False,
) -> float:
    """Return the largest difference of any state of a whole run.

    With ``exact_tables`` all is float64 and diffusers is handed the table of alpha_bar, which it rounds to float32.
    """
    schedule: Schedule = SCHEDULES[name]()
    sampler, options = SAMPLED[which]
    start, *draws = noises(n, torch.float64 if exact_tables else torch.float32)
    times = visit_times(1000, n, spacing)
    scheduler = theirs(name, which, kind, spacing, n)
    if exact_tables:
        scheduler.alphas_cumprod = torch.tensor(schedule.alpha_bar, dtype=torch.float64)
    assert tuple(scheduler.timesteps.tolist()) == times[:-1]
    backbone, x, worst = ClosedForm(DATA, schedule, kind), start, 0.0
    steps = run(
        ours or sampler(schedule, options),
        denoiser(DATA, schedule, kind),
        start,
        times,
        FixedNoise(tuple(draws)),
    )
    for step, z in zip(steps, draws, strict=True):
        output = backbone(x, torch.tensor([step.t]), Conditioning())
        x = their_step(scheduler, output, step.t, x, getattr(options, "eta", 0.0), z)
        worst = max(worst, (x - step.state.x).abs().max().item())
    return worst


@SCHEDULE_NAMES
@KINDS
@pytest.mark.parametrize("which", SAMPLED)
@pytest.mark.parametrize(("spacing", "n"), [("leading", 30), ("trailing", 50)])
def test_every_step_of_a_run_is_theirs(
    name: str, kind: PredictionKind, which: str, spacing: str, n: int
) -> None:
    assert disagreement(name, which, kind, spacing, n) < 1e-5


@SCHEDULE_NAMES
@pytest.mark.parametrize("which", ["ddpm posterior", "ddpm beta"])
def test_so_is_every_step_of_all_thousand(name: str, which: str) -> None:
    assert disagreement(name, which, "v", "trailing", 1000, exact_tables=True) < 1e-5


@SCHEDULE_NAMES
@KINDS
def test_a_wrong_variance_and_a_time_off_by_one_are_not_theirs(name: str, kind: PredictionKind) -> None:
    schedule = SCHEDULES[name]()
    assert (
        disagreement(
            name, "ddpm posterior", kind, "leading", 30, ours=DDPM(schedule, SAMPLED["ddpm beta"][1])
        )
        > 1e-5
    )

    class Late(DDIM):
        def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
            return (yield from super().step(state, t, s + 1 if s >= 0 else s, noise))

    assert disagreement(name, "ddim", kind, "leading", 30, ours=Late(schedule, DDIMOptions())) > 1e-5


@SCHEDULE_NAMES
def test_the_table_of_alpha_bar_is_theirs_before_rounding(name: str) -> None:
    rounded = DDPMScheduler(**BETAS[name]).alphas_cumprod.double()
    table = torch.tensor(SCHEDULES[name]().alpha_bar, dtype=torch.float64)
    torch.testing.assert_close(table, rounded, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(table.roll(1), rounded, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("spacing", "n"), [("leading", 7), ("leading", 30), ("trailing", 25), ("linspace", 30)]
)
def test_the_times_visited_are_theirs(spacing: str, n: int) -> None:
    assert (
        tuple(theirs("linear", "ddim", "eps", spacing, n).timesteps.tolist())
        == visit_times(1000, n, spacing)[:-1]
    )


@SCHEDULE_NAMES
@KINDS
@pytest.mark.parametrize("which", SAMPLED)
def test_with_linspace_every_step_is_that_of_the_papers(name: str, kind: PredictionKind, which: str) -> None:
    # diffusers steps to t - T // n there, which is not the next time visited; the papers' formulas are the reference.
    schedule, (sampler, options) = SCHEDULES[name](), SAMPLED[which]
    start, *draws = noises(30, torch.float64)
    times = visit_times(1000, 30, "linspace")
    steps = run(
        sampler(schedule, options), denoiser(DATA, schedule, kind), start, times, FixedNoise(tuple(draws))
    )
    x, off_by_one = start, 0.0
    for step, z in zip(steps, draws, strict=True):
        expected = reference(schedule, which, getattr(options, "eta", 0.0), x, step.t, step.s, z)
        torch.testing.assert_close(step.state.x, expected, atol=1e-5, rtol=0)
        wrong = reference(schedule, which, getattr(options, "eta", 0.0), x, step.t, step.t - 1000 // 30, z)
        off_by_one = max(off_by_one, (step.state.x - wrong).abs().max().item())
        x = step.state.x
    assert off_by_one > 1e-5


def reference(
    schedule: Schedule, which: str, eta: float, x: torch.Tensor, t: int, s: int, z: torch.Tensor
) -> torch.Tensor:
    """Return x_s by Song et al. 2021, equation 12, or by Bayes' rule, in float64."""
    s = max(s, -1)
    bar_t, bar_s = schedule.alpha_bar_at(t), schedule.alpha_bar_at(s)
    x0, eps = DATA.x0(schedule, x, t), DATA.eps(schedule, x, t)
    if s == -1:
        return x0
    if which.startswith("ddim"):
        fresh = eta * math.sqrt((1 - bar_s) / (1 - bar_t)) * math.sqrt(1 - bar_t / bar_s)
        return math.sqrt(bar_s) * x0 + math.sqrt(1 - bar_s - fresh**2) * eps + fresh * z
    prior, likelihood = 1 / (1 - bar_s), bar_t / bar_s / (1 - bar_t / bar_s)
    mean = (prior * math.sqrt(bar_s) * x0 + likelihood * x / math.sqrt(bar_t / bar_s)) / (prior + likelihood)
    variance = 1 - bar_t / bar_s if which == "ddpm beta" else 1 / (prior + likelihood)
    return mean + math.sqrt(variance) * z


def test_pictures_start_from_the_noise_theirs_start_from() -> None:
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in (40, 41, 42)]
    assert torch.equal(
        Noise([40, 41, 42], (4, 8, 8)).initial(), randn_tensor((3, 4, 8, 8), generator=generators)
    )
