"""A few steps of a training on made-up pictures: how long they take here, in which numbers, and in how much memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.backbones.codec import Codec
from studio.engine.training.estimate import Timing
from studio.training.backbone_task import BackboneLesson, Precision, make_modules
from studio.training.loop import keyed_generator, make_optimizer
from studio.training.tasks import codec_task, text_task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from studio.engine.device import Device
    from studio.engine.training.plan import TrainPlan
    from studio.training.loop import LoopConfig

CLEARLY_FASTER = 1.1
"""How many times faster reduced numbers must make a step: less is not worth their rounding, nor safe from chance."""
TRIALS = 3
"""Timed steps of each kind, after one that warms up; the fastest counts."""
ENOUGH = 2.0
"""Seconds of timed steps after which no more are taken: a person waits."""
WORDS = ("a fox", "two cats and a dog on a red background", "snow")
_SEED = -3  # the key of what a rehearsal draws: no step has it


def machine_of(device: Device) -> str:
    """Return what the speed of a training depends on."""
    return f"{device.label} | torch {torch.__version__}"


def rehearse(plan: TrainPlan, device: Device) -> Generator[str, None, Timing]:
    """Take a few steps of every stage and forget what they taught.

    Args:
        plan: the training.
        device: where it will run.

    Yields:
        The name of the stage whose step comes next, before each step: there it can be dropped.
    """
    recipe, place = plan.recipe, torch.device(device.torch_name)
    seconds: dict[str, float] = {}
    if "codec" in plan.stages:
        codec, loss = codec_task(recipe, MadeUpPictures(recipe.data.size), place)
        seconds["codec"] = yield from _timed("codec", codec, loss, _loop(recipe.codec_loop), device)
    shape = plan.card.latent_shape
    if "text" in plan.stages:
        made_up = MadeUpLatents(recipe.text.draft, place)
        text, loss = text_task(recipe, made_up, place)  # type: ignore[arg-type]
        seconds["text"] = yield from _timed("text", text, loss, _loop(recipe.text_loop), device)
    conditional, taught = plan.card.text is not None, plan.teaches_text_first
    best: dict[str, float] = {}
    kept = [0.0]
    for dtype in ("float32", "bfloat16") if device.kind in {"cpu", "cuda", "rocm"} else ("float32",):
        modules = make_modules(recipe, None, conditional=conditional).to(place)
        lesson = BackboneLesson(recipe, MadeUpLatents(shape, place), modules, Precision(dtype), taught=taught)
        try:
            best[dtype] = yield from _timed("backbone", modules, lesson.loss, recipe.loop, device)
            kept.append(_kept_bytes(lesson.loss) / recipe.loop.batch)
        except RuntimeError:  # how torch says that a device lacks a kind of number
            if dtype == "float32":
                raise
    reduced = best.get("bfloat16", float("inf"))
    dtype = "bfloat16" if best["float32"] >= CLEARLY_FASTER * reduced else "float32"
    seconds["backbone"] = best[dtype]
    codec_numbers = _count(Codec(recipe.codec)) if recipe.codec is not None else 0
    if plan.base is not None:
        codec_numbers = _count(plan.base.codec)
    return Timing(
        machine=machine_of(device),
        dtype=dtype,
        seconds=seconds,
        batch=recipe.loop.batch,
        bytes_per_picture=max(kept),
        parameters=_count(modules) + codec_numbers,
    )


class MadeUpPictures:
    """Pictures of noise, of the right size."""

    def __init__(self, size: int) -> None:
        """Take their side."""
        self._size = size

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures and captions."""
        pictures = rng.standard_normal((count, 3, self._size, self._size), dtype="float32")
        return pictures, [WORDS[index % len(WORDS)] for index in range(count)]


class MadeUpLatents:
    """Latents of noise, of the right shape."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        """Take their shape (C, h, w) and where they are wanted."""
        self._shape, self._device = shape, device

    def draw(self, count: int, generator: torch.Generator, *, pooled: bool) -> tuple[Tensor, list[str]]:
        """Draw latents and captions."""
        latents = torch.randn(count, *self._shape, generator=generator).to(self._device)
        return latents, [WORDS[index % len(WORDS)] for index in range(count)]


def _timed(
    stage: str,
    module: nn.Module,
    loss_of: Callable[[torch.Generator], Tensor],
    config: LoopConfig,
    device: Device,
) -> Generator[str, None, float]:
    """Return the seconds of the fastest step."""
    optimizer = make_optimizer(module.train(), config)
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) <= TRIALS and sum(seconds[1:]) < ENOUGH):
        yield stage
        begun = time.perf_counter()
        loss = loss_of(keyed_generator(config.seed, _SEED))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.parameters(), config.clip).item()
        optimizer.step()
        if device.kind != "cpu":
            torch.accelerator.synchronize(device.torch_name)
        seconds.append(time.perf_counter() - begun)
    return min(seconds[1:])


def _kept_bytes(loss_of: Callable[[torch.Generator], Tensor]) -> float:
    """Return how much a step keeps for its slopes, weights aside: each stretch of memory once."""
    stretches: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            stretches[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(keyed_generator(0, _SEED))
    return float(sum(stretches.values()))


def _count(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.state_dict().values())


def _loop(config: LoopConfig | None) -> LoopConfig:
    assert config is not None, "the plan has this stage"
    return config
