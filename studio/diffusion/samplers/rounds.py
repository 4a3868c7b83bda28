"""One round of evaluations, grouped into as few model calls as possible."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.diffusion.conditioning import Conditioning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studio.diffusion.denoiser import Denoiser, Prediction
    from studio.diffusion.levels import Schedule
    from studio.diffusion.samplers.stepper import Evaluation


@dataclass(frozen=True, eq=False)
class Batch:
    """Evaluations that share one model call.

    Attributes:
        key: what they have in common: their owner, the shape of the states, and the layout of the conditioning.
        members: for each, the index of its run and its index among that run's evaluations.
        evaluations: in the same order.
    """

    key: tuple[object, ...]
    members: list[tuple[int, int]]
    evaluations: list[Evaluation]


def group(pending: Mapping[int, tuple[Evaluation, ...]], owners: Sequence[int]) -> list[Batch]:
    """Group the evaluations of a round into model calls; each batch keeps the order of the runs.

    Args:
        pending: the evaluations that each run waits for, by the run's index.
        owners: a number per run; runs of equal numbers share model calls if their evaluations have one shape.
    """
    batches: dict[tuple[object, ...], Batch] = {}
    for i in sorted(pending):
        for index, evaluation in enumerate(pending[i]):
            key = (owners[i], evaluation.x.shape[1:], evaluation.condition.layout)
            batch = batches.get(key)
            if batch is None:
                batch = batches[key] = Batch(key, [], [])
            batch.members.append((i, index))
            batch.evaluations.append(evaluation)
    return list(batches.values())


def evaluate(
    denoiser: Denoiser, batch: Batch, conditions: ConditioningCache
) -> list[tuple[tuple[int, int], Prediction]]:
    """Make one model call for a batch; return each member with its prediction."""
    evaluations = batch.evaluations
    x = _concatenate([evaluation.x for evaluation in evaluations])
    condition = conditions.joined(batch.key, [evaluation.condition for evaluation in evaluations])
    times, model_times = _times(evaluations, denoiser.schedule)
    prediction = (
        denoiser.evaluate(x, times, condition)
        if model_times is None
        else denoiser.evaluate(x, times, condition, model_times)
    )
    if len(evaluations) == 1:
        return [(batch.members[0], prediction)]
    predictions, start = [], 0
    for member, evaluation in zip(batch.members, evaluations, strict=True):
        stop = start + evaluation.x.shape[0]
        predictions.append((member, prediction.part(start, stop, evaluation.x)))
        start = stop
    return predictions


def _times(
    evaluations: Sequence[Evaluation], schedule: Schedule
) -> tuple[list[float] | float, list[float] | float | None]:
    """Return the time of each picture, or one number if they all have the same; and the model times, if any is set."""
    times = _each(evaluations, [one.t for one in evaluations])
    if all(one.model_time is None for one in evaluations):
        return times, None
    model_times = [
        schedule.model_time(one.t) if one.model_time is None else one.model_time for one in evaluations
    ]
    return times, _each(evaluations, model_times)


def _each(evaluations: Sequence[Evaluation], values: Sequence[float]) -> list[float] | float:
    """Return the value of each picture, or one number if they all have the same."""
    if len(set(values)) == 1:
        return values[0]
    return [value for one, value in zip(evaluations, values, strict=True) for _ in range(len(one.x))]


class ConditioningCache:
    """Concatenates conditionings. They are nearly always those of the last round, whose result is then reused."""

    def __init__(self) -> None:
        self._last: dict[tuple[object, ...], tuple[list[Conditioning], Conditioning]] = {}

    def joined(self, key: tuple[object, ...], conditions: list[Conditioning]) -> Conditioning:
        """Return the conditionings of a batch with this key, concatenated along the batch axis."""
        if len(conditions) == 1:
            return conditions[0]
        before, joint = self._last.get(key, ([], Conditioning()))
        if len(before) != len(conditions) or any(map(operator.is_not, before, conditions)):
            joint = Conditioning.concatenate(conditions)
            self._last[key] = conditions, joint
        return joint


def _concatenate(parts: Sequence[Tensor]) -> Tensor:
    """Return the parts as one batch; a single part is returned without a copy."""
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
