"""Guidance sits between sampler and model; neither knows about it.

Like a sampler it is a generator: for a query it yields the evaluations that it needs and is sent the predictions.

    guided = uncond + w (cond - uncond)

w = 1 is off and costs one model call. Any other w costs two, made as one call with twice the batch size. The paper
writes (1 + w) cond - w uncond: the same with w one smaller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.diffusion.denoiser import Prediction
from studio.diffusion.samplers.stepper import Evaluation, Query
from studio.errors import RequestError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Generator

    from studio.diffusion.conditioning import Conditioning


@dataclass(frozen=True, eq=False)
class ClassifierFreeGuidance:
    """Classifier-free guidance.

    Source: Ho & Salimans 2022, "Classifier-Free Diffusion Guidance", equation 6, arXiv 2207.12598.

    Attributes:
        scale: w, any finite number.
        condition: of the prompts, for the whole batch.
        negative: the condition of the unconditional prediction: that of the empty prompt, or of a negative one.

    Raises:
        RequestError: the scale is not a finite number.
    """

    scale: float
    condition: Conditioning
    negative: Conditioning

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise RequestError("guidance", message("must be a finite number, not {value}", value=self.scale))

    @property
    def uses_negative(self) -> bool:
        """Whether the negative condition affects the result; at w = 1 it does not."""
        return self.scale != 1

    def ask(self, query: Query) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], Prediction]:
        """Yield the evaluations that the query needs; return the guided prediction."""
        conditional = Evaluation(query.x, query.t, self.condition, query.model_time)
        if not self.uses_negative:
            (prediction,) = yield (conditional,)
            return prediction
        cond, uncond = yield conditional, replace(conditional, condition=self.negative)
        # At a fixed x_t, x_0, eps and v are linear functions of each other, so the outputs can be combined whatever
        # they mean. The formula above is a linear interpolation from uncond to cond, extrapolated for w > 1.
        output = uncond.output.lerp(cond.output, self.scale)
        return Prediction(cond.kind, output, query.x, cond.alpha, cond.sigma, cond, uncond)
