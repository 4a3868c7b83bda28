"""This program's own model format: a folder with ``card.json`` and ``model.safetensors``.

The weights' keys are those of the modules, after "backbone.", "codec." and "text.".
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from studio.checkpoints.assembly import assemble, run_once
from studio.checkpoints.folder import CARD_NAME, WEIGHTS_NAME, read_card
from studio.checkpoints.model import NativeModel
from studio.checkpoints.weights import pack, read_weights
from studio.errors import CheckpointError
from studio.messages import message
from studio.storage import ensure_folder, write_files
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from studio.checkpoints.card import ModelCard

Stored = Literal["float32", "float16", "bfloat16"]


def recognises(folder: Path) -> bool:
    """Whether a folder holds a model of this format, valid or not."""
    return (folder / CARD_NAME).exists()


def save(
    folder: Path,
    card: ModelCard,
    modules: Mapping[str, nn.Module | Mapping[str, Tensor]],
    *,
    stored: Stored = "float32",
) -> ModelCard:
    """Write a model; an existing one is replaced once the new one is completely on disk.

    Args:
        folder: created if necessary.
        card: its ``parameters`` and ``weights_sha256`` are filled in here.
        modules: "backbone", "codec" and, for a conditional model, "text": modules or their state dicts.
        stored: dtype of floating-point weights in the file; they are always loaded as float32.

    Returns:
        The card as written.

    Raises:
        CheckpointError: card and weights do not belong together, or a weight is not finite.
        StorageError: it cannot be written.
    """
    card_path, weights_path = ensure_folder(folder) / CARD_NAME, folder / WEIGHTS_NAME
    tensors = {
        f"{part}.{name}": tensor
        for part, module in modules.items()
        for name, tensor in (module.state_dict() if isinstance(module, nn.Module) else module).items()
    }
    assembly = assemble(card, card_path)
    data = pack(tensors, assembly.state(), getattr(torch, stored), weights_path)
    assembly.fill({name: _on_cpu(tensor) for name, tensor in tensors.items()})
    run_once(card, assembly, torch.device("cpu"), card_path)
    written = dataclasses.replace(
        card,
        parameters=sum(tensor.numel() for tensor in tensors.values()),
        weights_sha256=hashlib.sha256(data).hexdigest(),
    )
    write_files({weights_path: data, card_path: written.to_json().encode()})
    return written


def _on_cpu(tensor: Tensor) -> Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to(device="cpu", dtype=dtype)


def load(
    folder: Path, *, device: torch.device | str = "cpu", cancelled: threading.Event | None = None
) -> NativeModel:
    """Read a model: float32, in evaluation mode, without gradients.

    Args:
        folder: a folder that `save` wrote.
        device: where the weights go.
        cancelled: stops the load when set, at the latest after the next 4 MiB.

    Raises:
        CheckpointError: a file in the folder is missing, malformed or damaged; the sentence names it.
        LoadCancelled: ``cancelled`` was set.
    """
    card = read_card(folder)
    if not card.weights_sha256:
        raise CheckpointError(folder / CARD_NAME, message("lacks the hash of its weights"))
    assembly = assemble(card, folder / CARD_NAME)
    if cancelled is not None and cancelled.is_set():
        raise LoadCancelled
    place = torch.device(device)
    tensors = read_weights(
        folder / WEIGHTS_NAME,
        assembly.state(),
        sha256=card.weights_sha256,
        parameters=card.parameters,
        device=place,
        cancelled=cancelled,
    )
    assembly.fill(tensors)
    if cancelled is not None and cancelled.is_set():
        raise LoadCancelled
    run_once(card, assembly, place, folder / CARD_NAME)
    modules = cast("dict[str, Any]", assembly.modules)
    return NativeModel(
        card=card,
        schedule=assembly.schedule,
        backbone=modules["backbone"],
        text_encoder=modules.get("text"),
        codec=modules["codec"],
        device=place,
        folder=folder,
    )
