"""The training loop: a generator of optimizer steps.

Whoever iterates over it saves, samples or stops between two steps. What step k does depends only on the weights and on
(seed, k): data, times and noise come from generators keyed by them, never from a running stream. A run that is stopped
and resumed is therefore identical to one that never stopped.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn

from studio.messages import message
from studio.strict_json import must

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studio.training.ema import Ema


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """Length, learning rate and seed of one training stage. Field names are the keys of a recipe."""

    pictures: Annotated[
        int, Meta(ge=1, extra=must(message("must be at least one picture")))
    ]  # examples in all
    batch: Annotated[int, Meta(ge=1, le=4096, extra=must(message("must be a batch of 1 to 4096")))] = 64
    learning_rate: Annotated[
        float, Meta(gt=0, lt=1, extra=must(message("must be a learning rate between 0 and 1")))
    ] = 8e-4
    embedding_rate: float = 5.0  # learning-rate multiplier of embedding tables
    warmup: int = 10_000  # examples over which the learning rate rises
    cooldown: float = 0.3  # last share of the steps, over which the learning rate falls to zero
    weight_decay: float = 0.01
    clip: float = 1.0  # maximum norm of the gradient
    ema: float = 0.999
    seed: int = 0

    @property
    def steps(self) -> int:
        return math.ceil(self.pictures / self.batch)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0: linear warm-up, constant, then 1 - sqrt cooldown.

        Source: Haegele et al. 2024, section 3, arXiv:2405.18392.
        """
        rise = min(1.0, (step + 1) * self.batch / max(self.warmup, 1))
        start = self.steps * (1 - self.cooldown)
        fall = 1.0 if step < start else 1 - math.sqrt((step - start) / max(self.steps - start, 1))
        return self.learning_rate * rise * fall


@dataclass(frozen=True)
class TrainStep:
    """One finished step.

    Attributes:
        step: its number, from 0.
        steps: how many there are.
        loss: NaN if the loss or its gradient was not finite; the step then changed nothing.
        learning_rate: that it used.
        seconds: that it took.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float


def keyed_generator(seed: int, step: int) -> torch.Generator:
    """Return the CPU generator of everything random in a step."""
    digest = blake2b(f"train:{seed}:{step}".encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))


def make_optimizer(module: nn.Module, config: LoopConfig) -> torch.optim.AdamW:
    """Return AdamW with weight decay on matrices and kernels only, and a higher learning rate for embeddings.

    A row of an embedding table appears in few examples of a batch, and only then has a gradient.
    """
    tables = [table.weight for table in module.modules() if isinstance(table, nn.Embedding)]
    table_ids = {id(table) for table in tables}
    others = [parameter for parameter in module.parameters() if id(parameter) not in table_ids]
    groups = [
        {
            "params": [p for p in others if p.ndim > 1],
            "weight_decay": config.weight_decay,
            "lr_multiplier": 1.0,
        },
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0, "lr_multiplier": 1.0},
        {"params": tables, "weight_decay": 0.0, "lr_multiplier": config.embedding_rate},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)


def train(
    module: nn.Module,
    loss_of: Callable[[torch.Generator], Tensor],
    config: LoopConfig,
    optimizer: torch.optim.Optimizer,
    ema: Ema,
    *,
    start: int = 0,
    lr_scale: float = 1.0,
) -> Iterator[TrainStep]:
    """Train from step ``start`` to the end and yield every step.

    Args:
        module: what is trained.
        loss_of: draws a batch with the given generator and returns its loss, a scalar.
        config: number of steps and learning rates.
        optimizer: of the module's parameters.
        ema: the module's moving average.
        start: steps already done.
        lr_scale: a factor on all learning rates.
    """
    parameters = list(module.parameters())
    for step in range(start, config.steps):
        started = time.perf_counter()
        learning_rate = config.learning_rate_at(step) * lr_scale
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * group.get("lr_multiplier", 1.0)
        loss = loss_of(keyed_generator(config.seed, step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(parameters, config.clip)
        value = loss.item() if math.isfinite(norm.item()) else math.nan
        if math.isfinite(value):
            optimizer.step()
            ema.update(module, step)
        yield TrainStep(step, config.steps, value, learning_rate, time.perf_counter() - started)
