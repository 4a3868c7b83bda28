"""Our DDPM and DDIM with the networks in a folder, against diffusers' own pipeline with the same noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch
from diffusers.pipelines.ddim import pipeline_ddim
from diffusers.pipelines.ddim.pipeline_ddim import DDIMPipeline
from diffusers.pipelines.ddpm import pipeline_ddpm
from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
from diffusers.pipelines.dit import pipeline_dit
from diffusers.pipelines.dit.pipeline_dit import DiTPipeline
from diffusers.schedulers import scheduling_ddim, scheduling_ddpm

from studio.checkpoints import configured_models
from studio.checkpoints.library.scan import scan
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.ddpm import DDPM, DDPMOptions
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit
from studio.families.configured.networks import schedule_of
from studio.folders import Folders
from tests.diffusion.analytic import FixedNoise
from tests.families.configured import folders

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from studio.families.configured.ddpm import PixelModel
    from studio.families.configured.dit_xl import ClassModel

STEPS, GUIDANCE = 4, 3.0
STATES = 1e-4  # of the largest |state|
PICTURES = 1 / 255
CONFIGS: dict[str, dict[str, object]] = {
    "linear eps": {},
    "cosine v": {
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "clip_sample": False,
        "timestep_spacing": "trailing",
    },
    "scaled sample": {
        "beta_schedule": "scaled_linear",
        "prediction_type": "sample",
        "num_train_timesteps": 400,
        "steps_offset": 1,
    },
}


@dataclass
class Run:
    times: tuple[int, ...]
    state: Tensor
    pictures: Tensor


def noises(shape: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.randn(1, *shape, generator=generator) for _ in range(STEPS + 1)]


def loaded(folder: Path) -> Any:  # noqa: ANN401 - one of two classes
    (file,) = scan([folder]).files
    return configured_models.load(configured_models.describe(file), folders=Folders.find())


def our_run(model: PixelModel | ClassModel, sampler: str, prompt: str = "") -> Run:
    schedule, size = model.schedule, model.card.sizes[0]
    rule = {"ddim": DDIM(schedule, DDIMOptions()), "ddpm": DDPM(schedule, DDPMOptions(variance="posterior"))}
    guidance = ClassifierFreeGuidance(
        GUIDANCE if prompt else 1.0, model.encode_prompts([prompt], size), model.encode_prompts([""], size)
    )
    times = visit(schedule, STEPS, model.card.defaults.spacing).times
    start, *draws = noises(model.card.latent_shape_for(*size))
    with torch.no_grad():
        state = State(start, 0, times)
        *_, last = drive(rule[sampler], guidance, model.denoiser(), state, FixedNoise(tuple(draws)))
        pictures = model.decode(last.state.x.clone())
    return Run(times[:-1], last.state.x, (pictures / 2 + 0.5).clamp(0, 1))


def their_run(pipeline: Any, shape: tuple[int, ...], *arguments: object, **options: object) -> Run:  # noqa: ANN401
    """Run a pipeline with the noise of our run; its last state is what its scheduler returned last."""
    left, states, step = noises(shape), [], pipeline.scheduler.step

    def drawn(*args: object, **kwargs: object) -> Tensor:
        noise = left.pop(0)
        return noise.expand(args[0][0], -1, -1, -1) if args and args[0][0] > len(noise) else noise

    def keep(*args: object, **kwargs: object) -> Any:  # noqa: ANN401
        found = step(*args, **kwargs)
        states.append(found.prev_sample[:1])
        return found

    pipeline.set_progress_bar_config(disable=True)
    with pytest.MonkeyPatch.context() as patch:
        for module in (pipeline_ddpm, pipeline_ddim, pipeline_dit, scheduling_ddpm, scheduling_ddim):
            patch.setattr(module, "randn_tensor", lambda shape=(1,), *args, **kwargs: drawn(shape))
        patch.setattr(pipeline.scheduler, "step", keep)
        found = pipeline(*arguments, num_inference_steps=STEPS, output_type="pt", **options)
    pictures = found.images
    if not isinstance(pictures, torch.Tensor):
        pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    return Run(tuple(pipeline.scheduler.timesteps.tolist()), states[-1], pictures)


def distances(ours: Run, theirs: Run) -> tuple[float, float]:
    """Return how far the final states are apart, of the largest |state|, and the pictures, of their range."""
    states = (ours.state - theirs.state).abs().max() / theirs.state.abs().max()
    return float(states), float((ours.pictures - theirs.pictures).abs().max())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@cache
def pixel_model(home: Path, name: str) -> PixelModel:
    return loaded(folders.ddpm_folder(home / name, **CONFIGS[name]))


@cache
def their_pixels(name: str, sampler: str) -> Run:
    scheduler = folders.scheduler(sampler, **CONFIGS[name])
    shape = (3, folders.SIDE, folders.SIDE)
    if sampler == "ddpm":
        return their_run(DDPMPipeline(folders.unet(), scheduler), shape)
    return their_run(DDIMPipeline(folders.unet(), scheduler), shape, use_clipped_model_output=True)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_of_a_ddpm_is_that_of_diffusers_pipeline(home: Path, name: str, sampler: str) -> None:
    ours, theirs = our_run(pixel_model(home, name), sampler), their_pixels(name, sampler)
    states, pictures = distances(ours, theirs)
    assert ours.times == theirs.times
    assert states < STATES
    assert pictures < PICTURES


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("linear eps", {"clip": False}),
        ("linear eps", {"beta_end": 0.012}),
        ("cosine v", {"prediction": "eps"}),
        ("scaled sample", {"schedule": "linear"}),
    ],
)
def test_with_another_scheduler_the_picture_of_a_ddpm_differs(
    home: Path, name: str, changes: dict[str, Any]
) -> None:
    model = pixel_model(home, name)
    values = {field: getattr(model.card.noise, field) for field in model.card.noise.__struct_fields__}
    noise = type(model.card.noise)(**values | changes)
    wrong = replace(model, card=replace(model.card, noise=noise), schedule=schedule_of(noise))
    assert distances(our_run(wrong, "ddpm"), their_pixels(name, "ddpm"))[0] > 10 * STATES


@cache
def class_model(home: Path) -> ClassModel:
    return loaded(folders.dit_folder(home / "dit", shard="100KB"))


@cache
def their_classes(sampler: str) -> Run:
    pipeline = DiTPipeline(
        transformer=folders.transformer(),
        vae=folders.autoencoder(),
        scheduler=folders.scheduler(sampler, clip_sample=False),
    )
    side = folders.SIDE // 2
    with pytest.MonkeyPatch.context() as patch:
        # The pipeline's class that stands for none is that of ImageNet, 1000; here it is the last one, too.
        tensor = torch.tensor
        patch.setattr(
            pipeline_dit.torch,
            "tensor",
            lambda data, *args, **kwargs: tensor(
                [len(folders.LABELS) if one == 1000 else one for one in data]
                if isinstance(data, list)
                else data,
                *args,
                **kwargs,
            ),
        )
        return their_run(pipeline, (4, side, side), [1], guidance_scale=GUIDANCE)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_the_picture_of_a_dit_is_that_of_diffusers_pipeline(home: Path, sampler: str) -> None:
    ours, theirs = our_run(class_model(home), sampler, "White Shark"), their_classes(sampler)
    states, pictures = distances(ours, theirs)
    assert ours.times == theirs.times
    assert states < STATES
    assert pictures < PICTURES


def test_with_another_label_or_class_for_none_the_picture_of_a_dit_differs(home: Path) -> None:
    model = class_model(home)
    assert distances(our_run(model, "ddim", "tench"), their_classes("ddim"))[0] > 10 * STATES
    other = replace(model, labels=replace(model.labels, count=len(folders.LABELS) - 1))
    assert distances(our_run(other, "ddim", "white shark"), their_classes("ddim"))[0] > 10 * STATES
