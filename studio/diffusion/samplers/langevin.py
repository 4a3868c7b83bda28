"""Annealed Langevin dynamics: a random walk uphill on log p, at one noise level after another.

At each level s, several passes of

    x <- x + delta / 2 score(x, s) + sqrt(delta) z,    delta = coefficient sigma_s^2

The step from t to s starts at the x of level t, unchanged, and makes its passes at level s, one model call each;
the state it returns is one of level s. x is not rescaled by alpha_s / alpha_t: the states of a
variance-preserving schedule have about the same magnitude at every level, while that ratio reaches a thousand at
the noisy end of the cosine schedule. The first pass at each level therefore starts from a distribution that is
slightly too wide. The last step goes to clean data, where there is no score: it makes one model call and returns
x0_hat, the mean of x_0 given x (Tweedie's formula).

The stationary distribution is not exactly p: for p = N(m, c) the passes converge to the variance
c / (1 - delta / (4 c)). As c is at least sigma_s^2, the excess is at most a third at a coefficient of one, and
vanishes with sigma_s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.diffusion.prediction import score_from_eps
from studio.diffusion.samplers.options import Options, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LangevinOptions(Options):
    """Number and size of the updates at each level.

    Attributes:
        passes: Langevin updates at each level, each a model call.
        coefficient: delta / sigma_s^2. At 2, one pass removes all of the old noise and adds twice the new.
    """

    passes: int = number(
        5,
        label=message("Passes"),
        help=message("Langevin updates at each noise level."),
        minimum=1,
        maximum=100,
        step=1,
    )
    coefficient: float = number(
        0.5,
        label=message("Step size"),
        help=message("Size of an update relative to the noise variance: small is accurate, large is fast."),
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
    title = message("Annealed Langevin")
    summary = message("Follows the model's score with added noise, several updates at each noise level.")
    paper = "Song & Ermon 2019, arXiv 1907.05600"
    Options = LangevinOptions
    compared = True

    @classmethod
    def count_queries(cls, options: LangevinOptions, steps: int) -> int:
        """Return one query for each pass at each level, and one for the step to clean data."""
        return options.passes * (steps - 1) + 1

    @classmethod
    def first_query_time(cls, t: float, s: float) -> float:
        """Return s: the passes evaluate the state at the level they lead to. The last step evaluates it at t."""
        return t if s < 0 else s

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        if s < 0:
            p = yield Query(state.x, t)
            return state.advance(p.x0_hat)
        x, sigma = state.x, self.schedule.sigma(s)
        delta = self.options.coefficient * sigma**2
        for draw in range(self.options.passes):
            p = yield Query(x, s)
            x = langevin_update(x, score_from_eps(p.eps, sigma), delta, noise(draw))
        return state.advance(x)


def langevin_update(x: Tensor, score: Tensor, delta: float | Tensor, z: Tensor) -> Tensor:
    """Return x + delta / 2 score + sqrt(delta) z.

    Args:
        x: states, (B, C, H, W).
        score: grad log p at x, of x's shape.
        delta: step size, one number or one per picture, (B, 1, 1, 1).
        z: unit noise of x's shape.
    """
    return x + 0.5 * delta * score + delta**0.5 * z
