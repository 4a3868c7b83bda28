"""The only loop: play samplers against guidance and the model, one run or several at once.

In a *round* each unfinished run has one question pending, and all of them are answered with one batched model
call. Runs may stand at different times, use different samplers and start from any state, so a comparison, a
fork and a resume are the same thing.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from studio.diffusion.samplers.stepper import Evaluation, Guidance, NoiseSource, Sampler, State, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from studio.diffusion.denoiser import Condition, Denoiser, Prediction


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


# By decorator: a `with` around a yield would leak the mode into whoever consumes the steps.
@torch.no_grad()
def drive_together(
    runs: Sequence[Run], denoiser: Denoiser, *, cancelled: Callable[[], bool] = never
) -> Iterator[tuple[int, StepResult]]:
    """Drive several runs of one model to clean data, a round at a time.

    Questions of one shape (of states and of conditions) go into one model call. A picture's bits may depend
    on what else is in its batch, because the processor adds up in another order; its noise does not.

    Args:
        runs: at least one; they may differ in all but the model.
        denoiser: the model.
        cancelled: asked before each round, also within a step; once true, the iterator ends.

    Yields:
        The run's place in ``runs`` and the step it took, as soon as it is taken.
    """
    courses = {
        i: _take_step(run, run.state, denoiser) for i, run in enumerate(runs) if not run.state.finished
    }
    pending = {i: next(course) for i, course in courses.items()}
    conditions = _Conditions()
    while pending and not cancelled():
        asked_now = [question for asked in pending.values() for question in asked]
        answers = iter(_answer(denoiser, asked_now, conditions))
        for i, asked in list(pending.items()):
            try:
                pending[i] = courses[i].send(tuple(next(answers) for _ in asked))
            except StopIteration as end:
                result: StepResult = end.value
                del pending[i]
                yield i, result
                if not result.state.finished:
                    courses[i] = _take_step(runs[i], result.state, denoiser)
                    pending[i] = next(courses[i])


def _take_step(
    run: Run, state: State, denoiser: Denoiser
) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], StepResult]:
    """Play the sampler against the guidance for one step: yield evaluations, be sent predictions."""
    t, s = state.times[:2]
    step = run.sampler.step(state, t, s, run.noise.at(state.index))
    query, model_calls = next(step), 0
    while True:
        guided = run.guidance.ask(query)
        asked = next(guided)
        while True:
            model_calls += len(asked)
            answers = yield asked
            try:
                asked = guided.send(answers)
            except StopIteration as end:
                prediction = denoiser.clipped(end.value, query.x, query.t)
                break
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


def _answer(denoiser: Denoiser, asked: Sequence[Evaluation], conditions: _Conditions) -> list[Prediction]:
    """Answer the evaluations in their order, with one model call for all that have the same shape."""
    alike: dict[tuple[torch.Size, ...], list[int]] = {}
    for place, question in enumerate(asked):
        shapes = (question.x.shape[1:], *(part.shape[1:] for part in question.condition))
        alike.setdefault(shapes, []).append(place)
    answers: dict[int, Prediction] = {}
    for shapes, places in alike.items():
        questions = [asked[place] for place in places]
        x = _joined([question.x for question in questions])
        condition = conditions.joined(shapes, [question.condition for question in questions])
        prediction = denoiser.evaluate(x, _times(questions, x.device), condition)
        if len(questions) == 1:
            answers[places[0]] = prediction
            continue
        start = 0
        for place, question in zip(places, questions, strict=True):
            stop = start + question.x.shape[0]
            answers[place] = prediction.part(start, stop, question.x)
            start = stop
    return [answers[place] for place in range(len(asked))]


def _times(questions: Sequence[Evaluation], device: torch.device) -> Tensor | int:
    """Return the time of each picture, or the one they have in common."""
    if len({question.t for question in questions}) == 1:
        return questions[0].t
    times = [t for question in questions for t in len(question.x) * [question.t]]
    return torch.tensor(times, device=device)


class _Conditions:
    """Joins conditions. They are mostly those of the round before, whose joint is then used again."""

    def __init__(self) -> None:
        self._last: dict[tuple[torch.Size, ...], tuple[list[Condition], Condition]] = {}

    def joined(self, shapes: tuple[torch.Size, ...], conditions: list[Condition]) -> Condition:
        """Return conditions of the given shapes as one batch."""
        if len(conditions) == 1:
            return conditions[0]
        before, joint = self._last.get(shapes, ([], ()))
        if len(before) != len(conditions) or any(map(operator.is_not, before, conditions)):
            joint = tuple(_joined(parts) for parts in zip(*conditions, strict=True))
            self._last[shapes] = conditions, joint
        return joint


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Return the parts as one batch; a single part is not copied."""
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
