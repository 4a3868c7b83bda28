"""A training run's state on disk: weights, their average, the optimizer's moments, and how far it has come.

Written to a temporary name, fsynced and renamed, so that a run which is stopped at any moment finds a whole state.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from studio.errors import CheckpointError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from studio.training.ema import Ema

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_state(path: Path, step: int, module: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer) -> None:
    """Write the state after ``step`` steps; raises StorageError where the file cannot be written."""
    tensors: dict[str, Tensor] = {f"weights.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in ema.state().items()}
    for name, parameter in module.named_parameters():
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"{moment}.{name}": moments[moment] for moment in _MOMENTS if moment in moments}
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {key: value.contiguous() for key, value in tensors.items()}, temporary, {"steps": str(step)}
        )
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise StorageError(path, f"cannot be written: {error}") from error


def load_state(path: Path, module: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer) -> int:
    """Take up the state of a file and return the steps that it has done; raises CheckpointError if it does not fit."""
    try:
        with safe_open(path, framework="pt") as file:
            steps = int(file.metadata()["steps"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        module.load_state_dict(_part(tensors, "weights"))
        ema.load(_part(tensors, "ema"))
        moments = {moment: _part(tensors, moment) for moment in _MOMENTS}
        for name, parameter in module.named_parameters():
            if name in moments["step"]:
                optimizer.state[parameter] = {
                    moment: _laid_out_as(parameter, moments[moment][name]) for moment in _MOMENTS
                }
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            path, "does not hold a state of this training run; delete it to start anew"
        ) from error
    return steps


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{prefix}.")}


def _laid_out_as(parameter: Tensor, moment: Tensor) -> Tensor:
    """Return a moment in its parameter's memory format: the fused optimizer walks both side by side."""
    if moment.shape != parameter.shape:
        return moment  # the count of steps, a scalar
    return torch.empty_like(parameter, requires_grad=False).copy_(moment)
