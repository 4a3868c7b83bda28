from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from studio.diffusion.denoiser import Denoiser
from studio.diffusion.noise import Noise
from studio.diffusion.prediction import score_from_eps
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.langevin import langevin_update
from studio.diffusion.samplers.predictor_corrector import (
    PredictorCorrector,
    PredictorCorrectorOptions,
    _norm,
)
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.diffusion.schedules import Schedule, cosine, linear
from studio.diffusion.spacings import visit_times
from tests.diffusion.analytic import Gaussian, denoiser, run, unit_noise, z_scores

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.denoiser import Backbone

DATA = Gaussian(0.8, 0.3)
BOTH = pytest.mark.parametrize("schedule", [linear(), cosine()], ids=lambda schedule: schedule.name)
SMALL_NOISE = Noise([11], (1, 100, 1))


@pytest.mark.parametrize("predictor", ["ddim", "ddpm"])
def test_without_passes_it_is_its_predictor(predictor: str) -> None:
    schedule, times = cosine(), visit_times(1000, 6, "trailing")
    alone: dict[str, Sampler] = {"ddim": DDIM(schedule, DDIMOptions()), "ddpm": DDPM(schedule, DDPMOptions())}
    options = PredictorCorrectorOptions(predictor=predictor, corrector_steps=0)
    model, x = denoiser(DATA, schedule), unit_noise(100)
    expected = run(alone[predictor], model, x, times, SMALL_NOISE)
    got = run(PredictorCorrector(schedule, options), model, x, times, SMALL_NOISE)
    assert torch.equal(got[-1].state.x, expected[-1].state.x)


def test_a_step_costs_one_call_and_its_passes_but_the_last_only_one() -> None:
    schedule, times = cosine(), visit_times(1000, 4, "trailing")
    sampler = PredictorCorrector(schedule, PredictorCorrectorOptions(corrector_steps=3))
    steps = run(sampler, denoiser(DATA, schedule), unit_noise(100), times)
    assert [step.model_calls for step in steps] == [4, 4, 4, 1]
    assert torch.equal(steps[-1].state.x, steps[-1].x0_hat)


def recursion(
    schedule: Schedule, times: tuple[int, ...], options: PredictorCorrectorOptions
) -> tuple[float, float]:
    """Return mean and variance of the sampler's own result for Gaussian data, with the predictor DDIM at eta 0.

    Of a picture with very many numbers, |z|^2 and |score|^2 are those numbers times their expectations, so that the
    step size is known beforehand and each pass is linear in x.
    """
    m, v = DATA.marginal(schedule, times[0])
    for t, s in itertools.pairwise(times):
        gain_0, shift_0 = DATA.tweedie(schedule, t)
        ratio = schedule.sigma(s) / schedule.sigma(t)
        of_x0 = schedule.alpha(s) - ratio * schedule.alpha(t)
        m, v = (of_x0 * gain_0 + ratio) * m + of_x0 * shift_0, (of_x0 * gain_0 + ratio) ** 2 * v
        if s < 0:
            break
        level_mean, level_variance = DATA.marginal(schedule, s)
        for _ in range(options.corrector_steps):
            score_square = (v + (m - level_mean) ** 2) / level_variance**2
            e = 2 * options.snr**2 / score_square
            kept = 1 - e / level_variance
            m, v = kept * m + (1 - kept) * level_mean, kept**2 * v + 2 * e
    return m, v


@BOTH
@pytest.mark.parametrize(
    "options", [PredictorCorrectorOptions(), PredictorCorrectorOptions(corrector_steps=3, snr=0.3)]
)
def test_samples_have_the_moments_of_the_samplers_own_recursion(
    schedule: Schedule, options: PredictorCorrectorOptions
) -> None:
    times = visit_times(1000, 30, "trailing")
    start = DATA.start(schedule, times[0], unit_noise())
    end = run(PredictorCorrector(schedule, options), denoiser(DATA, schedule), start, times)[-1].state.x
    assert max(map(abs, z_scores(end, *recursion(schedule, times, options)))) < 4
    wrong = PredictorCorrectorOptions(corrector_steps=options.corrector_steps, snr=options.snr * 2**0.5)
    assert max(map(abs, z_scores(end, *recursion(schedule, times, wrong)))) > 4


@BOTH
def test_passes_bring_the_moments_nearer_to_the_data(schedule: Schedule) -> None:
    times = visit_times(1000, 30, "trailing")
    misses = []
    for passes in (0, 1, 2):
        mean, variance = recursion(schedule, times, PredictorCorrectorOptions(corrector_steps=passes))
        misses.append(abs(mean - DATA.mean) + abs(variance - DATA.variance))
    assert misses == sorted(misses, reverse=True)


def corrected(x: torch.Tensor) -> torch.Tensor:
    """Take one step with one pass, seed 11 and following."""
    schedule = cosine()
    noise = Noise(range(11, 11 + len(x)), x.shape[1:])
    sampler = PredictorCorrector(schedule, PredictorCorrectorOptions(snr=0.5))
    return run(sampler, denoiser(DATA, schedule), x, (500, 400, -1), noise)[0].state.x


