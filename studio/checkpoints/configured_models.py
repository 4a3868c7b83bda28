"""Models that are known by a whole folder of diffusers: DDPM and DiT. Importable without torch.

They are used where they are. What is known of one before it is loaded is a `ConfiguredInfo`, made from the
configurations in its folder.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from studio.checkpoints.family_models import UnsupportedModelError, by_part
from studio.checkpoints.library.pairing import suppliers
from studio.errors import CheckpointError
from studio.families.configured.info import ConfiguredInfo, Found, describe_ddpm, describe_dit
from studio.families.recognition.kinds import COMPONENT_TITLES, Component, Family
from studio.families.recognition.recognise import FOLDER_FAMILIES
from studio.messages import message
from studio.weights.conversion import as_safetensors
from studio.weights.shards import weights_in

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import torch

    from studio.checkpoints.library.scan import ModelFile
    from studio.families.interface import Model
    from studio.folders import Folders
    from studio.weights.hashing import HashCache

_LOADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"ddpm": "studio.families.configured.ddpm", "dit-xl": "studio.families.configured.dit_xl"}
)
"""The module that loads a model, by the name of its family: importing it takes torch."""


def is_configured(file: ModelFile) -> bool:
    """Whether a file or folder is of a family that is known by its folder."""
    found = file.recognised
    return found is not None and found.family is not None and found.family.value in FOLDER_FAMILIES


def describe(file: ModelFile, others: Iterable[ModelFile] = (), title: str = "") -> ConfiguredInfo:
    """Return what is known of a model of which `is_configured` is true.

    Args:
        file: its folder, recognised.
        others: the files that may supply the autoencoder that it lacks.
        title: what the user calls it; "": by its name.

    Raises:
        CheckpointError: it cannot be used; the sentence says what it is and what to do, or what is missing.
    """
    recognised = file.recognised
    assert recognised is not None
    if recognised.advice is not None:
        raise UnsupportedModelError(file.path, recognised.advice)
    found = Found(
        name=file.name.replace("/", "--"),
        title=title or file.name.replace("/", "--"),
        path=file.path,
        signature=file.signature,
        parameters=recognised.parameters,
        size_on_disk=file.size,
        precision=recognised.storage.form or recognised.storage.dtype,
    )
    if recognised.family is not None and recognised.family.value is Family.DDPM:
        return describe_ddpm(found)
    return describe_dit(found, _autoencoder(file, others) if recognised.missing else ())


def _autoencoder(file: ModelFile, others: Iterable[ModelFile]) -> tuple[Path, ...]:
    """Return the files of an autoencoder that lies elsewhere."""
    for supplier in suppliers(file, others)[Component.VAE_4]:
        if not supplier.is_folder:
            return (supplier.path,)
        weights = weights_in(supplier.path / "vae")
        if weights is not None:
            return weights.paths
    reason = message(
        "lacks its {parts}, and no file in the model folders has it", parts=COMPONENT_TITLES[Component.VAE_4]
    )
    raise CheckpointError(file.path, reason)


def hashed(
    info: ConfiguredInfo,
    hashes: HashCache,
    *,
    cancelled: threading.Event | None = None,
    paused: threading.Event | None = None,
) -> ConfiguredInfo:
    """Return the same with the hash of its weights, computed if it is not known: it may take many seconds.

    Raises:
        CheckpointError: a file cannot be read.
        LoadCancelled: ``cancelled`` was set.
    """
    found = [
        hashes.hash_of(path, cancelled=cancelled, paused=paused, must_store=False) for _, path in info.files
    ]
    return _with_hash(info, found)


def with_known_hash(info: ConfiguredInfo, hashes: HashCache) -> ConfiguredInfo:
    """Return the same with the hash of its weights, if it is known. Raises CheckpointError."""
    found = [hashes.known(path) for _, path in info.files]
    known = [one for one in found if one is not None]
    return _with_hash(info, known) if len(known) == len(found) else info


def _with_hash(info: ConfiguredInfo, hashes: list[str]) -> ConfiguredInfo:
    """Return the same with the hash of the hashes of its files and of what its networks are built from."""
    built_from = msgspec.json.encode([info.network, info.autoencoder, info.noise])
    digest = hashlib.sha256(" ".join(hashes).encode("ascii") + built_from)
    return replace(info, weights_sha256=digest.hexdigest())


def load(
    info: ConfiguredInfo,
    *,
    folders: Folders,
    device: torch.device | str = "cpu",
    cancelled: threading.Event | None = None,
) -> Model:
    """Load a model. PyTorch files are converted the first time, into the cache of the user's folders.

    Raises:
        CheckpointError: a file cannot be read, or does not hold what it should.
        StorageError: a converted file cannot be written.
        LoadCancelled: ``cancelled`` was set.
    """
    files = by_part(
        (part, as_safetensors(path, folders.cache, cancelled=cancelled)) for part, path in info.files
    )
    # By name: this module says what models there are before torch is there.
    loader = importlib.import_module(_LOADERS[info.family_name])
    model: Model = loader.load(info, files, device=device, cancelled=cancelled)
    return model
