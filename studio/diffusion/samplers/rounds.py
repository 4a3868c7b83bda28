"""A round of questions, sorted into as few model calls as can answer them."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studio.diffusion.denoiser import Condition, Denoiser, Prediction
    from studio.diffusion.samplers.stepper import Evaluation


@dataclass(frozen=True, eq=False)
class Batch:
    """Questions that one model call answers.

    Attributes:
        key: what they have in common: whose they are, and the shapes of states and conditions.
        places: of each the run, and its place among that run's questions.
        questions: themselves.
    """

    key: tuple[object, ...]
    places: list[tuple[int, int]]
    questions: list[Evaluation]


def batches_of(pending: Mapping[int, tuple[Evaluation, ...]], owners: Sequence[int]) -> list[Batch]:
    """Sort the questions of a round into model calls; within one they stand in the order of the runs.

    Args:
        pending: of each run, by its place, what it asks.
        owners: of each run what it shares model calls with: runs of one number, if their questions have one shape.
    """
    batches: dict[tuple[object, ...], Batch] = {}
    for i in sorted(pending):
        for place, question in enumerate(pending[i]):
            key = (owners[i], question.x.shape[1:], *(part.shape[1:] for part in question.condition))
            batch = batches.get(key)
            if batch is None:
                batch = batches[key] = Batch(key, [], [])
            batch.places.append((i, place))
            batch.questions.append(question)
    return list(batches.values())


def answer(
    denoiser: Denoiser, batch: Batch, conditions: Conditions
) -> list[tuple[tuple[int, int], Prediction]]:
    """Answer a batch with one model call."""
    questions = batch.questions
    x = _joined([question.x for question in questions])
    condition = conditions.joined(batch.key, [question.condition for question in questions])
    prediction = denoiser.evaluate(x, _times(questions, x.device), condition)
    if len(questions) == 1:
        return [(batch.places[0], prediction)]
    answers, start = [], 0
    for place, question in zip(batch.places, questions, strict=True):
        stop = start + question.x.shape[0]
        answers.append((place, prediction.part(start, stop, question.x)))
        start = stop
    return answers


def _times(questions: Sequence[Evaluation], device: torch.device) -> Tensor | int:
    """Return the time of each picture, or the one they have in common."""
    if len({question.t for question in questions}) == 1:
        return questions[0].t
    times = [t for question in questions for t in len(question.x) * [question.t]]
    return torch.tensor(times, device=device)


class Conditions:
    """Joins conditions. They are mostly those of the round before, whose joint is then used again."""

    def __init__(self) -> None:
        """Start with none."""
        self._last: dict[tuple[object, ...], tuple[list[Condition], Condition]] = {}

    def joined(self, key: tuple[object, ...], conditions: list[Condition]) -> Condition:
        """Return the conditions of the batches of this key as one."""
        if len(conditions) == 1:
            return conditions[0]
        before, joint = self._last.get(key, ([], ()))
        if len(before) != len(conditions) or any(map(operator.is_not, before, conditions)):
            joint = tuple(_joined(parts) for parts in zip(*conditions, strict=True))
            self._last[key] = conditions, joint
        return joint


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Return the parts as one batch; a single part is not copied."""
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
