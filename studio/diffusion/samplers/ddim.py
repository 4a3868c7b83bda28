"""DDIM, from a deterministic solver (eta 0) to ancestral sampling (eta 1).

    x_s = alpha_s x0_hat + sqrt(sigma_s^2 - d^2) eps + d z
    d   = eta (sigma_s / sigma_t) sqrt(var(t|s))

One model call a step. At eta = 0 this is a first-order solver of the probability-flow ODE: Euler's method for
x / alpha as a function of sigma / alpha (not for x as a function of t), which is also what DPM-Solver-1 does. At
eta = 1 it is DDPM's posterior step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.diffusion.samplers.options import Options, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message

if TYPE_CHECKING:
    from studio.diffusion.levels import Schedule


@dataclass(frozen=True, kw_only=True)
class DDIMOptions(Options):
    """How much fresh noise each step adds.

    Attributes:
        eta: 0 (none: x_T alone determines the picture) to 1 (as much as DDPM).
    """

    eta: float = number(
        0.0,
        label=message("Fresh noise (eta)"),
        help=message("Noise added at each step: 0 adds none, 1 adds as much as DDPM."),
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    )


class DDIM(Sampler[DDIMOptions]):
    """Denoising diffusion implicit models.

    Source: Song et al. 2021, "Denoising Diffusion Implicit Models", equations 12 and 16, arXiv 2010.02502.
    """

    name = "ddim"
    title = message("DDIM")
    summary = message("Follows one smooth path from noise to picture; works well with few steps.")
    paper = "Song, Meng & Ermon 2021, arXiv 2010.02502"
    Options = DDIMOptions
    compared = True
    a1111, comfyui = "DDIM", "ddim"

    @classmethod
    def draws_noise(cls, options: DDIMOptions) -> bool:
        return options.eta > 0.0

    @classmethod
    def ode_limit(cls, options: DDIMOptions) -> bool:
        """Return whether eta is 0; with any fresh noise the limit is the reverse SDE."""
        return options.eta <= 0.0

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        return ddim_step(self.schedule, self.options.eta, state, t, s, noise)


def ddim_step(schedule: Schedule, eta: float, state: State, t: float, s: float, noise: StepNoise) -> Steps:
    """Take the step of equation 12 from t to s; eta is 0 (no fresh noise) to 1 (as much as DDPM)."""
    p = yield Query(state.x, t)
    alpha_s, sigma_s = schedule.alpha(s), schedule.sigma(s)
    fresh = eta * sigma_s / schedule.sigma(t) * math.sqrt(schedule.var(t, s))
    kept = math.sqrt(max(sigma_s**2 - fresh**2, 0.0))  # rounding may push the difference below zero
    x_s = alpha_s * p.x0_hat + kept * p.eps
    return state.advance(x_s + fresh * noise(0) if fresh > 0.0 else x_s)
