"""The one training loop: a generator of steps.

Whoever drives it saves, samples, shows or stops between two steps. What step k does depends on the weights and on
(seed, k) alone: data, times and noise are drawn from generators keyed by them, never from a running stream. So a run
that was stopped and resumed is the run that was never stopped.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studio.training.ema import Ema


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and how fast to train."""

    pictures: int  # seen in all
    batch: int = 64
    learning_rate: float = 8e-4
    embedding_rate: float = 5.0  # how many times faster embeddings learn than the rest
    warmup: int = 10_000  # pictures over which the rate rises
    cooldown: float = 0.3  # last share of the run, over which the rate falls to nothing
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    ema: float = 0.999
    seed: int = 0

    @property
    def steps(self) -> int:
        """The number of optimizer steps."""
        return math.ceil(self.pictures / self.batch)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: up, level, and down as 1 - sqrt.

        Source: Haegele et al. 2024, section 3, arXiv:2405.18392.
        """
        rise = min(1.0, (step + 1) * self.batch / max(self.warmup, 1))
        start = self.steps * (1 - self.cooldown)
        fall = 1.0 if step < start else 1 - math.sqrt((step - start) / max(self.steps - start, 1))
        return self.learning_rate * rise * fall


@dataclass(frozen=True)
class TrainStep:
    """What one step was: its number (from 0) out of how many, its loss, its rate and its length."""

    step: int
    steps: int
    loss: float
    rate: float
    seconds: float


def keyed_generator(seed: int, step: int) -> torch.Generator:
    """Make the CPU generator of all that is random in a step."""
    digest = blake2b(f"train:{seed}:{step}".encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))


def make_optimizer(module: nn.Module, config: LoopConfig) -> torch.optim.AdamW:
    """AdamW with decay on matrices and kernels only, and a higher rate for embeddings.

    A row of an embedding is met by few pictures of a batch, and moves only then.
    """
    tables = [table.weight for table in module.modules() if isinstance(table, nn.Embedding)]
    known = {id(table) for table in tables}
    others = [parameter for parameter in module.parameters() if id(parameter) not in known]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": config.weight_decay, "faster": 1.0},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0, "faster": 1.0},
        {"params": tables, "weight_decay": 0.0, "faster": config.embedding_rate},
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
    slower: float = 1.0,
) -> Iterator[TrainStep]:
    """Train from step ``start`` to the end, yielding after every step.

    A step whose loss or gradient is not a number changes nothing, and its loss is told as NaN.

    Args:
        module: what is trained.
        loss_of: draws a batch with the given generator and returns its loss, a scalar.
        config: lengths and rates.
        optimizer: of the module's parameters.
        ema: the module's moving average.
        start: steps already done.
        slower: a factor of all learning rates.

    Yields:
        The steps done.
    """
    parameters = list(module.parameters())
    for step in range(start, config.steps):
        begun = time.perf_counter()
        rate = config.rate(step) * slower
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("faster", 1.0)
        loss = loss_of(keyed_generator(config.seed, step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(parameters, config.clip)
        value = loss.item() if math.isfinite(norm.item()) else math.nan
        if math.isfinite(value):
            optimizer.step()
            ema.update(module, step)
        yield TrainStep(step, config.steps, value, rate, time.perf_counter() - begun)
