"""What a step costs beyond the model call: our loop against diffusers' scheduler loop on the same backbone.

Both visit the same times, clip nothing and start from the same x_T; the bench checks that DDIM arrives at the same
picture. The backbone answers at once with a tensor made beforehand, so that all the time is the loop's. diffusers draws
DDPM's noise from one running generator; ours is keyed, a generator for each draw, and pays for it here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor

from studio.backbones.text import TextConfig, TextEncoder
from studio.backbones.unet import UNet, UNetConfig
from studio.diffusion import schedules
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit_times
from tests.bench.measure import microseconds_per, ratio, say, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.diffusion.denoiser import Backbone
    from studio.diffusion.prediction import PredictionKind

BAR = 1.0
SHAPES = ((16, 8, 8), (4, 64, 64))
SCALES = (1.0, 4.0)
STEPS, ROUNDS = 50, 31
UNET_STEPS, UNET_ROUNDS = 10, 15
TEXT = 192
KINDS: tuple[PredictionKind, ...] = ("eps", "v")
DIFFUSERS_KINDS = {"eps": "epsilon", "v": "v_prediction"}
SCHEDULERS: Mapping[str, Any] = {
    "ddim": DDIMScheduler,
    "ddpm": DDPMScheduler,
}


class AtOnce:
    """A backbone that costs nothing: it says what it always says."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        said = torch.randn((1, *shape), generator=torch.Generator().manual_seed(1)).expand(2, *shape)
        self.said = {1: said[:1].contiguous(), 2: said.contiguous()}

    def __call__(self, x: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        return self.said[len(x)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One sampling to time.

    Attributes:
        sampler: "ddim" or "ddpm".
        scale: guidance; 1 is off.
        shape: (C, H, W).
        steps: how many.
        kind: what the backbone predicts.
    """

    sampler: str
    scale: float
    shape: tuple[int, int, int]
    steps: int = STEPS
    kind: PredictionKind = "eps"

    def __str__(self) -> str:
        guided = "guided" if self.scale != 1 else "unguided"
        return f"{self.sampler}_{self.kind}_{guided}_{'x'.join(map(str, self.shape))}"


class Loops:
    """Both loops of one case."""

    def __init__(self, case: Case, backbone: Backbone, wanted: Conditioning, negative: Conditioning) -> None:
        self.case, self.backbone = case, backbone
        schedule = schedules.linear()
        self.times = visit_times(schedule.T, case.steps, "trailing")
        self.noise = Noise([0], case.shape)
        self.start = self.noise.initial()
        sampler = SAMPLERS[case.sampler]
        self.sampler = sampler(schedule, sampler.Options())
        self.guidance = ClassifierFreeGuidance(case.scale, wanted, negative)
        self.denoiser = Denoiser(backbone, schedule, case.kind)

        self.scheduler = SCHEDULERS[case.sampler](
            beta_schedule="linear",
            timestep_spacing="trailing",
            clip_sample=False,
            prediction_type=DIFFUSERS_KINDS[case.kind],
        )
        self.scheduler.set_timesteps(case.steps)
        both = Conditioning.concatenate([negative, wanted])
        self.condition = both if case.scale != 1 else wanted

    def ours(self) -> Tensor:
        """Play the stepper."""
        x = self.start
        for result in drive(self.sampler, self.guidance, self.denoiser, State(x, 0, self.times), self.noise):
            x = result.state.x
        return x

    @torch.no_grad()
    def diffusers(self) -> Tensor:
        """Do what diffusers' pipelines do, and no more."""
        x, guided, scale = self.start, self.case.scale != 1, self.case.scale
        extra = {"generator": torch.Generator().manual_seed(0)} if self.case.sampler == "ddpm" else {}
        for t in self.scheduler.timesteps:
            model_input = torch.cat([x] * 2) if guided else x
            model_input = self.scheduler.scale_model_input(model_input, t)
            said = self.backbone(model_input, t.expand(len(model_input)), self.condition)
            if guided:
                uncond, cond = said.chunk(2)
                said = uncond + scale * (cond - uncond)
            x = self.scheduler.step(said, t, x, **extra, return_dict=False)[0]
        return x

    def check(self) -> None:
        """Refuse to compare what does not do the same.

        Raises:
            RuntimeError: the loops do not visit the same times or do not reach the same picture.
        """
        if self.scheduler.timesteps.tolist() != list(self.times[:-1]):
            raise RuntimeError(f"{self.case}: the loops visit different times")
        ours, theirs = self.ours(), self.diffusers()
        if self.case.sampler == "ddim" and not torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3):
            raise RuntimeError(f"{self.case}: the loops differ by {float((ours - theirs).abs().max()):g}")

    def medians(self, rounds: int) -> tuple[float, float]:
        """Return the median seconds of our whole loop and of diffusers'."""
        self.check()
        return take_turns(self.ours, self.diffusers, rounds=rounds)


def bench() -> Mapping[str, object]:
    """Time every case; the headline is the worst of them."""
    condition, negative = conditions()
    figures: dict[str, object] = {}
    worst: tuple[float, tuple[float, float], str] | None = None
    for sampler, kind, scale, shape in itertools.product(SCHEDULERS, KINDS, SCALES, SHAPES):
        case = Case(sampler=sampler, scale=scale, shape=shape, kind=kind)
        say(f"loop: {case}")
        medians = Loops(case, AtOnce(shape), condition, negative).medians(ROUNDS)
        figures[f"loop_overhead_vs_diffusers/{case}"] = figure(medians, STEPS, BAR)
        worst = max(worst or (0.0, medians, ""), (medians[0] / medians[1], medians, str(case)))
    if worst is None:
        raise RuntimeError("there is no case")
    headline = figure(worst[1], STEPS, BAR) | {"worst_of": len(figures), "case": worst[2]}
    return {"loop_overhead_vs_diffusers": headline} | figures | whole(condition, negative)


@torch.no_grad()
def whole(condition: Conditioning, negative: Conditioning) -> dict[str, object]:
    """Time sampling as a whole with a small U-Net, where the loop's share is what a user sees of it."""
    torch.manual_seed(0)
    shape = SHAPES[0]
    network = UNet(UNetConfig(channels=shape[0], widths=(64, 128), blocks=1, embedding=128, text=TEXT))
    backbone = network.eval().requires_grad_(False)
    figures: dict[str, object] = {}
    for sampler, scale in itertools.product(SCHEDULERS, SCALES):
        case = Case(sampler=sampler, scale=scale, shape=shape, steps=UNET_STEPS)
        say(f"loop: {case}, whole, with a U-Net")
        medians = Loops(case, backbone, condition, negative).medians(UNET_ROUNDS)
        figures[f"sampling_with_unet_vs_diffusers/{case}"] = figure(medians, UNET_STEPS)
    return figures


def conditions() -> tuple[Conditioning, Conditioning]:
    """Return what a prompt and the empty prompt become for a model of text."""
    torch.manual_seed(0)
    encoder = TextEncoder(TextConfig(features=TEXT)).eval().requires_grad_(False)
    return encoder.encode(["a red apple on a blue background"]), encoder.encode([""])


def figure(medians: tuple[float, float], steps: int, bar: float | None = None) -> dict[str, object]:
    """Return the figure of two loops of so many steps."""
    return ratio(medians, of="ours", to="diffusers", unit=microseconds_per(steps, "step"), bar=bar)
