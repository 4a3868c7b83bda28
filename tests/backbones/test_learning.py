"""Each backbone learns eight captioned pictures; then most samples are right by prompt, and all in the long proof."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from studio.backbones.dit import DiT, DiTConfig
from studio.backbones.text import TextConfig, TextEncoder
from studio.backbones.unet import UNet, UNetConfig
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers.ddim import DDIM, DDIMOptions
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.schedules import Schedule, cosine
from studio.diffusion.spacings import visit_times
from studio.training.ema import Ema
from studio.training.loop import LoopConfig, make_optimizer, train
from studio.training.objective import denoising_loss, drop_captions

PROMPTS = [
    f"a {shape} on the {side}" for shape in ("bar", "dot", "cross", "frame") for side in ("left", "right")
]
TEXT = TextConfig(features=64, words=8, buckets=512, layers=1, heads=2)
BACKBONES = {
    "unet": lambda: UNet(UNetConfig(widths=(32, 48), blocks=1, head_width=24, embedding=64, text=64)),
    "dit": lambda: DiT(DiTConfig(patch=2, features=96, layers=3, heads=2, text=64)),
}


def _pictures() -> Tensor:
    """Draw the eight, (8, 3, 8, 8) in [-1, 1]: four shapes, each on either side, in different colours."""
    shapes = torch.zeros(4, 4, 4)
    shapes[0, :, 1:3] = 1
    shapes[1, 1:3, 1:3] = 1
    shapes[2, 1:3] = shapes[2, :, 1:3] = 1
    shapes[3] = 1
    shapes[3, 1:3, 1:3] = 0
    pictures = -torch.ones(8, 3, 8, 8)
    for index in range(8):
        left = 4 * (index % 2)
        mark = 2 * shapes[index // 2] - 1
        for channel in range(3):
            if (index + 1) >> channel & 1:
                pictures[index, channel, 2:6, left : left + 4] = mark
    return pictures


def _learn(
    modules: nn.ModuleDict, schedule: Schedule, *, steps: int, batch: int, shuffled: bool
) -> nn.ModuleDict:
    pictures = _pictures()
    captions = PROMPTS[3:] + PROMPTS[:3] if shuffled else PROMPTS

    def loss(generator: torch.Generator) -> Tensor:
        which = torch.randint(8, (batch,), generator=generator)
        told = drop_captions([captions[i] for i in which.tolist()], 0.1, generator)
        condition = modules["text"].encode(told, trim=True)
        return denoising_loss(
            modules["backbone"], schedule, pictures[which], condition, prediction="v", generator=generator
        ).loss

    config = LoopConfig(pictures=batch * steps, batch=batch, learning_rate=3e-3, warmup=20 * batch, ema=0.98)
    ema = Ema(modules, config.ema)
    for _ in train(modules, loss, config, make_optimizer(modules, config), ema):
        pass
    modules.load_state_dict(modules.state_dict() | ema.state())
    return modules.eval()


def _right_by_prompt(modules: nn.ModuleDict, schedule: Schedule) -> int:
    """Count the prompts whose sample is nearest to the picture that was captioned so."""
    guidance = ClassifierFreeGuidance(2.0, modules["text"].encode(PROMPTS), modules["text"].encode([""] * 8))
    noise = Noise(range(8), (3, 8, 8))
    state = State(noise.initial(), 0, visit_times(schedule.T, 12, "trailing"))
    for result in drive(
        DDIM(schedule, DDIMOptions()),
        guidance,
        Denoiser(modules["backbone"], schedule, "v", clip=True),
        state,
        noise,
    ):
        state = result.state
    distances = torch.cdist(state.x.flatten(1), _pictures().flatten(1))
    return int((distances.argmin(dim=1) == torch.arange(8)).sum())


SHORT = {"steps": 150, "batch": 16}
LONG = {"steps": 300, "batch": 32}


@pytest.mark.parametrize("kind", BACKBONES)
@pytest.mark.parametrize(
    ("training", "least"), [(SHORT, 5), pytest.param(LONG, 8, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_eight_captioned_pictures_come_back_by_prompt(
    kind: str, training: dict[str, int], least: int
) -> None:
    torch.manual_seed(0)
    modules = nn.ModuleDict({"backbone": BACKBONES[kind](), "text": TextEncoder(TEXT)})
    schedule = cosine()
    assert _right_by_prompt(_learn(modules, schedule, **training, shuffled=False), schedule) >= least


@pytest.mark.parametrize(
    "training", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_a_network_taught_wrong_captions_is_rejected(training: dict[str, int]) -> None:
    torch.manual_seed(0)
    modules = nn.ModuleDict({"backbone": BACKBONES["dit"](), "text": TextEncoder(TEXT)})
    schedule = cosine()
    assert _right_by_prompt(_learn(modules, schedule, **training, shuffled=True), schedule) < 4
