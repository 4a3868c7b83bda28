"""Annealed Langevin dynamics: walk at random uphill on log p, at one noise level after another.

At each level s, several passes of

    x <- x + delta / 2 score(x, s) + sqrt(delta) z,    delta = coefficient sigma_s^2

The step from t to s carries x over as it is and then makes its passes at level s, one model call each, so
that the state it leaves is one of level s. x is not rescaled by alpha_s / alpha_t: the states of a
variance-preserving schedule have about the same size at every level, while that ratio reaches a thousand at
the noisy end of the cosine schedule. The first pass at each level takes in what is left of the old noise as a
start a little too wide. The last step, to clean data, where there is no score, is one model call and returns
x0_hat, the mean of x_0 given x (Tweedie's formula).

Its stationary law is not p exactly: where p is N(m, c), the passes settle at the variance
c / (1 - delta / (4 c)). As c is at least sigma_s^2, the excess is at most a third at a coefficient of one, and
vanishes as sigma_s does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.diffusion.prediction import score_from_eps
from studio.diffusion.samplers.options import Options, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LangevinOptions(Options):
    """How long and how boldly to walk at each level.

    Attributes:
        passes: Langevin updates at each level, each a model call.
        coefficient: delta / sigma_s^2; at 2 one pass forgets all of the old noise, and leaves twice the new.
    """

    passes: int = number(
        5, label="Passes", help="Langevin updates at each noise level.", minimum=1, maximum=100, step=1
    )
    coefficient: float = number(
        0.5,
        label="Step size",
        help="Size of an update, in units of the level's noise variance: small is exact, large is fast.",
        minimum=0.001,
        maximum=2.0,
        step=0.05,
    )


class AnnealedLangevin(Sampler[LangevinOptions]):
    """Annealed Langevin dynamics.

    Source: Song & Ermon 2019, "Generative Modeling by Estimating Gradients of the Data Distribution",
    algorithm 1, arXiv 1907.05600; the denoising end of Jolicoeur-Martineau et al. 2021, arXiv 2009.05475.
    """

    name = "langevin"
    title = "Annealed Langevin"
    summary = "Wanders uphill on the model's score at each noise level, several updates a level."
    paper = "Song & Ermon 2019, arXiv 1907.05600"
    Options = LangevinOptions

    @classmethod
    def count_queries(cls, options: LangevinOptions, steps: int) -> int:
        """Return a query for each pass at each level, and one for the step to clean data."""
        return options.passes * (steps - 1) + 1

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        """Take one step from t to s; see ``Sampler.step``."""
        if s < 0:
            p = yield Query(state.x, t)
            return state.moved(p.x0_hat)
        x, sigma = state.x, self.schedule.sigma(s)
        delta = self.options.coefficient * sigma**2
        for draw in range(self.options.passes):
            p = yield Query(x, s)
            x = langevin_update(x, score_from_eps(p.eps, sigma), delta, noise(draw))
        return state.moved(x)


def langevin_update(x: Tensor, score: Tensor, delta: float | Tensor, z: Tensor) -> Tensor:
    """Return x + delta / 2 score + sqrt(delta) z.

    Args:
        x: states, (B, C, H, W).
        score: grad log p at x, of x's shape.
        delta: step size, one number or one for each picture, (B, 1, 1, 1).
        z: unit noise of x's shape.
    """
    return x + 0.5 * delta * score + delta**0.5 * z
