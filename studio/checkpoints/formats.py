"""The model formats that this program reads. A new one is an object with these two functions and a line here."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from studio.checkpoints import configured_models, family_models, native
from studio.checkpoints.family_models import FamilyInfo
from studio.errors import CheckpointError
from studio.families.configured.info import ConfiguredInfo
from studio.messages import message
from studio.weights.conversion import converting
from studio.weights.files import REPLACED, Identity, unreadable
from studio.weights.hashing import HashCache, hashing

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    import torch

    from studio.checkpoints.catalog import InstalledModel
    from studio.families.interface import Model
    from studio.folders import Folders


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
    folders: Folders,
    device: torch.device | str = "cpu",
    rungs: Collection[str] = (),
    cancelled: threading.Event | None = None,
) -> Model:
    """Read a model that is installed; its card has the hash of the weights.

    A run's header, the metadata of a picture and a fork name the model by that hash, so no job starts without it. It is
    computed while the model is loaded, unless it is known.

    Args:
        installed: the model.
        folders: the user's folders, with the cache of hashes and of converted files.
        device: where the weights go.
        rungs: what is done so that runs fit in memory.
        cancelled: stops the load when set.

    Raises:
        CheckpointError: a file cannot be read, does not hold what it should, or was replaced meanwhile.
        StorageError: a converted file cannot be written.
        LoadCancelled: ``cancelled`` was set.
    """
    card = installed.card
    if not isinstance(card, FamilyInfo | ConfiguredInfo):
        return load_model(installed.path, device=device, cancelled=cancelled)
    before = _identities(card)
    with hashing(before, HashCache.of(folders.cache), cancelled) as wait:
        if isinstance(card, FamilyInfo):
            model = family_models.load(card, folders=folders, device=device, rungs=rungs, cancelled=cancelled)
        else:
            model = configured_models.load(card, folders=folders, device=device, cancelled=cancelled)
        wait()
    for path, identity in _identities(card).items():
        if identity != before[path]:
            raise CheckpointError(path, REPLACED)
    return _with_hash(model, card, folders)


def _identities(card: FamilyInfo | ConfiguredInfo) -> dict[Path, Identity]:
    """Return what the files of a model are known by."""
    found = {}
    for path in dict.fromkeys(path for _, path in card.files):
        try:
            found[path] = Identity.of(path.stat())
        except OSError as error:
            raise unreadable(path, error) from error
    return found


def _with_hash(model: Any, card: FamilyInfo | ConfiguredInfo, folders: Folders) -> Model:  # noqa: ANN401
    """Return a loaded model, a dataclass, whose card has the hash of its weights, which is known."""
    hashes = HashCache.of(folders.cache)
    known = (
        family_models.with_known_hash(card, hashes)
        if isinstance(card, FamilyInfo)
        else configured_models.with_known_hash(card, hashes)
    )
    found: Model = replace(model, card=known)
    return found


def share_networks(installed: InstalledModel, loaded: Model, *, folders: Folders) -> Model | None:
    """Return an installed model with the networks of one that is loaded, if it has the same; else None."""
    card = installed.card
    shared = family_models.sharing(card, loaded, folders) if isinstance(card, FamilyInfo) else None
    if shared is None or not isinstance(card, FamilyInfo):
        return None
    return _with_hash(shared, card, folders)


def convert_installed(
    installed: InstalledModel, *, folders: Folders, cancelled: threading.Event | None = None
) -> Iterator[float]:
    """Convert a model's PyTorch files, and yield the fraction that is done; nothing if there are none to convert.

    Raises:
        CheckpointError: a file cannot be read, or is refused.
        StorageError: a converted file cannot be written.
        LoadCancelled: ``cancelled`` was set.
    """
    if not isinstance(installed.card, FamilyInfo | ConfiguredInfo):
        return
    files = tuple(dict.fromkeys(path for _, path in installed.card.files))
    for place, path in enumerate(files):
        for fraction in converting(path, folders.cache, cancelled):
            yield (place + fraction) / len(files)


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
