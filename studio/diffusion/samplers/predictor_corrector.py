"""Predictor-corrector: a DDIM or DDPM step to s, then K Langevin passes at s.

    x <- x + e score + sqrt(2 e) z,    e = 2 (snr |z| / |score|)^2

which is the Langevin update with delta = 2 e. The paper's factor alpha_i, which belongs to one of T steps and is
nearly one, is left out. The norms are taken **per picture**, never over the batch, so that a picture does not
depend on its neighbours; the published code averages them. Where the score of a picture is zero, as it is for a
model whose output layer is still at its zero initialisation, no step size exists and the pass changes nothing. Nor does
it where the score is next to zero: the step would be hundreds of times larger than the state. For data of a variance
of at most 1, E|score|^2 is at least |z|^2 / (alpha^2 + sigma^2) (the Cramer-Rao bound), so a score 20 times smaller
is an error of the model.
A step costs 1 + K model calls; the last one goes to clean data, where there is no score, and costs one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.diffusion.prediction import score_from_eps
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.langevin import langevin_update
from studio.diffusion.samplers.options import Options, choice, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message

if TYPE_CHECKING:
    from torch import Tensor

    from studio.diffusion.schedules import Schedule


MIN_SCORE = 0.05
"""The smallest |score| that a pass follows, relative to that of data of variance 1."""


@dataclass(frozen=True, kw_only=True)
class PredictorCorrectorOptions(Options):
    """The predictor, and the number and strength of the corrector passes.

    Attributes:
        predictor: "ddim" (eta 0) or "ddpm" (posterior variance).
        corrector_steps: K, Langevin passes after each predictor step.
        snr: ratio of the norms of drift and noise in a pass, r in the paper.
    """

    predictor: str = choice(
        "ddim",
        label=message("Predictor"),
        help=message("The sampler that takes the step."),
        choices=("ddim", "ddpm"),
    )
    corrector_steps: int = number(
        1,
        label=message("Corrector passes"),
        help=message("Langevin updates after each step."),
        minimum=0,
        maximum=100,
        step=1,
    )
    snr: float = number(
        0.16,
        label=message("Signal-to-noise ratio"),
        help=message("Size of a corrector update: the ratio of its drift to its noise."),
        minimum=0.001,
        maximum=1.0,
        step=0.01,
    )


class PredictorCorrector(Sampler[PredictorCorrectorOptions]):
    """Predictor-corrector sampling.

    Source: Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations",
    algorithms 1 and 5, arXiv 2011.13456.
    """

    name = "pc"
    title = message("Predictor-corrector")
    summary = message("Takes a DDIM or DDPM step, then corrects its error with Langevin updates.")
    paper = "Song et al. 2021, arXiv 2011.13456"
    Options = PredictorCorrectorOptions
    compared = True

    def __init__(self, schedule: Schedule, options: PredictorCorrectorOptions) -> None:
        super().__init__(schedule, options)
        self._predictor: Sampler[DDIMOptions] | Sampler[DDPMOptions] = (
            DDIM(schedule, DDIMOptions()) if options.predictor == "ddim" else DDPM(schedule, DDPMOptions())
        )

    @classmethod
    def count_queries(cls, options: PredictorCorrectorOptions, steps: int) -> int:
        """Return one query for each step, and one for each corrector pass of all steps but the last."""
        return steps + options.corrector_steps * (steps - 1)

    @classmethod
    def draws_noise(cls, options: PredictorCorrectorOptions) -> bool:
        """Return whether there are corrector passes, or a predictor that draws noise itself."""
        return options.corrector_steps > 0 or options.predictor == "ddpm"

    @classmethod
    def ode_limit(cls, options: PredictorCorrectorOptions) -> bool:
        """Return whether nothing but DDIM without fresh noise is left."""
        return not cls.draws_noise(options)

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        predicted = yield from self._predictor.step(state, t, s, noise)
        if s < 0:
            return predicted
        x, scale = predicted.x, math.hypot(self.schedule.alpha(s), self.schedule.sigma(s))
        for draw in range(1, 1 + self.options.corrector_steps):  # the predictor's draw is number 0
            p = yield Query(x, s)
            score, z = score_from_eps(p.eps, self.schedule.sigma(s)), noise(draw)
            delta = 4.0 * (self.options.snr * _norm(z) / _norm(score)) ** 2
            delta = delta.where(_norm(score) * scale > MIN_SCORE * _norm(z), 0.0)
            x = langevin_update(x, score, delta, z)
        return replace(predicted, x=x)


def _norm(x: Tensor) -> Tensor:
    """Return each picture's norm, (B, 1, 1, 1)."""
    norms: Tensor = x.flatten(1).norm(dim=1)
    return norms.view(-1, 1, 1, 1)
