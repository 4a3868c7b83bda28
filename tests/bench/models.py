"""Models of the size that artists have: loading, the first step, peak memory, steps and lockstep.

The file is Stable Diffusion 1.5's U-Net with random weights, 1.7 GB of float16. Loading ends with a network that is
ready to compute: ours in this processor's faster dtype with channels last, the library's in float32, as
``load_state_dict`` into a network makes it, or cast to our dtype (the file is mapped then, and nothing else is copied).
"""

from __future__ import annotations

import copy
import gc
import json
import subprocess
import sys
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
from tests.bench.model_steps import CLEARLY_FASTER, step_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS = 5
BAR = 1.05
CONFIG: Mapping[str, Any] = {"cross_attention_dim": 768, "attention_head_dim": 8}
SIDE = 32
"""Of the latents: a picture of 256x256."""


def bench(config: Mapping[str, Any] = CONFIG, rounds: int = ROUNDS) -> Mapping[str, object]:
    """Time loading with the first step, and steps; measure the peak memory of loading with the first step."""
    speedup = measure_speedup(choose("cpu"), threading.Event())
    dtype = torch.bfloat16 if speedup >= CLEARLY_FASTER else torch.float32
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.safetensors"
        say("models: writing the file")
        size = write(path, config)
        figures: dict[str, object] = {"bytes": size, "compute": str(dtype)}
        template = built(config)
        for name, work, bar in (
            ("load_file and load_state_dict", library, BAR),
            ("load_file, cast to our dtype", library_cast, None),
        ):
            say(f"models: load and first step, against {name}")
            medians = take_turns(
                lambda: first_step(ours(path, template, dtype)),
                lambda work=work: first_step(work(path, template, dtype)),
                rounds=rounds,
                warm_ups=1,
            )
            figures[f"load and first step, {name}"] = ratio(
                medians, of="ours", to=name, unit=SECONDS, bar=bar
            )
        say("models: peak memory")
        figures["peak_mb"] = {name: peak(name, path) for name in LOADERS}
    with torch.device("cpu"):
        unet = UNet2DConditionModel(**config).requires_grad_(False).eval()
    return figures | step_figures(unet, config["cross_attention_dim"], speedup, rounds=rounds)


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
    network = copy.deepcopy(template).to_empty(device="cpu")
    network.load_state_dict(load_file(path))
    return network


def library_cast(path: Path, template: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401
    network = copy.deepcopy(template)
    network.load_state_dict(load_file(path), assign=True)
    for parameter in network.parameters():
        last = torch.channels_last if parameter.dim() == 4 else torch.preserve_format
        parameter.data = parameter.data.to(dtype, memory_format=last)
    return network


LOADERS: Mapping[str, Callable[[Path, Any, torch.dtype], Any]] = {
    "ours": ours,
    "load_file and load_state_dict": library,
    "load_file, cast to our dtype": library_cast,
}


@torch.no_grad()
def first_step(network: Any) -> None:  # noqa: ANN401
    """Call a network once for a guided step, and let it go."""
    dtype = network.conv_out.compute if hasattr(network.conv_out, "compute") else network.dtype
    x = torch.zeros(2, 4, SIDE, SIDE, dtype=dtype).contiguous(memory_format=torch.channels_last)
    network(x, torch.tensor(500), torch.zeros(2, 77, network.config.cross_attention_dim, dtype=dtype))
    del network
    gc.collect()


def peak(loader: str, path: Path) -> dict[str, float]:
    """Return the most megabytes of private and of file-backed pages that loading and a step add, in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.models", loader, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def resident() -> dict[str, float]:
    """Return the megabytes of this process, private and file-backed (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {
        name: int(fields[key].split()[0]) / 1024
        for name, key in (("private", "RssAnon"), ("file_backed", "RssFile"))
    }


def measure_peak(loader: str, path: Path) -> dict[str, float]:
    """Return what `peak` says, of this process."""
    dtype = (
        torch.bfloat16
        if measure_speedup(choose("cpu"), threading.Event()) >= CLEARLY_FASTER
        else torch.float32
    )
    template = built(CONFIG)
    before, most, over = resident(), resident(), threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            for name, value in resident().items():
                most[name] = max(most[name], value)

    watcher = threading.Thread(target=watch)
    watcher.start()
    first_step(LOADERS[loader](path, template, dtype))
    over.set()
    watcher.join()
    return {name: round(most[name] - before[name], 1) for name in most}


if __name__ == "__main__":
    print(json.dumps(measure_peak(sys.argv[1], Path(sys.argv[2]))))