def test_a_picture_does_not_depend_on_its_neighbours() -> None:
    x = unit_noise(400).view(1, 1, 20, 20)
    for neighbour in (x, 50.0 * x):
        torch.testing.assert_close(corrected(torch.cat([x, neighbour]))[:1], corrected(x), atol=1e-6, rtol=0)


def test_norms_over_the_batch_would_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    x = unit_noise(400).view(1, 1, 20, 20)
    alone = corrected(x)
    monkeypatch.setattr(
        "studio.diffusion.samplers.predictor_corrector._norm",
        lambda x: x.flatten(1).norm(dim=1).mean().view(1, 1, 1, 1),
    )
    assert (corrected(torch.cat([x, 50.0 * x]))[:1] - alone).abs().max() > 1e-3


def test_the_predictor_and_every_pass_draw_noise_of_their_own() -> None:
    drawn: list[int] = []

    class Listening:
        def at(self, step: int) -> StepNoise:
            def draw(number: int) -> torch.Tensor:
                drawn.append(number)
                return SMALL_NOISE.at(step)(number)

            return draw

    schedule = cosine()
    options = PredictorCorrectorOptions(predictor="ddpm", corrector_steps=2)
    run(
        PredictorCorrector(schedule, options),
        denoiser(DATA, schedule),
        unit_noise(100),
        (500, 400, -1),
        Listening(),
    )
    assert drawn == [0, 1, 2]


def test_the_state_is_a_value_that_a_step_leaves_alone() -> None:
    schedule, x = cosine(), unit_noise(100)
    state = State(x.clone(), 3, (500, 400, -1), first=3)
    run(
        PredictorCorrector(schedule, PredictorCorrectorOptions()),
        denoiser(DATA, schedule),
        state.x,
        state.times,
    )
    assert torch.equal(state.x, x)


# ------------------------------------------------------------------------------------------------- a score of zero


def zero_score(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
    """Predict eps = 0 for the first picture, as a network with a zero-initialised last layer does."""
    return torch.cat([torch.zeros_like(x[:1]), 0.5 * x[1:]])


def tiny_score(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
    """Predict next to nothing for the first picture, as such a network does after a few steps of training."""
    return torch.cat([1e-12 * x[:1], 0.5 * x[1:]])


def step_with_zero_score(kind: type[PredictorCorrector], backbone: Backbone = zero_score) -> torch.Tensor:
    schedule, x = cosine(), unit_noise(400).view(1, 1, 20, 20)
    x = torch.cat([x, x])
    noise = Noise(range(11, 13), x.shape[1:])
    model = Denoiser(backbone, schedule, "eps")
    return run(kind(schedule, PredictorCorrectorOptions()), model, x, (500, 400, -1), noise)[0].state.x


class Unguarded(PredictorCorrector):
    """The published step size, which divides by the norm of the score."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        predicted = yield from self._predictor.step(state, t, s, noise)
        p = yield Query(predicted.x, s)
        score, z = score_from_eps(p.eps, self.schedule.sigma(s)), noise(1)
        delta = 4.0 * (self.options.snr * _norm(z) / _norm(score)) ** 2
        return replace(predicted, x=langevin_update(predicted.x, score, delta, z))


def test_where_the_score_is_zero_a_pass_changes_nothing() -> None:
    schedule, x = cosine(), unit_noise(400).view(1, 1, 20, 20)
    first, second = step_with_zero_score(PredictorCorrector)
    predicted = run(DDIM(schedule, DDIMOptions()), Denoiser(zero_score, schedule, "eps"), x, (500, 400, -1))
    assert torch.equal(first, predicted[0].state.x[0])
    assert second.isfinite().all()
    assert not torch.equal(second, first)


def test_without_the_guard_it_is_not_finite() -> None:
    first, second = step_with_zero_score(Unguarded)
    assert first.isnan().all()
    assert torch.equal(second, step_with_zero_score(PredictorCorrector)[1]), (
        "the guard changes no other picture"
    )


def test_a_score_next_to_zero_does_not_throw_the_picture_away() -> None:
    first, second = step_with_zero_score(PredictorCorrector, tiny_score)
    exploded, same = step_with_zero_score(Unguarded, tiny_score)
    torch.testing.assert_close(first, step_with_zero_score(PredictorCorrector)[0], atol=1e-5, rtol=0)
    assert exploded.abs().max() > 1e6, "the twin: the published step size"
    assert torch.equal(second, same), "the guard changes no other picture"


# --------------------------------------------------------------------------------------- a predictor with a history


class Multistep(DDIM):
    """Leaves a history for its next step."""

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        reached = yield from super().step(state, t, s, noise)
        return replace(reached, history=((t, reached.x),))


def test_the_history_of_the_predictor_survives_the_passes() -> None:
    schedule = cosine()
    sampler = PredictorCorrector(schedule, PredictorCorrectorOptions(corrector_steps=2))
    sampler._predictor = Multistep(schedule, DDIMOptions())
    steps = run(sampler, denoiser(DATA, schedule), unit_noise(100), (500, 400, 300, -1), SMALL_NOISE)
    for step in steps[:-1]:
        ((_, kept),) = step.state.history
        assert not torch.equal(kept, step.state.x), "the passes moved x, and not what the predictor remembers"
    assert [step.state.index for step in steps] == [1, 2, 3]
