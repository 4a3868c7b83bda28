from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser, Prediction
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.drive import Run, drive, drive_together
from studio.diffusion.samplers.stepper import Evaluation, Query, State, StepResult
from studio.diffusion.schedules import cosine
from studio.diffusion.spacings import visit_times

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SCHEDULE = cosine()
SHAPE = (3, 16, 16)
TIMES = visit_times(1000, 6, "trailing")
COND, UNCOND = (Conditioning(pooled=torch.full((1, 4), value)) for value in (1.0, 0.0))


class Network(torch.nn.Module):
    """A small network with random weights: what is proved here holds for whatever it says."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.Conv2d(16, 3, 3, padding=1)
            self.mix = torch.nn.Linear(5, 16)
        self.batches: list[list[int]] = []

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        self.batches.append(t.tolist())
        about = self.mix(torch.cat([t[:, None] / 1000, condition.pooled], dim=1))[:, :, None, None]
        out: torch.Tensor = self.last(torch.tanh(self.first(x) + about))
        return out


def make_run(name: str = "ddim", *, scale: float = 3.0, seed: int = 5, state: State | None = None) -> Run:
    sampler, noise = SAMPLERS[name], Noise([seed], SHAPE)
    return Run(
        sampler=sampler(SCHEDULE, sampler.Options()),
        guidance=ClassifierFreeGuidance(scale, COND, UNCOND),
        state=state or State(noise.initial(), 0, TIMES),
        noise=noise,
    )


def steps_of(run: Run, network: Network | None = None) -> Iterator[StepResult]:
    model = Denoiser(network or Network(), SCHEDULE, "v")
    return drive(run.sampler, run.guidance, model, run.state, run.noise)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_run_gives_the_same_bits_again_first_or_tenth(name: str) -> None:
    network = Network()
    first = list(steps_of(make_run(name), network))[-1].state.x
    list(steps_of(make_run("ddpm", seed=6), network))
    assert torch.equal(list(steps_of(make_run(name), network))[-1].state.x, first)
    assert not torch.equal(list(steps_of(make_run(name, seed=6), network))[-1].state.x, first)


@pytest.mark.parametrize("name", SAMPLERS)
def test_whoever_watches_the_steps_changes_nothing(name: str) -> None:
    first = list(steps_of(make_run(name)))[-1].state.x
    for step in steps_of(make_run(name)):
        torch.randn(10)  # the global generator is nobody's noise
        step.x0_hat.detach().clone().clamp_(-1, 1).mul_(127.5)
    assert torch.equal(step.state.x, first)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_goes_on_from_any_of_its_states_to_the_same_bits(name: str) -> None:
    steps = list(steps_of(make_run(name)))
    for step in steps[:-1]:
        stored = State(step.state.x.clone(), step.state.index, step.state.times, step.state.history)
        assert torch.equal(list(steps_of(make_run(name, state=stored)))[-1].state.x, steps[-1].state.x)
        left = stored.times_left  # a fork does not know the earlier times
        forked = State(stored.x, stored.index, left, stored.history, first=stored.index)
        assert torch.equal(list(steps_of(make_run(name, state=forked)))[-1].state.x, steps[-1].state.x)
    left = steps[1].state.times_left
    shifted = State(steps[1].state.x, 3, left, first=3)  # noise of another step
    if SAMPLERS[name].draws_noise(SAMPLERS[name].Options()):
        assert not torch.equal(list(steps_of(make_run(name, state=shifted)))[-1].state.x, steps[-1].state.x)


def test_every_step_is_told_with_its_times_and_what_it_believes() -> None:
    steps = list(steps_of(make_run()))
    assert [(step.t, step.s) for step in steps] == list(itertools.pairwise(TIMES))
    assert [step.state.index for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [step.state.finished for step in steps] == [False] * 5 + [True]
    assert all(step.x0_hat is step.prediction.x0_hat for step in steps)
    assert not any(step.state.x.requires_grad for step in steps)


def test_grad_mode_does_not_leak_to_whoever_consumes_the_steps() -> None:
    for _ in steps_of(make_run()):
        assert torch.is_grad_enabled()


def test_a_finished_state_takes_no_step() -> None:
    assert list(steps_of(make_run(state=State(torch.zeros(1, *SHAPE), 6, (-1,), first=6)))) == []


@pytest.mark.parametrize("name", SAMPLERS)
def test_model_calls_are_counted_for_each_picture_and_guidance_counts_two(name: str) -> None:
    for scale, factor in ((1.0, 1), (3.0, 2)):
        network = Network()
        steps = list(steps_of(make_run(name, scale=scale), network))
        assert sum(step.model_calls for step in steps) == sum(map(len, network.batches))
        assert {len(batch) for batch in network.batches} == {factor}


def test_a_round_answers_every_run_with_one_model_call() -> None:
    network = Network()
    names = ["ddim", "ddpm", "pc", "langevin"]
    runs = [make_run(name, scale=1.0 if name == "ddpm" else 3.0) for name in names]
    told = list(drive_together(runs, Denoiser(network, SCHEDULE, "v")))
    calls = [sum(step.model_calls for i, step in told if i == place) for place in range(4)]
    assert calls == [12, 6, 2 * (2 * 5 + 1), 2 * (5 * 5 + 1)]
    assert len(network.batches) == 5 * 5 + 1  # as many rounds as the longest run asks
    assert len(network.batches[0]) == 2 + 1 + 2 + 2
    assert len(set(network.batches[3])) > 2  # runs at different times in one call


def test_a_comparison_gives_each_run_what_it_gets_alone() -> None:
    runs = [make_run(name, seed=5 + i) for i, name in enumerate(SAMPLERS)]
    ends = {i: step.state.x for i, step in drive_together(runs, Denoiser(Network(), SCHEDULE, "v"))}
    for i, run in enumerate(runs):
        torch.testing.assert_close(ends[i], list(steps_of(run))[-1].state.x, atol=1e-4, rtol=0)


def test_runs_of_other_shapes_and_conditions_are_answered_apart() -> None:
    network = Network()
    small = Noise([5], (3, 8, 8))
    runs = [make_run(), make_run(state=State(small.initial(), 0, TIMES)), make_run()]
    list(drive_together(runs, Denoiser(network, SCHEDULE, "v")))
    assert sorted(map(len, network.batches)) == [2] * 6 + [4] * 6


def test_a_guidance_may_change_its_conditions_from_step_to_step() -> None:
    class Changing:
        """Asks under a condition of its own at each step."""

        def __init__(self) -> None:
            self.values = iter((0.1, 0.2, 0.3, 0.4, 0.5, 0.6))

        def ask(self, query: Query) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], Prediction]:
            asked = Conditioning(pooled=torch.full((1, 4), next(self.values)))
            cond, _ = yield Evaluation(query.x, query.t, asked), Evaluation(query.x, query.t, UNCOND)
            return cond

    told: list[float] = []

    def backbone(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        pooled = condition.tensors["pooled"]
        told.append(pooled[0, 0].item())
        assert torch.equal(pooled[1:], UNCOND.tensors["pooled"])
        return x

    list(drive_together([replace(make_run(), guidance=Changing())], Denoiser(backbone, SCHEDULE, "v")))
    assert told == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_a_batch_of_pictures_is_one_run() -> None:
    noise = Noise([5, 6], SHAPE)
    guidance = ClassifierFreeGuidance(3.0, COND.expand(2), UNCOND.expand(2))
    model = Denoiser(Network(), SCHEDULE, "v")
    sampler = DDIM(SCHEDULE, DDIMOptions(eta=1.0))
    last = list(drive(sampler, guidance, model, State(noise.initial(), 0, TIMES), noise))[-1]
    assert last.model_calls == 2
    for i, seed in enumerate((5, 6)):
        alone = Noise([seed], SHAPE)
        one = drive(
            sampler, ClassifierFreeGuidance(3.0, COND, UNCOND), model, State(alone.initial(), 0, TIMES), alone
        )
        torch.testing.assert_close(last.state.x[i : i + 1], list(one)[-1].state.x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("after", [0, 1, 3, 7])
def test_after_a_cancel_no_further_model_call_is_made_even_within_a_step(after: int) -> None:
    network, run = Network(), make_run("langevin")

    def cancelled() -> bool:
        return len(network.batches) >= after

    model = Denoiser(network, SCHEDULE, "v")
    steps = list(drive(run.sampler, run.guidance, model, run.state, run.noise, cancelled=cancelled))
    assert len(network.batches) == after
    assert len(steps) == after // 5  # the finished steps were told


def test_steps_are_told_as_soon_as_they_are_taken() -> None:
    network = Network()
    steps = steps_of(make_run(), network)
    next(steps)
    assert len(network.batches) == 1
    steps.close()  # type: ignore[attr-defined]
    assert len(network.batches) == 1
