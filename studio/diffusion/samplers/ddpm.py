"""DDPM: ancestral sampling, a draw from the posterior q(x_s | x_t, x_0 = x0_hat) at each step.

Works for any visited times: the step from t to s reverses one step of a forward process with the variance var(t|s)
(forward.py). One model call a step. The last step, to s = -1, adds no noise and returns
x0_hat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio.diffusion.forward import posterior
from studio.diffusion.samplers.options import Options, choice
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message


@dataclass(frozen=True, kw_only=True)
class DDPMOptions(Options):
    """The variance of the reverse step.

    Attributes:
        variance: "posterior", exact for data that is a single point, or "beta", exact for data that is unit
            noise. The true variance lies in between, and the two converge as the number of steps grows.
    """

    variance: str = choice(
        "posterior",
        label=message("Variance"),
        help=message("Noise added at each step: posterior (cleaner with few steps) or beta (more varied)."),
        choices=("posterior", "beta"),
    )


class DDPM(Sampler[DDPMOptions]):
    """Denoising diffusion probabilistic models.

    Source: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", algorithm 2 and section 3.2, arXiv
    2006.11239.
    """

    name = "ddpm"
    title = message("DDPM")
    summary = message("Removes some noise and adds fresh noise at each step; best with many steps.")
    paper = "Ho, Jain & Abbeel 2020, arXiv 2006.11239"
    Options = DDPMOptions
    compared = True
    comfyui = "ddpm"

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        p = yield Query(state.x, t)
        mean, variance = posterior(self.schedule, state.x, p.x0_hat, t, s)
        if s < 0:
            return state.advance(mean)
        if self.options.variance == "beta":
            variance = self.schedule.var(t, s)
        return state.advance(mean + math.sqrt(variance) * noise(0))
