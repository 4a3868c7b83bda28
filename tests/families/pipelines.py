"""diffusers' pipelines around our modules, as a second implementation of sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers import scheduling_ddpm
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from studio.families.configs import BEGIN_TOKEN, END_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from studio.diffusion.prediction import PredictionKind
    from studio.families.family import Family
    from studio.families.loading import Networks

LENGTH = 77
PREDICTIONS = {"eps": "epsilon", "v": "v_prediction"}


def token_ids(text: str, pad: int) -> list[int]:
    """Return ids made from a text's characters, between begin and end, padded to the encoder's length."""
    inner = [ord(character) % 900 + 1 for character in text]
    return [BEGIN_TOKEN, *inner, END_TOKEN] + [pad] * (LENGTH - 2 - len(inner))


@dataclass
class _Tokens:
    input_ids: Tensor


class CharacterTokenizer:
    """What a pipeline calls of transformers' tokenizers."""

    model_max_length = LENGTH

    def __init__(self, pad: int) -> None:
        self.pad = pad
        self.added_tokens_encoder: dict[str, int] = {}

    def tokenize(self, text: str) -> list[str]:
        return list(text)

    def __call__(self, texts: str | Sequence[str], *, padding: str, **_: object) -> _Tokens:
        texts = [texts] if isinstance(texts, str) else texts
        return _Tokens(torch.tensor([token_ids(text, self.pad) for text in texts]))


def scheduler_of(
    family: Family, sampler: str, prediction: PredictionKind, *, zero_terminal_snr: bool = False
) -> DDIMScheduler | DDPMScheduler:
    """Return diffusers' scheduler with the published configuration of the family, or of its zero-SNR children."""
    published = {
        "beta_schedule": family.schedule.name,
        "beta_start": family.schedule.beta_start,
        "beta_end": family.schedule.beta_end,
        "num_train_timesteps": family.schedule.T,
        "steps_offset": family.schedule.steps_offset,
        "timestep_spacing": "trailing" if zero_terminal_snr else "leading",
        "rescale_betas_zero_snr": zero_terminal_snr,
        "prediction_type": PREDICTIONS[prediction],
    }
    kind: Any = {"ddim": DDIMScheduler, "ddpm": DDPMScheduler}[sampler]
    changes = {"set_alpha_to_one": True} if sampler == "ddim" else {}
    return kind.from_config(published, clip_sample=False, **changes)


def pipeline_of(networks: Networks, scheduler: object) -> Any:  # noqa: ANN401 - a class of a library without types
    """Return diffusers' pipeline of the family around the same modules."""
    encoders = networks.text_encoders
    parts = {
        "vae": networks.vae,
        "unet": networks.unet,
        "text_encoder": encoders[0].model,
        "tokenizer": CharacterTokenizer(encoders[0].part.pad_token),
        "scheduler": scheduler,
    }
    if len(encoders) == 1:
        pipeline: Any = StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    else:
        second = encoders[1]
        pipeline = StableDiffusionXLPipeline(
            **parts,
            text_encoder_2=second.model,
            tokenizer_2=CharacterTokenizer(second.part.pad_token),
            add_watermarker=False,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@dataclass
class TheirRun:
    """What a pipeline did: the times it visited, the final latents, the pictures (B, 3, H, W) in [0, 1]."""

    times: tuple[int, ...]
    latents: Tensor
    pictures: Tensor


def their_run(
    networks: Networks,
    sampler: str,
    prompt: str,
    *,
    prediction: PredictionKind,
    steps: int,
    guidance: float,
    start: Tensor,
    draws: Sequence[Tensor],
    size: int,
    zero_terminal_snr: bool = False,
) -> TheirRun:
    """Run diffusers' pipeline with the same start and the same noise."""
    scheduler = scheduler_of(networks.family, sampler, prediction, zero_terminal_snr=zero_terminal_snr)
    pipeline = pipeline_of(networks, scheduler)
    left, last = list(draws), []

    def keep(_pipeline: object, _step: int, _time: object, values: dict[str, Tensor]) -> dict[str, Tensor]:
        last.append(values["latents"])
        return values

    with pytest.MonkeyPatch.context() as patch:  # DDPM's scheduler takes no noise from outside
        patch.setattr(scheduling_ddpm, "randn_tensor", lambda *args, **kwargs: left.pop(0))
        found = pipeline(
            prompt,
            negative_prompt="",
            height=size,
            width=size,
            num_inference_steps=steps,
            guidance_scale=guidance,
            guidance_rescale=0.0,
            eta=0.0,
            latents=start,
            output_type="pt",
            callback_on_step_end=keep,
        )
    return TheirRun(tuple(scheduler.timesteps.tolist()), last[-1], found.images)
