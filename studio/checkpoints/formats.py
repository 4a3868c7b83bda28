"""The model formats that this program reads. A new one is a module with these two functions and a line here."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from studio.checkpoints import native
from studio.errors import CheckpointError
from studio.messages import message

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from studio.checkpoints.model import Model


class Format(Protocol):
    """A format in which a folder stores a model."""

    def recognises(self, folder: Path) -> bool:
        """Whether the folder holds a model of this format, valid or not."""

    def load(
        self, folder: Path, *, device: torch.device | str = "cpu", cancelled: threading.Event | None = None
    ) -> Model:
        """Read the model; raises CheckpointError, or LoadCancelled once ``cancelled`` is set."""


FORMATS: Mapping[str, Format] = MappingProxyType({"native": native})


def load_model(
    folder: Path, *, device: torch.device | str = "cpu", cancelled: threading.Event | None = None
) -> Model:
    """Read the model in ``folder``, whatever its format.

    Args:
        folder: the model's folder.
        device: where the weights go.
        cancelled: stops the load when set.

    Raises:
        CheckpointError: no format knows the folder, or something in it is wrong.
        LoadCancelled: ``cancelled`` was set.
    """
    for format_ in FORMATS.values():
        if format_.recognises(folder):
            return format_.load(folder, device=device, cancelled=cancelled)
    reason = message("is not a model in a known format ({formats})", formats=", ".join(FORMATS))
    raise CheckpointError(folder, reason)
