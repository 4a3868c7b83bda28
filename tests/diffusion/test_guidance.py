from __future__ import annotations

import math

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind, eps_from, x0_from
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State, StepResult
from studio.diffusion.schedules import cosine, linear
from studio.diffusion.spacings import visit_times
from studio.errors import RequestError

SHAPE = (1, 8, 8)
COND, UNCOND, OTHER = (Conditioning(pooled=torch.full((2, 1), value)) for value in (0.4, 0.0, -0.3))


def pooled(condition: Conditioning) -> torch.Tensor:
    return condition.tensors["pooled"]


class Conditional:
    """A backbone whose word depends on the condition; remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Conditioning] = []

    def __call__(self, x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        self.calls.append(condition)
        return 0.5 * x + pooled(condition).view(-1, 1, 1, 1)


def steps(
    scale: float,
    negative: Conditioning = UNCOND,
    *,
    backbone: Conditional | None = None,
    kind: PredictionKind = "v",
    clip: bool = False,
) -> list[StepResult]:
    schedule, noise = cosine(), Noise([3, 4], SHAPE)
    model = Denoiser(backbone or Conditional(), schedule, kind, clip=clip)
    state = State(noise.initial(), 0, visit_times(1000, 4, "trailing"))
    guidance = ClassifierFreeGuidance(scale, COND, negative)
    return list(drive(DDIM(schedule, DDIMOptions()), guidance, model, state, noise))


def test_scale_one_asks_once_a_step_and_is_the_conditional_model() -> None:
    backbone = Conditional()
    unguided = steps(1.0, backbone=backbone)
    assert [step.model_calls for step in unguided] == [1, 1, 1, 1]
    assert [len(pooled(asked)) for asked in backbone.calls] == [2, 2, 2, 2]
    assert all(torch.equal(pooled(asked), pooled(COND)) for asked in backbone.calls)
    assert unguided[0].prediction.cond is None


def test_any_other_scale_makes_one_call_of_twice_the_batch() -> None:
    for scale in (0.0, 0.5, 4.0):
        backbone = Conditional()
        assert [step.model_calls for step in steps(scale, backbone=backbone)] == [2, 2, 2, 2]
        assert [len(pooled(asked)) for asked in backbone.calls] == [4, 4, 4, 4]


@pytest.mark.parametrize("kind", PREDICTION_KINDS)
def test_guidance_is_uncond_plus_scale_times_the_difference(kind: PredictionKind) -> None:
    # On what the backbone itself says: whatever it predicts, the combination is the same.
    step = steps(4.0, kind=kind)[1]
    x, t = steps(4.0, kind=kind)[0].state.x, step.t
    cond, uncond = (0.5 * x + value for value in (0.4, 0.0))
    alpha, sigma = cosine().alpha(t), cosine().sigma(t)
    guided = uncond + 4.0 * (cond - uncond)
    x0_hat, eps = x0_from(kind, guided, x, alpha, sigma), eps_from(kind, guided, x, alpha, sigma)
    torch.testing.assert_close(step.x0_hat, x0_hat, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(step.prediction.eps, eps, atol=1e-4, rtol=1e-4)
    papers_form = x0_from(kind, (1 + 4.0) * cond - 4.0 * uncond, x, alpha, sigma)
    assert not torch.allclose(step.x0_hat, papers_form, atol=1e-3)


def test_both_sides_of_the_guidance_are_part_of_the_result() -> None:
    prediction = steps(4.0)[2].prediction
    assert prediction.cond is not None
    assert prediction.uncond is not None
    combined = prediction.uncond.x0_hat + 4.0 * (prediction.cond.x0_hat - prediction.uncond.x0_hat)
    torch.testing.assert_close(prediction.x0_hat, combined, atol=1e-6, rtol=1e-5)


def test_a_negative_prompt_takes_the_place_of_the_empty_one() -> None:
    backbone = Conditional()
    against = steps(4.0, OTHER, backbone=backbone)
    assert torch.equal(pooled(backbone.calls[0]), torch.cat([pooled(COND), pooled(OTHER)]))
    assert not torch.equal(against[-1].state.x, steps(4.0)[-1].state.x)


def test_at_scale_one_a_negative_prompt_has_no_part() -> None:
    assert torch.equal(steps(1.0, OTHER)[-1].state.x, steps(1.0)[-1].state.x)
    assert not ClassifierFreeGuidance(1.0, COND, OTHER).uses_negative
    assert ClassifierFreeGuidance(1.5, COND, OTHER).uses_negative


def test_scale_nought_is_the_unconditional_model() -> None:
    without = ClassifierFreeGuidance(1.0, UNCOND, UNCOND)
    schedule, noise = cosine(), Noise([3, 4], SHAPE)
    state = State(noise.initial(), 0, visit_times(1000, 4, "trailing"))
    model = Denoiser(Conditional(), schedule, "v")
    expected = list(drive(DDIM(schedule, DDIMOptions()), without, model, state, noise))[-1].state.x
    torch.testing.assert_close(steps(0.0)[-1].state.x, expected)


def test_the_sum_is_clipped_and_not_its_terms() -> None:
    step, before = steps(8.0, clip=True)[1], steps(8.0, clip=True)[0].state.x
    cond, uncond = step.prediction.cond, step.prediction.uncond
    assert cond is not None
    assert uncond is not None
    total = uncond.x0_hat + 8.0 * (cond.x0_hat - uncond.x0_hat)
    assert total.abs().max() > 1
    torch.testing.assert_close(step.x0_hat, total.clamp(-1, 1), atol=1e-6, rtol=0)
    alpha, sigma = cosine().alpha(step.t), cosine().sigma(step.t)
    torch.testing.assert_close(alpha * step.x0_hat + sigma * step.prediction.eps, before)


def test_guidance_is_finite_where_alpha_is_all_but_zero() -> None:
    first = steps(7.5, kind="v")[0]
    assert first.t == 999
    assert first.x0_hat.abs().max() < 100


def test_guiding_a_gaussian_moves_its_mean_as_the_scores_say() -> None:
    # Data N(m, 1) has score -(x - alpha m): with weight w the guided score is that of the mean m_u + w (m_c - m_u).
    schedule, scale = linear(), 3.0

    def exact(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        means = pooled(condition).view(-1, 1, 1, 1)
        return schedule.sigmas(t) * (x - schedule.alphas(t) * means)

    model, noise = Denoiser(exact, schedule, "eps"), Noise([3, 4], SHAPE)
    state = State(noise.initial(), 0, visit_times(1000, 20, "trailing"))

    def end(guidance: ClassifierFreeGuidance) -> torch.Tensor:
        return list(drive(DDIM(schedule, DDIMOptions()), guidance, model, state, noise))[-1].state.x

    moved = Conditioning(pooled=torch.full((2, 1), -0.3 + scale * (0.4 + 0.3)))
    guided = end(ClassifierFreeGuidance(scale, COND, OTHER))
    torch.testing.assert_close(
        guided, end(ClassifierFreeGuidance(1.0, moved, Conditioning())), atol=1e-4, rtol=0
    )
    assert (guided - end(ClassifierFreeGuidance(scale + 1, COND, OTHER))).abs().min() > 0.1


@pytest.mark.parametrize("scale", [math.nan, math.inf, -math.inf])
def test_a_scale_that_is_no_number_is_refused(scale: float) -> None:
    with pytest.raises(RequestError, match="guidance must be a finite number"):
        ClassifierFreeGuidance(scale, COND, UNCOND)
