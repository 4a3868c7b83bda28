"""Several runs, several models: who shares a model call, and whose bits stay what they are alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import Run, drive, drive_lockstep, query_once
from studio.diffusion.samplers.stepper import Query, State
from studio.diffusion.schedules import cosine
from studio.diffusion.spacings import visit_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.diffusion.samplers.stepper import StepResult

SCHEDULE = cosine()
SHAPE = (3, 8, 8)
TIMES = visit_times(1000, 5, "trailing")
COND, UNCOND = (Conditioning(pooled=torch.full((1, 4), value)) for value in (1.0, 0.0))


class Network:
    """Looks at nothing beyond its own batch, and at that through a sum whose last bits depend on its size."""

    def __init__(self, slope: float = 1.0) -> None:
        self.slope, self.batches = slope, list[int]()

    def __call__(self, x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        self.batches.append(len(x))
        about = 0.5 if condition.pooled is None else condition.pooled.mean(dim=1).view(-1, 1, 1, 1)
        spoilt = 1.0 + 1e-6 * len(x)  # as another order of adding up would
        return torch.tanh(x * self.slope + about + t.view(-1, 1, 1, 1) / 1000) * spoilt


def make_run(name: str = "ddim", *, scale: float = 3.0, seed: int = 5, shape: tuple[int, ...] = SHAPE) -> Run:
    sampler, noise = SAMPLERS[name], Noise([seed], shape)
    return Run(
        sampler=sampler(SCHEDULE, sampler.Options()),
        guidance=ClassifierFreeGuidance(scale, COND, UNCOND),
        state=State(noise.initial(), 0, TIMES),
        noise=noise,
    )


def denoiser(network: Network) -> Denoiser:
    return Denoiser(network, SCHEDULE, "v")


def ends(told: list[tuple[int, StepResult]]) -> list[torch.Tensor]:
    last = dict(told)
    return [last[place].state.x for place in sorted(last)]


def alone(runs: list[Run], models: list[Denoiser]) -> list[torch.Tensor]:
    results = [
        list(drive(run.sampler, run.guidance, model, run.state, run.noise))[-1]
        for run, model in zip(runs, models, strict=True)
    ]
    return [result.state.x for result in results]


def test_unbatched_every_run_has_the_bits_that_it_has_alone() -> None:
    runs = [make_run(name, seed=5 + i, scale=1.0 if i % 2 else 3.0) for i, name in enumerate(SAMPLERS)]
    models = [denoiser(Network())] * len(runs)
    expected = alone(runs, models)
    loop = ends(list(drive_lockstep(runs, models, batched=False)))
    assert all(map(torch.equal, loop, expected))
    batched = ends(list(drive_lockstep(runs, models)))
    assert not any(map(torch.equal, batched, expected)), "the proof above would not notice a shared call"
    for one, other in zip(batched, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=0)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_six_equal_runs_cost_as_many_forwards_as_one(scale: float) -> None:
    single, together, apart = Network(), Network(), Network()
    list(drive_lockstep([make_run("pc", scale=scale)], [denoiser(single)]))
    runs = [make_run("pc", scale=scale, seed=i) for i in range(6)]
    list(drive_lockstep(runs, [denoiser(together)] * 6))
    list(drive_lockstep(runs, [denoiser(apart)] * 6, batched=False))
    assert len(together.batches) == len(single.batches)
    assert together.batches == [6 * size for size in single.batches]
    assert apart.batches == [size for size in single.batches for _ in range(6)]


def test_every_model_answers_its_own_runs_and_no_others() -> None:
    first, second = Network(), Network(slope=-0.5)
    models = [denoiser(first), denoiser(second)]
    runs = [make_run(seed=5 + i) for i in range(4)]
    of_each = [models[0], models[1], models[0], models[1]]
    told = list(drive_lockstep(runs, of_each))
    assert first.batches == second.batches == [4] * 5
    for one, other in zip(ends(told), alone(runs, of_each), strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=0)
    swapped = ends(list(drive_lockstep(runs, of_each[::-1])))
    assert not torch.allclose(swapped[0], ends(told)[0], atol=1e-3), (
        "two models that say the same prove nothing"
    )


@pytest.mark.parametrize("batched", [True, False])
def test_every_run_shows_a_step_before_any_shows_the_next(batched: bool) -> None:
    models = [denoiser(Network()), denoiser(Network()), denoiser(Network())]
    runs = [make_run(), make_run("ddpm"), make_run(shape=(3, 4, 4))]
    told = list(drive_lockstep(runs, models, batched=batched))
    assert [(result.state.index, place) for place, result in told] == [
        (step, place) for step in range(1, 6) for place in range(3)
    ]


@pytest.mark.parametrize("calls", range(7))
@pytest.mark.parametrize("batched", [True, False])
def test_no_model_call_follows_a_cancel_not_even_in_the_same_round(calls: int, batched: bool) -> None:
    networks = [Network(), Network()]
    models = [denoiser(networks[0]), denoiser(networks[1]), denoiser(networks[0])]

    def made() -> int:
        return sum(len(network.batches) for network in networks)

    runs = [make_run("langevin", seed=i) for i in range(3)]
    list(drive_lockstep(runs, models, batched=batched, cancelled=lambda: made() >= calls))
    assert made() == calls


def test_runs_of_different_lengths_end_each_in_its_own_round() -> None:
    network = Network()
    runs = [make_run(), make_run("langevin"), make_run("ddpm", scale=1.0)]
    told = list(drive_lockstep(runs, [denoiser(network)] * 3))
    assert [sum(place == i for place, _ in told) for i in range(3)] == [5, 5, 5]
    assert [place for place, _ in told][:11] == [0, 2] * 4 + [0, 1, 2], "within a round they keep their order"
    assert network.batches == [2 + 2 + 1] * 5 + [2] * (4 * 5 + 1 - 5)


def test_conditions_of_other_shapes_are_asked_apart() -> None:
    network, longer = Network(), Conditioning(pooled=torch.full((1, 7), 0.2))
    other = replace(make_run(), guidance=ClassifierFreeGuidance(3.0, longer, UNCOND))
    runs = [make_run(), other, make_run(seed=6)]
    told = list(drive_lockstep(runs, [denoiser(network)] * 3))
    assert network.batches == [5, 1] * 5
    for one, alone_ in zip(ends(told), alone(runs, [denoiser(Network())] * 3), strict=True):
        torch.testing.assert_close(one, alone_, atol=1e-3, rtol=0)


def test_a_question_by_itself_is_asked_as_a_run_asks_it() -> None:
    network, run = Network(), make_run()
    first = next(iter(drive(run.sampler, run.guidance, denoiser(network), run.state, run.noise)))
    answered, model_calls = query_once(run.guidance, denoiser(network), Query(run.state.x, TIMES[0]))
    assert torch.equal(answered.x0_hat, first.x0_hat)
    assert (network.batches, model_calls) == ([2, 2], 2)
    assert answered.cond is not None
    other, _ = query_once(run.guidance, denoiser(network), Query(run.state.x, TIMES[1]))
    assert not torch.equal(other.x0_hat, first.x0_hat)


def test_grad_mode_does_not_leak_out_of_lockstep() -> None:
    watch: Callable[[], bool] = torch.is_grad_enabled
    assert all(watch() for _ in drive_lockstep([make_run(), make_run()], [denoiser(Network())] * 2))
