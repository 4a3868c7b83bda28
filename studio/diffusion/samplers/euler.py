"""Euler's method for the probability-flow ODE, and its ancestral form, which adds fresh noise at each step.

    Euler        x_s = alpha_s x0_hat + sigma_s eps
    ancestral    x_s = alpha_s x0_hat + sqrt(sigma_s^2 - d^2) eps + d z,    d = eta (sigma_s / sigma_t) sqrt(var(t|s))

k-diffusion writes both for x / alpha and sigma / alpha, where the first is
x + (sigma_s - sigma_t) (x - x0_hat) / sigma_t, and the second splits sigma_s into "sigma_down" and "sigma_up". They are
the same numbers, and on every schedule those of DDIM: Euler is DDIM with eta 0, and its ancestral form DDIM with the
same eta. One model call a step.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.diffusion.samplers.ddim import ddim_step
from studio.diffusion.samplers.options import Options, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message


@dataclass(frozen=True, kw_only=True)
class EulerOptions(Options):
    """There is nothing to choose."""


class Euler(Sampler[EulerOptions]):
    """Euler's method.

    Source: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 1
    without its second-order correction, arXiv 2206.00364; k-diffusion's ``sample_euler`` without churn.
    """

    name = "euler"
    title = message("Euler")
    summary = message("Follows the smooth path from noise to picture in straight steps; the usual choice.")
    paper = "Karras et al. 2022, arXiv 2206.00364"
    Options = EulerOptions
    a1111, comfyui = "Euler", "euler"

    @classmethod
    def draws_noise(cls, options: EulerOptions) -> bool:
        return False

    @classmethod
    def ode_limit(cls, options: EulerOptions) -> bool:
        return True

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        p = yield Query(state.x, t)
        return state.advance(self.schedule.alpha(s) * p.x0_hat + self.schedule.sigma(s) * p.eps)


@dataclass(frozen=True, kw_only=True)
class EulerAncestralOptions(Options):
    """How much fresh noise each step adds.

    Attributes:
        eta: 0 (none, as Euler) to 1 (as much as DDPM).
    """

    eta: float = number(
        1.0,
        label=message("Fresh noise (eta)"),
        help=message("Noise added at each step: 0 adds none, 1 adds as much as DDPM."),
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    )


class EulerAncestral(Sampler[EulerAncestralOptions]):
    """Euler's method with fresh noise.

    Source: k-diffusion's ``sample_euler_ancestral`` and ``get_ancestral_step``; the split of the noise is that of Song
    et al. 2021, equation 16, arXiv 2010.02502.
    """

    name = "euler_ancestral"
    title = message("Euler ancestral")
    summary = message(
        "Euler with fresh noise at each step: more varied, and different with every number of steps."
    )
    paper = "Crowson 2022, k-diffusion; Song, Meng & Ermon 2021, arXiv 2010.02502"
    Options = EulerAncestralOptions
    a1111, comfyui = "Euler a", "euler_ancestral"

    @classmethod
    def draws_noise(cls, options: EulerAncestralOptions) -> bool:
        return options.eta > 0.0

    @classmethod
    def ode_limit(cls, options: EulerAncestralOptions) -> bool:
        return options.eta <= 0.0

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        return ddim_step(self.schedule, self.options.eta, state, t, s, noise)
