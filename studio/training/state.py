"""The state of a training stage on disk: weights, their average, the optimizer's moments, and the number of steps done.

A state file is replaced as a whole, so that a training which is killed at any moment finds a complete one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from studio.errors import CheckpointError
from studio.messages import message
from studio.storage import write_file

if TYPE_CHECKING:
    from pathlib import Path

    from studio.training.ema import Ema

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class SavedProgress:
    """The progress of a saved stage.

    Attributes:
        steps: steps done.
        lr_scale: factor on the learning rates, 1/2 for each recovery from a diverged step.
    """

    steps: int
    lr_scale: float = 1.0


def save_state(
    path: Path, progress: SavedProgress, module: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer
) -> None:
    """Write the state. Raises StorageError if it cannot be written; the previous file is then unchanged."""
    tensors: dict[str, Tensor] = {f"weights.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in ema.state().items()}
    for name, parameter in module.named_parameters():
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"{moment}.{name}": moments[moment] for moment in _MOMENTS if moment in moments}
    metadata = {"steps": str(progress.steps), "slower": repr(progress.lr_scale)}  # names of the file format
    write_file(path, save({key: value.contiguous() for key, value in tensors.items()}, metadata))


def read_progress(path: Path) -> SavedProgress:
    """Return how far the state in a file has come, without loading it; raises CheckpointError."""
    try:
        with safe_open(path, framework="pt") as file:
            return _progress(file.metadata())
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _not_a_state(path) from error


def _progress(metadata: dict[str, str]) -> SavedProgress:
    progress = SavedProgress(int(metadata["steps"]), float(metadata.get("slower", "1.0")))
    if progress.steps < 0 or not 0 < progress.lr_scale <= 1:
        raise ValueError("not the progress of a training")
    return progress


def _not_a_state(path: Path) -> CheckpointError:
    return CheckpointError(
        path, message("does not contain a state of this training; delete it to start over")
    )


def load_state(path: Path, module: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer) -> SavedProgress:
    """Load a state file and return its progress. Raises CheckpointError if it does not fit the module."""
    try:
        with safe_open(path, framework="pt") as file:
            progress = _progress(file.metadata())
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        module.load_state_dict(_part(tensors, "weights"))
        ema.load(_part(tensors, "ema"))
        moments = {moment: _part(tensors, moment) for moment in _MOMENTS}
        optimizer.state.clear()  # moments of steps after this state
        for name, parameter in module.named_parameters():
            if name in moments["step"]:
                optimizer.state[parameter] = {
                    moment: _in_layout_of(parameter, moments[moment][name]) for moment in _MOMENTS
                }
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _not_a_state(path) from error
    return progress


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{prefix}.")}


def _in_layout_of(parameter: Tensor, moment: Tensor) -> Tensor:
    """Return a moment in its parameter's memory format: the fused optimizer reads both element by element."""
    if moment.shape != parameter.shape:
        return moment  # the step count, a scalar
    return torch.empty_like(parameter, requires_grad=False).copy_(moment)
