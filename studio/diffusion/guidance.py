"""Guidance stands between sampler and model, and neither knows of it.

It has a sampler's shape: given a query it *asks* for evaluations by yielding them and is sent the
predictions.

    guided = uncond + w (cond - uncond)

w = 1 is off and costs one model call; any other w costs two, which are answered together as one call of twice
the batch. The paper writes (1 + w) cond - w uncond: the same, with its w one less than this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.diffusion.denoiser import Condition, Prediction
from studio.diffusion.samplers.stepper import Evaluation, Query
from studio.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True, eq=False)
class ClassifierFreeGuidance:
    """Classifier-free guidance.

    Source: Ho & Salimans 2022, "Classifier-Free Diffusion Guidance", equation 6, arXiv 2207.12598.

    Attributes:
        scale: w, any finite number.
        condition: what is wanted, for the whole batch.
        negative: what takes the place of "no condition": the empty prompt's condition, or a negative
            prompt's.

    Raises:
        RequestError: the scale is not a finite number.
    """

    scale: float
    condition: Condition
    negative: Condition

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise RequestError("guidance", f"must be a finite number, not {self.scale}")

    @property
    def uses_negative(self) -> bool:
        """Whether the negative condition has any part in the result; at w = 1 it has none."""
        return self.scale != 1

    def ask(self, query: Query) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], Prediction]:
        """Ask for what is needed to answer the query; return the guided prediction."""
        wanted = Evaluation(query.x, query.t, self.condition)
        if not self.uses_negative:
            (prediction,) = yield (wanted,)
            return prediction
        cond, uncond = yield wanted, Evaluation(query.x, query.t, self.negative)
        # At a fixed x_t, x_0, eps and v are linear in each other, so whatever the model predicts is combined as it
        # came. The linear interpolation from uncond to cond, carried on beyond cond, is the formula above.
        output = uncond.output.lerp(cond.output, self.scale)
        return Prediction(cond.kind, output, query.x, cond.alpha, cond.sigma, cond, uncond)
