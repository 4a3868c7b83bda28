"""A guided step of a model of the size that artists have, against diffusers' pipeline, and what lockstep costs.

The network is Stable Diffusion 1.5's U-Net with random weights. diffusers' pipeline runs once as its README has it, in
float32, and once with the dtype and the memory format that this program chooses.
"""

from __future__ import annotations

import copy
import gc
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import Run, drive_lockstep
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit
from studio.families.backbone import LatentUNet
from studio.families.model import schedule_of
from studio.families.sd1 import SD1
from studio.weights.compute import compute_in
from tests.bench.measure import SECONDS, ratio, say, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKENS, GUIDANCE = 77, 7.5
SIZES: Mapping[int, float] = {256: 2.2, 512: 1.7}
"""By side in pixels: how many times as fast as float32 a step must be where bfloat16 is clearly faster."""
CLEARLY_FASTER = 1.8
"""From which speed of bfloat16 on the bars of `SIZES` apply; else a step must only be as fast as in float32."""
EQUAL = 1.05
LOCKSTEP = ("ddim", "euler", "dpmpp_2m", "euler_ancestral")


class Steps:
    """Guided steps of one U-Net from fixed noise."""

    def __init__(self, unet: Any, dtype: torch.dtype, *, width: int, channels_last: bool) -> None:  # noqa: ANN401
        compute_in(unet, dtype, cast_once=True, channels_last=channels_last)
        backbone = LatentUNet(unet, size_conditioning=False, dtype=dtype, channels_last=channels_last)
        self.schedule = schedule_of(SD1.schedule)
        self.denoiser = Denoiser(backbone, self.schedule, "eps", clip=False)
        generator = torch.Generator().manual_seed(1)
        texts = torch.randn(2, TOKENS, width, generator=generator)
        self.condition, self.negative = (Conditioning(tokens=text[None]) for text in texts)

    def run(self, side: int, steps: int, sampler: str = "ddim", seed: int = 0) -> Run:
        """Return a run at a size in pixels."""
        noise = Noise((seed,), (4, side // 8, side // 8))
        visits = visit(self.schedule, steps, "trailing")
        kind = SAMPLERS[sampler]
        start = noise.start(self.schedule, visits.times[0])
        return Run(
            sampler=kind(self.schedule, kind.Options()),
            guidance=ClassifierFreeGuidance(GUIDANCE, self.condition, self.negative),
            state=State(start, 0, visits.times, model_times=visits.model_times),
            noise=noise,
        )

    def take(self, *runs: Run) -> None:
        """Drive runs together to their end."""
        for _ in drive_lockstep(runs, [self.denoiser] * len(runs)):
            pass
        gc.collect()


def pipeline(unet: Any) -> Any:  # noqa: ANN401 - diffusers' classes have no types
    """Return diffusers' pipeline of Stable Diffusion 1.5 around a U-Net, without text encoder."""
    vae = AutoencoderKL(  # only its number of blocks matters
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    )
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        steps_offset=1,
        timestep_spacing="trailing",
    )
    made = StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=None,
        tokenizer=None,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def their_steps(pipe: Any, side: int, steps: int, texts: Sequence[torch.Tensor]) -> None:  # noqa: ANN401
    """Take guided steps with diffusers' pipeline."""
    embeds = [text.to(pipe.unet.dtype) for text in texts]
    pipe(
        prompt_embeds=embeds[0],
        negative_prompt_embeds=embeds[1],
        height=side,
        width=side,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        output_type="latent",
        generator=torch.Generator().manual_seed(0),
    )
    gc.collect()


def step_figures(unet: Any, width: int, speedup: float, *, rounds: int) -> dict[str, object]:  # noqa: ANN401
    """Time steps, lockstep and cancelling.

    Args:
        unet: in float32.
        width: of the tokens.
        speedup: how many times as fast as float32 bfloat16 was found to be.
        rounds: timed turns of each.
    """
    reduced = speedup >= CLEARLY_FASTER
    dtype = torch.bfloat16 if reduced else torch.float32
    ours = Steps(copy.deepcopy(unet), dtype, width=width, channels_last=reduced)
    texts = (ours.condition.tokens, ours.negative.tokens)
    theirs, same = pipeline(unet), pipeline(copy.deepcopy(unet).to(dtype))
    if reduced:
        same.unet.to(memory_format=torch.channels_last)
    figures: dict[str, object] = {"speed-up of bfloat16": round(speedup, 2), "compute": str(dtype)}
    for side, bar in SIZES.items():
        steps = 2 if side == min(SIZES) else 1
        say(f"models: a step at {side}x{side}")
        for name, pipe, limit in (
            ("diffusers in float32", theirs, 1 / bar if reduced else EQUAL),
            ("diffusers in our dtype", same, EQUAL),
        ):
            medians = take_turns(
                lambda side=side, steps=steps: ours.take(ours.run(side, steps)),
                lambda pipe=pipe, side=side, steps=steps: their_steps(pipe, side, steps, texts),
                rounds=rounds,
                warm_ups=1,
            )
            each = (medians[0] / steps, medians[1] / steps)
            figures[f"step at {side}, {name}"] = ratio(
                each, of="ours", to=name, unit=SECONDS, bar=round(limit, 3)
            )
    side = min(SIZES)
    say("models: lockstep")
    runs = [ours.run(side, 2, name, seed) for seed, name in enumerate(LOCKSTEP)]
    medians = take_turns(
        lambda: ours.take(*runs),
        lambda: [ours.take(run) for run in runs],
        rounds=rounds,
        warm_ups=0,
    )
    figures["lockstep of four samplers"] = ratio(medians, of="in lockstep", to="alone", unit=SECONDS)
    return figures
