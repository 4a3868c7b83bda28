"""The only loop: play samplers against guidance and the model, one run or several at once.

In a *round* each unfinished run has one question pending, and all of them are answered, those to one model with
one batched call. Runs may stand at different times, use different samplers and models and start from any state,
so a comparison, a fork and a resume are the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from studio.diffusion.samplers.rounds import Conditions, answer, batches_of
from studio.diffusion.samplers.stepper import Guidance, NoiseSource, Query, Sampler, State, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from studio.diffusion.denoiser import Denoiser, Prediction
    from studio.diffusion.samplers.stepper import Evaluation


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """All that one run needs but the model.

    Attributes:
        sampler: the rule for a step.
        guidance: what stands between it and the model.
        state: where to start; ``State(x_T, 0, visit_times(...))`` for a whole picture, any later state for a
            fork.
        noise: the noise of each step.
    """

    sampler: Sampler[Any]
    guidance: Guidance
    state: State
    noise: NoiseSource


def never() -> bool:
    """Return False: nobody cancels."""
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
    """Drive one run to clean data.

    Args:
        sampler: the rule for a step.
        guidance: what stands between it and the model.
        denoiser: the model.
        state: where to start; not changed.
        noise: the noise of each step.
        cancelled: asked before each model call, also within a step; once true, the iterator ends.

    Yields:
        Each step as it is taken.
    """
    run = Run(sampler=sampler, guidance=guidance, state=state, noise=noise)
    for _, result in drive_together([run], denoiser, cancelled=cancelled):
        yield result


def drive_together(
    runs: Sequence[Run], denoiser: Denoiser, *, cancelled: Callable[[], bool] = never
) -> Iterator[tuple[int, StepResult]]:
    """Drive several runs of one model to clean data, a round at a time; see `drive_lockstep`."""
    return drive_lockstep(runs, [denoiser] * len(runs), cancelled=cancelled)


# By decorator: a `with` around a yield would leak the mode into whoever consumes the steps.
@torch.no_grad()
def drive_lockstep(
    runs: Sequence[Run],
    denoisers: Sequence[Denoiser],
    *,
    batched: bool = True,
    cancelled: Callable[[], bool] = never,
) -> Iterator[tuple[int, StepResult]]:
    """Drive several runs to clean data, a round at a time.

    Questions to one model, of one shape (of states and of conditions), go into one model call. A picture's bits may
    then depend on what else is in its batch, because the processor adds up in another order; its noise does not.

    Args:
        runs: at least one; they may differ in everything.
        denoisers: the model of each; runs share model calls where it is the same object.
        batched: False answers each run by itself, with the very calls that it makes alone, so with the same bits.
        cancelled: asked before each model call, also within a step and a round; once true, the iterator ends.

    Yields:
        The run's place in ``runs`` and the step it took, as soon as it is taken.
    """
    owners = [denoisers.index(denoiser) if batched else place for place, denoiser in enumerate(denoisers)]
    conditions = Conditions()
    courses = {
        i: _take_step(run, run.state, denoisers[i]) for i, run in enumerate(runs) if not run.state.finished
    }
    pending = {i: next(course) for i, course in courses.items()}
    while pending:
        answers: dict[int, dict[int, Prediction]] = {i: {} for i in pending}
        for batch in batches_of(pending, owners):
            if cancelled():
                return
            for (i, place), prediction in answer(denoisers[batch.places[0][0]], batch, conditions):
                answers[i][place] = prediction
            for i in dict.fromkeys(i for i, _ in batch.places):
                if len(answers[i]) < len(pending[i]):
                    continue  # the rest has another shape
                try:
                    pending[i] = courses[i].send(tuple(answers[i][place] for place in range(len(answers[i]))))
                except StopIteration as end:
                    result: StepResult = end.value
                    del pending[i]
                    yield i, result
                    if not result.state.finished:
                        courses[i] = _take_step(runs[i], result.state, denoisers[i])
                        pending[i] = next(courses[i])


@torch.no_grad()
def ask_once(guidance: Guidance, denoiser: Denoiser, query: Query) -> tuple[Prediction, int]:
    """Return what is believed about one state, guided but not clipped, and how many evaluations that took.

    The model is called as it is when a run is driven alone.
    """
    course, conditions = _guided(guidance, query), Conditions()
    asked = next(course)
    while True:
        answers: dict[int, Prediction] = {}
        for batch in batches_of({0: asked}, [0]):
            answers |= {place: prediction for (_, place), prediction in answer(denoiser, batch, conditions)}
        try:
            asked = course.send(tuple(answers[place] for place in range(len(asked))))
        except StopIteration as end:
            said: tuple[Prediction, int] = end.value
            return said


def _take_step(
    run: Run, state: State, denoiser: Denoiser
) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], StepResult]:
    """Play the sampler against the guidance for one step: yield evaluations, be sent predictions."""
    t, s = state.times[:2]
    step = run.sampler.step(state, t, s, run.noise.at(state.index))
    query, model_calls = next(step), 0
    while True:
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
    """Play the guidance for one query: yield evaluations, be sent predictions, return one and their number."""
    guided = guidance.ask(query)
    asked, model_calls = next(guided), 0
    while True:
        model_calls += len(asked)
        answers = yield asked
        try:
            asked = guided.send(answers)
        except StopIteration as end:
            return end.value, model_calls
