"""Euler ancestral for flow matching: an Euler step beyond the next level, and noise back up to it.

With sigma and alpha = 1 - sigma at s, and d the level that the Euler step goes to:

    sigma_d = sigma_s (1 + (sigma_s / sigma_t - 1) eta),    alpha_d = 1 - sigma_d
    x_d     = (sigma_d / sigma_t) x_t + (1 - sigma_d / sigma_t) x0_hat
    x_s     = (alpha_s / alpha_d) x_d + sqrt(sigma_s^2 - (sigma_d alpha_s / alpha_d)^2) z

x is scaled down before the noise is added, because alpha is not 1. On other schedules the same rule is taken with
sigma / (alpha + sigma) for sigma, whose states differ from those of flow matching only in their scale. One model call a
step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio.diffusion.samplers.options import Options, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message


@dataclass(frozen=True, kw_only=True)
class EulerFlowOptions(Options):
    """How much fresh noise each step adds.

    Attributes:
        eta: 0 (none, as Euler) to 1.
    """

    eta: float = number(
        1.0,
        label=message("Fresh noise (eta)"),
        help=message("Noise added at each step: 0 adds none, 1 the most."),
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    )


class EulerFlow(Sampler[EulerFlowOptions]):
    """Euler ancestral of rectified flow.

    Source: ComfyUI's ``sample_euler_ancestral_RF``, which it takes in place of Euler ancestral for flow models.
    """

    name = "euler_ancestral_rf"
    title = message("Euler ancestral (flow)")
    summary = message("Euler with fresh noise at each step, as flow models take it.")
    paper = "ComfyUI 2024; Liu, Gong & Liu 2023, arXiv 2209.03003"
    Options = EulerFlowOptions
    a1111, comfyui = "", "euler_ancestral"

    @classmethod
    def draws_noise(cls, options: EulerFlowOptions) -> bool:
        return options.eta > 0.0

    @classmethod
    def ode_limit(cls, options: EulerFlowOptions) -> bool:
        return options.eta <= 0.0

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        p = yield Query(state.x, t)
        if s < 0:
            return state.advance(p.x0_hat)
        alpha_s, sigma_s = self.schedule.alpha(s), self.schedule.sigma(s)
        scale = alpha_s + sigma_s
        level_t = self.schedule.sigma(t) / (self.schedule.alpha(t) + self.schedule.sigma(t))
        level_s = sigma_s / scale
        level_d = level_s * (1.0 + (level_s / level_t - 1.0) * self.options.eta)
        kept = (1.0 - level_s) / (1.0 - level_d)
        fresh = math.sqrt(max(level_s**2 - (level_d * kept) ** 2, 0.0))
        x_d = (1.0 - level_d) * p.x0_hat + level_d * p.eps
        x_s = scale * kept * x_d
        return state.advance(x_s + scale * fresh * noise(0) if fresh > 0.0 else x_s)
