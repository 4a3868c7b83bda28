"""Builds a part's network without memory, and fills it with the tensors of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from studio.families.keys import THIRDS
from studio.families.libraries import network

if TYPE_CHECKING:
    from pathlib import Path

    from studio.families.family import Family, Part
    from studio.families.keys import Operation
    from studio.families.matching import Match, Shapes


class TensorReader(Protocol):
    """An open file of weights."""

    @property
    def path(self) -> Path:
        """The file, for messages."""

    @property
    def shapes(self) -> Shapes:
        """The shapes of its tensors by name."""

    def read(self, name: str, /) -> Tensor:
        """Return a tensor on the CPU, in memory of its own and in the dtype in which it is stored."""

    def scale_of(self, name: str, /) -> Tensor | None:
        """Return what the weight of that name must be multiplied by; None: it is as stored."""


def on_meta(part: Part) -> nn.Module:
    """Return the part's network on the meta device, in evaluation mode, without gradients."""
    with torch.device("meta"):
        built = network(part.kind, part.config)
    return built.requires_grad_(False).eval()


def parameter_shapes(built: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's parameters by name."""
    return {name: tuple(tensor.shape) for name, tensor in built.state_dict().items()}


def expected_shapes(family: Family) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return, by part, the shapes of the parameters of a family's networks."""
    return {part.name: parameter_shapes(on_meta(part)) for part in family.parts}


def fill(
    built: nn.Module, match: Match, reader: TensorReader, dtype: torch.dtype | None = None
) -> dict[str, Tensor]:
    """Give a network on the meta device its parameters.

    Args:
        built: the network, from `on_meta`.
        match: where its parameters are in the file.
        reader: the file.
        dtype: of the parameters; None: each has the dtype in which it is stored.

    Returns:
        By parameter, what it must be multiplied by; parameters that are as stored are left out.

    Raises:
        CheckpointError: the file cannot be read, or is not the one that was matched.
    """
    state: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    shared = _used_repeatedly(match)
    for name, source in match.sources.items():
        stored = shared.get(source.key)
        if stored is None:
            stored = reader.read(source.key)
            if source.key in shared:
                shared[source.key] = stored
        tensor = apply(source.operation, stored)
        state[name] = tensor if dtype is None else tensor.to(dtype)
        scale = reader.scale_of(source.key)
        if scale is not None:
            scales[name] = _scale_after(source.operation, scale)
    built.load_state_dict(state, strict=True, assign=True)
    _fill_positions(built)
    return scales


def _scale_after(operation: Operation, scale: Tensor) -> Tensor:
    """Return the scale of the parameter that `apply` makes, from that of the stored tensor."""
    if scale.numel() == 1 or operation == "same":
        return scale
    if operation == "matrix":
        return scale.reshape(scale.shape[:2])
    if operation == "transpose":
        return scale.t() if scale.dim() == 2 else scale[None, :]
    return apply(operation, scale)


def apply(operation: Operation, stored: Tensor) -> Tensor:
    """Return the parameter made from a stored tensor; shares its memory except for the transpose."""
    match operation:
        case "same":
            return stored
        case "matrix":
            return stored.reshape(stored.shape[:2])
        case "transpose":
            return stored.t().contiguous()
        case _:
            return stored.chunk(3)[THIRDS.index(operation)]


def _used_repeatedly(match: Match) -> dict[str, Tensor | None]:
    """Return the keys that several parameters are made from, with room for their tensors."""
    keys = [source.key for source in match.sources.values()]
    return {key: None for key in keys if keys.count(key) > 1} if len(set(keys)) < len(keys) else {}


def _fill_positions(built: nn.Module) -> None:
    """Give text encoders the numbers of their positions, which no file holds (or which are ignored there)."""
    for owner in built.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if not buffer.is_meta:
                continue
            if name != "position_ids":
                raise TypeError(f"no value is known for the buffer {name}")
            owner.register_buffer(name, torch.arange(buffer.shape[-1]).expand(1, -1), persistent=False)
