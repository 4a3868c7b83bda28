"""One U-Net call in bfloat16 with channels last, and in float32 with channels last, against float32 as it is.

Which is faster depends on the processor, so there is no bar; what the engine chooses is printed beside it.
"""

from __future__ import annotations

import copy
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from studio.backbones.precision import REDUCED, in_precision
from studio.backbones.text import TextConfig, TextEncoder
from studio.backbones.unet import UNet, UNetConfig
from studio.engine.device.device import choose
from studio.engine.device.precision import choose_precision, measure_speedup
from tests.bench.measure import MILLISECONDS, ratio, say, take_turns

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from torch import Tensor

    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.denoiser import Backbone
    from studio.engine.device.device import Device
    from tests.bench.measure import Work

ROUNDS = 15
STARTER = UNetConfig(
    channels=16, widths=(192, 256), attention=(False, False), blocks=1, embedding=384, text=192
)
"""The shipped model's shape."""
SHAPE = (2, 16, 8, 8)
"""What it is given for one guided step of one picture."""


def bench() -> Mapping[str, object]:
    """Time both ways of running reduced, and tell which one the engine takes."""
    device = choose()
    place = device.torch_name
    network, condition = models(place)
    x, t = torch.randn(SHAPE, device=place), torch.full(SHAPE[:1], 500, device=place)
    last = torch.channels_last
    exact = work(network, x, t, condition)
    contenders = {
        "bfloat16 channels_last": work(in_precision(copy.deepcopy(network), REDUCED), x, t, condition),
        "float32 channels_last": work(
            copy.deepcopy(network).to(memory_format=last), x.contiguous(memory_format=last), t, condition
        ),
    }
    figures: dict[str, object] = {}
    for name, contender in contenders.items():
        say(f"precision: {name}, on {device.label}")
        medians = take_turns(timed_on(contender, device), timed_on(exact, device), rounds=ROUNDS)
        figures[f"unet_{name.replace(' ', '_')}_vs_float32"] = ratio(
            medians, of=name, to="float32", unit=MILLISECONDS
        )
    return figures | {"the_engine_chooses": choice(device)}


def choice(device: Device) -> dict[str, object]:
    """Return what the engine measures and takes where it has never run before, and how long it takes to decide."""
    say("precision: the engine's own choice")
    measured: list[float] = []

    def measure(asked: Device, cancelled: threading.Event) -> float:
        measured.append(measure_speedup(asked, cancelled))
        return measured[0]

    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        chosen = choose_precision(device, Path(cache), measure=measure)
        seconds = time.perf_counter() - start
    return {
        "device": device.label,
        "dtype": chosen.dtype,
        "channels_last": chosen.channels_last,
        "measured_speedup": round(measured[0], 2),
        "seconds_to_decide": round(seconds, 3),
    }


@torch.no_grad()
def models(place: str) -> tuple[UNet, Conditioning]:
    """Return the U-Net and what a prompt and the empty prompt are to it."""
    torch.manual_seed(0)
    network = UNet(STARTER).to(place).eval().requires_grad_(False)
    encoder = TextEncoder(TextConfig(features=STARTER.text)).to(place).eval()
    return network, encoder.encode(["a red apple on a blue background", ""])


def work(backbone: Backbone, x: Tensor, t: Tensor, condition: Conditioning) -> Work:
    """Return a call of the backbone."""

    @torch.no_grad()
    def call() -> object:
        return backbone(x, t, condition)

    return call


def timed_on(call: Work, device: Device) -> Work:
    """Return the call and, where calls only queue up, waiting for it."""
    if device.kind == "cpu":
        return call

    def finished() -> None:
        call()
        torch.accelerator.synchronize(device.torch_name)

    return finished
