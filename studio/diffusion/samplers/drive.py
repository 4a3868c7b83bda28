"""The only sampling loop: runs samplers and guidance against the model, for one run or several at once.

In a *round* every unfinished run has one query pending, and all of them are answered; those to the same model share
one batched call. Runs may be at different times, use different samplers and models, and start from any state, so a
comparison, a fork and a resumed run are all the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from studio.diffusion.samplers.rounds import ConditioningCache, evaluate, group
from studio.diffusion.samplers.stepper import Guidance, NoiseSource, Query, Sampler, State, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from studio.diffusion.denoiser import Denoiser, Prediction
    from studio.diffusion.samplers.stepper import Evaluation


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """Everything that one run needs, except the model.

    Attributes:
        sampler: the rule for one step.
        guidance: what sits between sampler and model.
        state: where to start: ``State(x_T, 0, visit_times(...))`` for a whole picture, any later state for a fork.
        noise: the noise of each step.
    """

    sampler: Sampler[Any]
    guidance: Guidance
    state: State
    noise: NoiseSource


def never() -> bool:
    """Return False: the default of ``cancelled``."""
    return False


def drive(
    sampler: Sampler[Any],
    guidance: Guidance,
    denoiser: Denoiser,
    state: State,
    noise: NoiseSource,
    *,
    cancelled: Callable[[], bool] = never,
) -> Iterator[StepResult]:
    """Drive one run until its data is clean.

    Args:
        sampler: the rule for one step.
        guidance: what sits between sampler and model.
        denoiser: the model.
        state: where to start; not changed.
        noise: the noise of each step.
        cancelled: called before each model call, also within a step; the iterator ends once it returns True.

    Yields:
        Each step as soon as it is taken.
    """
    run = Run(sampler=sampler, guidance=guidance, state=state, noise=noise)
    for _, result in drive_together([run], denoiser, cancelled=cancelled):
        yield result


def drive_together(
    runs: Sequence[Run], denoiser: Denoiser, *, cancelled: Callable[[], bool] = never
) -> Iterator[tuple[int, StepResult]]:
    """Drive several runs of one model; see `drive_lockstep`."""
    return drive_lockstep(runs, [denoiser] * len(runs), cancelled=cancelled)


# A decorator, because a `with` around a yield would leak grad mode into the code that consumes the steps.
@torch.no_grad()
def drive_lockstep(
    runs: Sequence[Run],
    denoisers: Sequence[Denoiser],
    *,
    batched: bool = True,
    cancelled: Callable[[], bool] = never,
) -> Iterator[tuple[int, StepResult]]:
    """Drive several runs until their data is clean, one round at a time.

    Evaluations by one model whose states have one shape and whose conditionings have one layout share a model call. The
    last bits of a picture may then depend on the rest of its batch, because the order of floating-point sums changes;
    its noise does not.

    Args:
        runs: at least one; they may differ in everything.
        denoisers: the model of each run; runs share model calls if it is the same object.
        batched: False evaluates each run by itself, with exactly the calls that it makes alone, hence the same bits.
        cancelled: called before each model call, also within a step and a round; the iterator ends once it returns
            True.

    Yields:
        The index of the run in ``runs`` and the step it took, as soon as it is taken.
    """
    owners = [denoisers.index(denoiser) if batched else index for index, denoiser in enumerate(denoisers)]
    conditions = ConditioningCache()
    steppers = {
        i: _take_step(run, run.state, denoisers[i]) for i, run in enumerate(runs) if not run.state.finished
    }
    pending = {i: next(stepper) for i, stepper in steppers.items()}
    while pending:
        predictions: dict[int, dict[int, Prediction]] = {i: {} for i in pending}
        for batch in group(pending, owners):
            if cancelled():
                return
            for (i, index), prediction in evaluate(denoisers[batch.members[0][0]], batch, conditions):
                predictions[i][index] = prediction
            for i in dict.fromkeys(i for i, _ in batch.members):
                if len(predictions[i]) < len(pending[i]):
                    continue  # its other evaluations have another shape, and so are in another batch
                try:
                    pending[i] = steppers[i].send(
                        tuple(predictions[i][index] for index in range(len(predictions[i])))
                    )
                except StopIteration as end:
                    result: StepResult = end.value
                    del pending[i]
                    yield i, result
                    if not result.state.finished:
                        steppers[i] = _take_step(runs[i], result.state, denoisers[i])
                        pending[i] = next(steppers[i])


@torch.no_grad()
def query_once(guidance: Guidance, denoiser: Denoiser, query: Query) -> tuple[Prediction, int]:
    """Return the guided prediction for one query, not clipped, and the number of model calls it took.

    The model is called exactly as when a run is driven alone.
    """
    guided, conditions = _guided(guidance, query), ConditioningCache()
    pending = next(guided)
    while True:
        predictions: dict[int, Prediction] = {}
        for batch in group({0: pending}, [0]):
            predictions |= {
                index: prediction for (_, index), prediction in evaluate(denoiser, batch, conditions)
            }
        try:
            pending = guided.send(tuple(predictions[index] for index in range(len(pending))))
        except StopIteration as end:
            result: tuple[Prediction, int] = end.value
            return result


def _take_step(
    run: Run, state: State, denoiser: Denoiser
) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], StepResult]:
    """Run the sampler with its guidance for one step: yield evaluations, receive predictions."""
    t, s = state.t, state.s
    step = run.sampler.step(state, t, s, run.noise.at(state.index))
    query, model_calls = next(step), 0
    while True:
        if query.model_time is None and state.model_times:
            query = replace(query, model_time=state.model_time(query.t))
        guided, calls = yield from _guided(run.guidance, query)
        model_calls += calls
        prediction = denoiser.clipped(guided, query.x, query.t)
        try:
            query = step.send(prediction)
        except StopIteration as end:
            return StepResult(
                state=end.value,
                t=t,
                s=s,
                x0_hat=prediction.x0_hat,
                prediction=prediction,
                model_calls=model_calls,
            )


def _guided(
    guidance: Guidance, query: Query
) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], tuple[Prediction, int]]:
    """Run the guidance for one query: yield evaluations, receive predictions; return one and the number of calls."""
    guided = guidance.ask(query)
    pending, model_calls = next(guided), 0
    while True:
        model_calls += len(pending)
        predictions = yield pending
        try:
            pending = guided.send(predictions)
        except StopIteration as end:
            return end.value, model_calls
