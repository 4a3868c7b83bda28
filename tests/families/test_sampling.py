"""Our DDIM and DDPM with each family's networks, against the family's own pipeline of diffusers.

Each small model is saved in the layouts that people have, loaded, and sampled with guidance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
import torch

from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit
from studio.families import loading
from studio.families.backbone import size_ids
from studio.families.clip import TextEncoder
from studio.families.family import LatentFacts
from studio.families.loading import Networks
from studio.families.model import schedule_of
from tests.diffusion.analytic import FixedNoise
from tests.families.pipelines import TheirRun, their_run, token_ids
from tests.families.tiny import TINY, networks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.prediction import PredictionKind
    from studio.families.clip import EncodedText

PROMPT, SIZE, STEPS, GUIDANCE = "a red apple", 64, 4, 3.0
LATENTS = 1e-4  # of the largest |latent|
PICTURES = 1 / 255


def noises(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.randn(1, 4, SIZE // 8, SIZE // 8, generator=generator) for _ in range(count)]


@dataclass
class OurRun:
    times: tuple[int, ...]
    latents: Tensor
    pictures: Tensor


def our_run(
    model: Networks,
    sampler: str,
    prediction: PredictionKind,
    *,
    zero_terminal_snr: bool = False,
    spacing: str = "leading",
) -> OurRun:
    schedule = schedule_of(model.family.schedule, zero_terminal_snr=zero_terminal_snr)
    rule = {"ddim": DDIM(schedule, DDIMOptions()), "ddpm": DDPM(schedule, DDPMOptions(variance="posterior"))}

    def condition(text: str) -> Conditioning:
        encoded = [
            encoder(torch.tensor([token_ids(text, encoder.part.pad_token)]))
            for encoder in model.text_encoders
        ]
        return model.conditioning(encoded, SIZE, SIZE)

    guidance = ClassifierFreeGuidance(GUIDANCE, condition(PROMPT), condition(""))
    times = visit(schedule, STEPS, spacing).times
    start, *draws = noises(STEPS + 1)
    denoiser = Denoiser(model.backbone(), schedule, prediction)
    *_, last = drive(rule[sampler], guidance, denoiser, State(start, 0, times), FixedNoise(tuple(draws)))
    pictures = model.codec().decode(last.state.x)
    return OurRun(times[:-1], last.state.x, (pictures / 2 + 0.5).clamp(0, 1))


def pipeline_run(
    model: Networks, sampler: str, prediction: PredictionKind, *, zero_terminal_snr: bool = False
) -> TheirRun:
    start, *draws = noises(STEPS + 1)
    return their_run(
        model,
        sampler,
        PROMPT,
        prediction=prediction,
        steps=STEPS,
        guidance=GUIDANCE,
        start=start,
        draws=draws,
        size=SIZE,
        zero_terminal_snr=zero_terminal_snr,
    )


@cache
def reference(name: str, sampler: str, prediction: PredictionKind) -> TheirRun:
    return pipeline_run(networks(name), sampler, prediction)


def distances(ours: OurRun, theirs: TheirRun) -> tuple[float, float]:
    """Return how far the final latents are apart, of the largest |latent|, and the pictures, of their range."""
    assert ours.times == theirs.times
    latents = (ours.latents - theirs.latents).abs().max() / theirs.latents.abs().max()
    return float(latents), float((ours.pictures - theirs.pictures).abs().max())


def disagreement(
    name: str, sampler: str, prediction: PredictionKind, mine: Networks | None = None
) -> tuple[float, float]:
    """Return the distances between our run, with the family's networks or others, and the pipeline's."""
    return distances(
        our_run(mine or networks(name), sampler, prediction), reference(name, sampler, prediction)
    )


@pytest.mark.parametrize(
    ("name", "prediction"), [("sd1", "eps"), ("sd1", "v"), ("sd2", "eps"), ("sd2", "v"), ("sdxl", "eps")]
)
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_the_picture_is_that_of_diffusers_pipeline(
    name: str, sampler: str, prediction: PredictionKind
) -> None:
    latents, pictures = disagreement(name, sampler, prediction)
    assert latents < LATENTS
    assert pictures < PICTURES


def changed(model: Networks, **changes: object) -> Networks:
    """Return the model as if its family were another."""
    return replace(model, family=replace(model.family, **changes))


@pytest.mark.parametrize("name", TINY)
def test_with_another_scale_of_the_latents_the_picture_differs(name: str) -> None:
    wrong = changed(networks(name), latents=LatentFacts(scale=0.2))
    latents, pictures = disagreement(name, "ddim", "eps", wrong)
    assert latents < LATENTS
    assert pictures > PICTURES


@pytest.mark.parametrize("name", ["sd1", "sd2"])
def test_without_the_final_norm_the_picture_differs(name: str) -> None:
    model = networks(name)
    (encoder,) = model.text_encoders
    bare = TextEncoder(encoder.model, replace(encoder.part, final_norm=False))
    latents, _ = disagreement(name, "ddim", "eps", replace(model, text_encoders=(bare,)))
    assert latents > 10 * LATENTS


def test_with_the_last_layer_of_sdxls_encoders_the_picture_differs() -> None:
    model = networks("sdxl")
    last = tuple(TextEncoder(one.model, replace(one.part, clip_skip=1)) for one in model.text_encoders)
    latents, _ = disagreement("sdxl", "ddim", "eps", replace(model, text_encoders=last))
    assert latents > 10 * LATENTS


def test_with_the_outputs_of_sdxls_encoders_exchanged_the_picture_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    straight = Networks.conditioning

    def exchanged(self: Networks, encoded: Sequence[EncodedText], width: int, height: int) -> Conditioning:
        found = straight(self, encoded, width, height)
        assert found.tokens is not None
        first = encoded[0].hidden.shape[-1]
        tokens = torch.cat([found.tokens[..., first:], found.tokens[..., :first]], dim=-1)
        return replace(found, tokens=tokens)

    monkeypatch.setattr(Networks, "conditioning", exchanged)
    latents, _ = disagreement("sdxl", "ddim", "eps")
    assert latents > 10 * LATENTS


def test_with_other_sizes_sdxls_picture_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "size_ids", lambda width, height: size_ids(width, height, crop=(8, 0)))
    latents, _ = disagreement("sdxl", "ddim", "eps")
    assert latents > 10 * LATENTS


def test_with_another_prediction_the_picture_differs() -> None:
    theirs, ours = reference("sd2", "ddim", "v"), our_run(networks("sd2"), "ddim", "eps")
    assert (ours.latents - theirs.latents).abs().max() > 10 * LATENTS * theirs.latents.abs().max()


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_with_zero_terminal_snr_the_picture_is_that_of_diffusers_pipeline(sampler: str) -> None:
    model = networks("sdxl")
    theirs = pipeline_run(model, sampler, "v", zero_terminal_snr=True)
    ours = our_run(model, sampler, "v", zero_terminal_snr=True, spacing="trailing")
    latents, pictures = distances(ours, theirs)
    assert ours.times[0] == model.family.schedule.T - 1  # where there is no signal
    assert latents < LATENTS
    assert pictures < PICTURES
    assert distances(our_run(model, sampler, "v", spacing="trailing"), theirs)[0] > 10 * LATENTS
