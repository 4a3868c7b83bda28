"""A training run's state on disk: weights, their average, the optimizer's moments, and how far it has come.

Written to a temporary name, made safe on disk and moved to its place, so that a run which is stopped at any moment
finds a whole state.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from studio.errors import CheckpointError
from studio.storage import ensure_folder, storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from studio.training.ema import Ema

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Reached:
    """How far a run has come: the steps done, and the factor of its rates that recoveries left."""

    steps: int
    slower: float = 1.0


def save_state(
    path: Path, reached: Reached, module: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer
) -> None:
    """Write the state; raises StorageError where the file cannot be written, and then leaves the one that is there."""
    tensors: dict[str, Tensor] = {f"weights.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in ema.state().items()}
    for name, parameter in module.named_parameters():
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"{moment}.{name}": moments[moment] for moment in _MOMENTS if moment in moments}
    data = save(
        {key: value.contiguous() for key, value in tensors.items()},
        {"steps": str(reached.steps), "slower": repr(reached.slower)},
    )
    temporary = path.with_suffix(".part")
    ensure_folder(path.parent)
    try:
        with temporary.open("wb") as file:
            for start in range(0, len(data), _CHUNK):
                file.write(memoryview(data)[start : start + _CHUNK])
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # what half of it takes up may be what the disk lacks
            temporary.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def _sync_folder(folder: Path) -> None:
    """Make the move last; Windows does so by itself and cannot open folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_reached(path: Path) -> Reached:
    """Return how far the state of a file has come; raises CheckpointError where it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            return _reached(file.metadata())
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _not_a_state(path) from error


def _reached(told: dict[str, str]) -> Reached:
    reached = Reached(int(told["steps"]), float(told.get("slower", "1.0")))
    if reached.steps < 0 or not 0 < reached.slower <= 1:
        raise ValueError("no run is there")
    return reached


def _not_a_state(path: Path) -> CheckpointError:
    return CheckpointError(path, "does not hold a state of this training run; delete it to start anew")


def load_state(path: Path, module: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer) -> Reached:
    """Take up the state of a file and return how far it has come; raises CheckpointError if it does not fit."""
    try:
        with safe_open(path, framework="pt") as file:
            reached = _reached(file.metadata())
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        module.load_state_dict(_part(tensors, "weights"))
        ema.load(_part(tensors, "ema"))
        moments = {moment: _part(tensors, moment) for moment in _MOMENTS}
        optimizer.state.clear()  # what it did since is undone
        for name, parameter in module.named_parameters():
            if name in moments["step"]:
                optimizer.state[parameter] = {
                    moment: _laid_out_as(parameter, moments[moment][name]) for moment in _MOMENTS
                }
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _not_a_state(path) from error
    return reached


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{prefix}.")}


def _laid_out_as(parameter: Tensor, moment: Tensor) -> Tensor:
    """Return a moment in its parameter's memory format: the fused optimizer walks both side by side."""
    if moment.shape != parameter.shape:
        return moment  # the count of steps, a scalar
    return torch.empty_like(parameter, requires_grad=False).copy_(moment)
