"""DDIM, from the deterministic walk (eta 0) to ancestral sampling (eta 1).

    x_s = alpha_s x0_hat + sqrt(sigma_s^2 - d^2) eps + d z
    d   = eta (sigma_s / sigma_t) sqrt(1 - alpha_bar_t / alpha_bar_s)

One model call. At eta = 0 it is Euler's method, of order one, for the probability flow of the schedule; at
eta = 1 it is DDPM's posterior step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio.diffusion.samplers.options import Options, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps


@dataclass(frozen=True, kw_only=True)
class DDIMOptions(Options):
    """How much fresh noise each step takes in.

    Attributes:
        eta: 0 (none; the same x_T always gives the same picture) to 1 (as much as DDPM).
    """

    eta: float = number(
        0.0,
        label="Noise added back (eta)",
        help="Fresh noise at each step: 0 adds none, 1 adds as much as DDPM.",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    )


class DDIM(Sampler[DDIMOptions]):
    """Denoising diffusion implicit models.

    Source: Song et al. 2021, "Denoising Diffusion Implicit Models", equations 12 and 16, arXiv 2010.02502.
    """

    name = "ddim"
    title = "DDIM"
    summary = "Follows one smooth path from noise to picture; good with few steps."
    paper = "Song, Meng & Ermon 2021, arXiv 2010.02502"
    Options = DDIMOptions

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        """Take one step from t to s; see ``Sampler.step``."""
        p = yield Query(state.x, t)
        alpha_s, sigma_s = self.schedule.alpha(s), self.schedule.sigma(s)
        fresh = self.options.eta * sigma_s / self.schedule.sigma(t) * math.sqrt(self.schedule.beta(t, s))
        kept = math.sqrt(max(sigma_s**2 - fresh**2, 0.0))  # rounding may take it below zero
        x_s = alpha_s * p.x0_hat + kept * p.eps
        return state.moved(x_s + fresh * noise(0) if fresh > 0.0 else x_s)
