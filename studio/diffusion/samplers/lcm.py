"""The sampler of latent consistency models: predict the clean picture, and add new noise down to the next level.

    x_s = alpha_s x0_hat + sigma_s z

Nothing of the old noise is kept. For models whose x0_hat is already a finished picture from any level (LCM, and their
LoRA), in one to eight steps; with others the pictures stay blurred. One model call a step; the last one adds no noise.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.diffusion.samplers.options import Options
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.messages import message


@dataclass(frozen=True, kw_only=True)
class LCMOptions(Options):
    """There is nothing to choose."""


class LCM(Sampler[LCMOptions]):
    """Multistep consistency sampling.

    Source: Song et al. 2023, "Consistency Models", algorithm 1, arXiv 2303.01469; Luo et al. 2023, "Latent Consistency
    Models", algorithm 3, arXiv 2310.04378; ComfyUI's ``sample_lcm``.
    """

    name = "lcm"
    title = message("LCM")
    summary = message("Predicts the picture and adds new noise each time; for LCM models, with 1 to 8 steps.")
    paper = "Luo et al. 2023, arXiv 2310.04378"
    Options = LCMOptions
    a1111, comfyui = "LCM", "lcm"

    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        p = yield Query(state.x, t)
        if s < 0:
            return state.advance(p.x0_hat)
        return state.advance(self.schedule.alpha(s) * p.x0_hat + self.schedule.sigma(s) * noise(0))
