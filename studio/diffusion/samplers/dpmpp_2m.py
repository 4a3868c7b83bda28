"""DPM-Solver++ 2M: a second-order multistep solver of the probability-flow ODE.

With lambda = log(alpha / sigma), half of log-SNR, and the prediction D_t = x0_hat at time t:

    x_s = (sigma_s / sigma_t) x_t + (alpha_s - sigma_s alpha_t / sigma_t) D
    D   = D_t + (D_t - D_u) / (2 r),    r = (lambda_t - lambda_u) / (lambda_s - lambda_t)

u is the time visited before t. The first step, the one to clean data, and the one after a time without any signal
(r is infinite) are of order one: D = D_t. One model call a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.diffusion.samplers.options import Options
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DPMPP2MOptions(Options):
    """There is nothing to choose."""


class DPMPP2M(Sampler[DPMPP2MOptions]):
    """DPM-Solver++ 2M.

    Source: Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    algorithm 2, arXiv 2211.01095; k-diffusion's ``sample_dpmpp_2m``.
    """

    name = "dpmpp_2m"
    title = message("DPM++ 2M")
    summary = message("Follows the smooth path from noise to picture in curved steps; good with 20 to 30.")
    paper = "Lu et al. 2022, arXiv 2211.01095"
    Options = DPMPP2MOptions
    a1111, comfyui = "DPM++ 2M", "dpmpp_2m"

    @classmethod
    def draws_noise(cls, options: DPMPP2MOptions) -> bool:
        return False

    @classmethod
    def ode_limit(cls, options: DPMPP2MOptions) -> bool:
        return True

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        schedule = self.schedule
        p = yield Query(state.x, t)
        ratio = schedule.sigma(s) / schedule.sigma(t)
        predicted = self._extrapolated(state, p.x0_hat, t, s)
        x = ratio * state.x + (schedule.alpha(s) - ratio * schedule.alpha(t)) * predicted
        return state.advance(x, ((t, p.x0_hat),))

    def _extrapolated(self, state: State, x0_hat: Tensor, t: float, s: float) -> Tensor:
        if s < 0 or not state.history:
            return x0_hat
        u, before = state.history[-1]
        lambdas = [0.5 * self.schedule.log_snr(one) for one in (u, t, s)]
        if math.isinf(lambdas[0]) or math.isinf(lambdas[1]):
            return x0_hat
        share = 0.5 * (lambdas[2] - lambdas[1]) / (lambdas[1] - lambdas[0])
        return (1.0 + share) * x0_hat - share * before
