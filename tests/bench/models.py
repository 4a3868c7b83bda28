"""Models of the size that artists have: loading them, warm, against the library's way.

The file is Stable Diffusion 1.5's U-Net with random weights, 1.7 GB of float16. Loading ends with a network that is
ready to compute in this processor's faster dtype, with channels last; ``load_file`` maps the file into memory, so that
``load_state_dict`` has to copy nothing, and reads a page when it is first touched.
"""

from __future__ import annotations

import copy
import gc
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from studio.engine.device.device import choose
from studio.engine.device.precision import measure_speedup
from studio.weights.compute import compute_in
from studio.weights.reader import TensorReader
from tests.bench.measure import SECONDS, ratio, say, take_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS = 5
BAR = 1.05
CONFIG: Mapping[str, Any] = {"cross_attention_dim": 768, "attention_head_dim": 8}
SIDE = 32
"""Of the latents: a picture of 256x256."""


def bench(config: Mapping[str, Any] = CONFIG, rounds: int = ROUNDS) -> Mapping[str, object]:
    """Time loading alone, and loading with the first step."""
    reduced = measure_speedup(choose("cpu"), threading.Event()) > 1
    dtype = torch.bfloat16 if reduced else torch.float32
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.safetensors"
        say("models: writing the file")
        size = write(path, config)
        figures: dict[str, object] = {"bytes": size, "compute": str(dtype)}
        template = built(config)
        for name, last in (("load", _nothing), ("load and first step", _step)):
            say(f"models: {name}")
            medians = take_turns(
                lambda last=last: last(ours(path, template, dtype), dtype),
                lambda last=last: last(library(path, template, dtype), dtype),
                rounds=rounds,
                warm_ups=1,
            )
            figures[name] = ratio(
                medians, of="ours", to="load_file and load_state_dict", unit=SECONDS, bar=BAR
            )
    return figures


def built(config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a module
    with torch.device("meta"):
        return UNet2DConditionModel(**config).requires_grad_(False).eval()


def write(path: Path, config: Mapping[str, Any]) -> int:
    """Write random float16 weights of the network and return the size of the file in bytes."""
    torch.manual_seed(0)
    state = built(config).state_dict()
    save_file({name: torch.randn(tensor.shape).mul_(0.02).half() for name, tensor in state.items()}, path)
    return path.stat().st_size


def ours(path: Path, template: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401
    network = copy.deepcopy(template)
    with TensorReader(path) as file:
        network.load_state_dict(file.read_all(), assign=True)
    compute_in(network, dtype, cast_once=dtype != torch.float32, channels_last=True)
    return network


def library(path: Path, template: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401
    network = copy.deepcopy(template)
    network.load_state_dict(load_file(path), assign=True)
    for parameter in network.parameters():
        last = torch.channels_last if parameter.dim() == 4 else torch.preserve_format
        parameter.data = parameter.data.to(dtype, memory_format=last)
    return network


def _nothing(network: object, _: torch.dtype) -> None:
    del network
    gc.collect()


@torch.no_grad()
def _step(network: Callable[..., Any], dtype: torch.dtype) -> None:
    x = torch.zeros(2, 4, SIDE, SIDE, dtype=dtype).contiguous(memory_format=torch.channels_last)
    network(x, torch.tensor(500), torch.zeros(2, 77, CONFIG["cross_attention_dim"], dtype=dtype))
    gc.collect()
