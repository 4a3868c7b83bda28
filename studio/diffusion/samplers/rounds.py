"""One round of evaluations, grouped into as few model calls as possible."""

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
    """Evaluations that share one model call.

    Attributes:
        key: what they have in common: their owner, and the shapes of states and conditions.
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
            key = (owners[i], evaluation.x.shape[1:], *(part.shape[1:] for part in evaluation.condition))
            batch = batches.get(key)
            if batch is None:
                batch = batches[key] = Batch(key, [], [])
            batch.members.append((i, index))
            batch.evaluations.append(evaluation)
    return list(batches.values())


def evaluate(
    denoiser: Denoiser, batch: Batch, conditions: ConditionCache
) -> list[tuple[tuple[int, int], Prediction]]:
    """Make one model call for a batch; return each member with its prediction."""
    evaluations = batch.evaluations
    x = _concatenate([evaluation.x for evaluation in evaluations])
    condition = conditions.joined(batch.key, [evaluation.condition for evaluation in evaluations])
    prediction = denoiser.evaluate(x, _times(evaluations, x.device), condition)
    if len(evaluations) == 1:
        return [(batch.members[0], prediction)]
    predictions, start = [], 0
    for member, evaluation in zip(batch.members, evaluations, strict=True):
        stop = start + evaluation.x.shape[0]
        predictions.append((member, prediction.part(start, stop, evaluation.x)))
        start = stop
    return predictions


def _times(evaluations: Sequence[Evaluation], device: torch.device) -> Tensor | int:
    """Return the time of each picture, or one number if they all have the same."""
    if len({evaluation.t for evaluation in evaluations}) == 1:
        return evaluations[0].t
    times = [t for evaluation in evaluations for t in len(evaluation.x) * [evaluation.t]]
    return torch.tensor(times, device=device)


class ConditionCache:
    """Concatenates conditions. They are nearly always those of the last round, whose result is then reused."""

    def __init__(self) -> None:
        self._last: dict[tuple[object, ...], tuple[list[Condition], Condition]] = {}

    def joined(self, key: tuple[object, ...], conditions: list[Condition]) -> Condition:
        """Return the conditions of a batch with this key, concatenated along the batch axis."""
        if len(conditions) == 1:
            return conditions[0]
        before, joint = self._last.get(key, ([], ()))
        if len(before) != len(conditions) or any(map(operator.is_not, before, conditions)):
            joint = tuple(_concatenate(parts) for parts in zip(*conditions, strict=True))
            self._last[key] = conditions, joint
        return joint


def _concatenate(parts: Sequence[Tensor]) -> Tensor:
    """Return the parts as one batch; a single part is returned without a copy."""
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
