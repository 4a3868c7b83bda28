"""A benchmark of a training: a few steps on random data show its speed, its best precision and its memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.backbones.codec import Codec
from studio.engine.training.estimate import Timing
from studio.training.backbone_task import Autocast, DenoisingTask, make_modules
from studio.training.loop import keyed_generator, make_optimizer
from studio.training.tasks import codec_task, text_task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from studio.engine.device.device import Device
    from studio.engine.training.plan import TrainPlan
    from studio.training.loop import LoopConfig

CLEARLY_FASTER = 1.1
"""How many times faster reduced precision must be: less is not worth its rounding, and may be chance."""
TRIALS = 3
"""Timed steps of each kind, after one warm-up; the fastest counts."""
MAX_SECONDS = 2.0
"""Seconds of timed steps after which no more are taken: a user is waiting."""
CAPTIONS = ("a fox", "two cats and a dog on a red background", "snow")
_KEY = -3  # of the generators of a rehearsal; no step has it


def machine_of(device: Device) -> str:
    """Return a text that names what the speed of a training depends on: device and version of torch."""
    return f"{device.label} | torch {torch.__version__}"


def rehearse(plan: TrainPlan, device: Device) -> Generator[str, None, Timing]:
    """Time a few steps of every stage; nothing that they learn is kept.

    Args:
        plan: the training.
        device: where it will run.

    Yields:
        The name of a stage before each of its steps, so that the caller can stop.
    """
    recipe, place = plan.recipe, torch.device(device.torch_name)
    seconds: dict[str, float] = {}
    if "codec" in plan.stages:
        codec, loss = codec_task(recipe, RandomPictures(recipe.data.size), place)
        seconds["codec"] = yield from _timed("codec", codec, loss, _loop(recipe.codec_loop), device)
    shape = plan.card.latent_shape
    if "text" in plan.stages:
        text, loss = text_task(recipe, RandomLatents(recipe.text.draft, place), place)
        seconds["text"] = yield from _timed("text", text, loss, _loop(recipe.text_loop), device)
    conditional = plan.card.text is not None
    best: dict[str, float] = {}
    activations = [0.0]
    for dtype in ("float32", "bfloat16") if device.kind in {"cpu", "cuda", "rocm"} else ("float32",):
        modules = make_modules(recipe, None, conditional=conditional).to(place)
        task = DenoisingTask(
            recipe,
            RandomLatents(shape, place),
            modules,
            Autocast(dtype),
            text_frozen=plan.text_is_trained_first,
        )
        try:
            best[dtype] = yield from _timed("backbone", modules, task.loss, recipe.loop, device)
            activations.append(_activation_bytes(task.loss) / recipe.loop.batch)
        except RuntimeError:  # how torch reports that a device does not support a dtype
            if dtype == "float32":
                raise
    reduced = best.get("bfloat16", float("inf"))
    dtype = "bfloat16" if best["float32"] >= CLEARLY_FASTER * reduced else "float32"
    seconds["backbone"] = best[dtype]
    codec_parameters = _count(Codec(recipe.codec)) if recipe.codec is not None else 0
    if plan.base is not None:
        codec_parameters = _count(plan.base.codec)
    return Timing(
        machine=machine_of(device),
        dtype=dtype,
        seconds=seconds,
        batch=recipe.loop.batch,
        bytes_per_picture=max(activations),
        parameters=_count(modules) + codec_parameters,
    )


class RandomPictures:
    """Pictures of noise."""

    def __init__(self, size: int) -> None:
        self._size = size

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures (count, 3, size, size) and captions."""
        pictures = rng.standard_normal((count, 3, self._size, self._size), dtype="float32")
        return pictures, [CAPTIONS[index % len(CAPTIONS)] for index in range(count)]


class RandomLatents:
    """Latents of noise, of a shape (C, h, w)."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        self._shape, self._device = shape, device

    def draw(self, count: int, generator: torch.Generator, *, from_pool: bool) -> tuple[Tensor, list[str]]:
        latents = torch.randn(count, *self._shape, generator=generator).to(self._device)
        return latents, [CAPTIONS[index % len(CAPTIONS)] for index in range(count)]


def _timed(
    stage: str,
    module: nn.Module,
    loss_of: Callable[[torch.Generator], Tensor],
    config: LoopConfig,
    device: Device,
) -> Generator[str, None, float]:
    """Return the duration of the fastest step, in seconds."""
    optimizer = make_optimizer(module.train(), config)
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) <= TRIALS and sum(seconds[1:]) < MAX_SECONDS):
        yield stage
        started = time.perf_counter()
        loss = loss_of(keyed_generator(config.seed, _KEY))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.parameters(), config.clip).item()
        optimizer.step()
        if device.kind != "cpu":
            torch.accelerator.synchronize(device.torch_name)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def _activation_bytes(loss_of: Callable[[torch.Generator], Tensor]) -> float:
    """Return the bytes that a step stores for its gradients, parameters aside; shared memory counts once."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(keyed_generator(0, _KEY))
    return float(sum(storages.values()))


def _count(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.state_dict().values())


def _loop(config: LoopConfig | None) -> LoopConfig:
    assert config is not None, "the plan has this stage"
    return config
