"""The model formats that this program reads. A new one is an object with these two functions and a line here."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from studio.checkpoints import configured_models, family_models, native
from studio.checkpoints.family_models import FamilyInfo
from studio.errors import CheckpointError
from studio.families.configured.info import ConfiguredInfo
from studio.messages import message

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from studio.checkpoints.catalog import InstalledModel
    from studio.families.interface import Model


class Format(Protocol):
    """A format in which a folder or a file stores a model."""

    def recognises(self, path: Path, /) -> bool:
        """Whether a folder or file holds a model of this format, valid or not. Reads no more than a header."""

    def load(
        self, path: Path, /, *, device: torch.device | str = "cpu", cancelled: threading.Event | None = None
    ) -> Model:
        """Read the model; raises CheckpointError, or LoadCancelled once ``cancelled`` is set."""


FORMATS: Mapping[str, Format] = MappingProxyType({"native": native})


def load_installed(
    installed: InstalledModel,
    *,
    device: torch.device | str = "cpu",
    cancelled: threading.Event | None = None,
) -> Model:
    """Read a model that is installed. Raises as `load_model`."""
    if isinstance(installed.card, FamilyInfo):
        return family_models.load(installed.card, device=device, cancelled=cancelled)
    if isinstance(installed.card, ConfiguredInfo):
        return configured_models.load(installed.card, device=device, cancelled=cancelled)
    return load_model(installed.path, device=device, cancelled=cancelled)


def share_networks(installed: InstalledModel, loaded: Model) -> Model | None:
    """Return an installed model with the networks of one that is loaded, if it has the same; else None."""
    return family_models.sharing(installed.card, loaded) if isinstance(installed.card, FamilyInfo) else None


def load_model(
    path: Path, *, device: torch.device | str = "cpu", cancelled: threading.Event | None = None
) -> Model:
    """Read the model at ``path``, of one of this program's own formats.

    Args:
        path: the model's folder, or its file.
        device: where the weights go.
        cancelled: stops the load when set.

    Raises:
        CheckpointError: no format knows it, or something in it is wrong.
        LoadCancelled: ``cancelled`` was set.
    """
    for format_ in FORMATS.values():
        if format_.recognises(path):
            return format_.load(path, device=device, cancelled=cancelled)
    reason = message("is not a model in a known format ({formats})", formats=", ".join(FORMATS))
    raise CheckpointError(path, reason)
