"""The LoRAs and textual inversions of a loaded model, kept in memory so that changing a weight reads nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachetools import LRUCache

from studio.errors import CheckpointError
from studio.families.adapters.inversion import read_inversion
from studio.families.adapters.lora import Lora, read_lora
from studio.folders import Folders
from studio.weights.conversion import as_safetensors
from studio.weights.files import Identity, unreadable
from studio.weights.reader import TensorReader

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeVar

    import torch
    from torch import Tensor

    from studio.families.loading import Networks

    T = TypeVar("T")

MAX_BYTES = 2 << 30
"""How many bytes of adapters stay in memory beside a model; those that were not used for the longest time go first."""


@dataclass(frozen=True, eq=False)
class Inversion:
    """A textual inversion that fits a model.

    Attributes:
        vectors: for each text encoder, (V, D).
    """

    vectors: tuple[Tensor, ...]

    @property
    def size(self) -> int:
        """Bytes of its vectors."""
        return sum(tensor.nbytes for tensor in self.vectors)


class LoadedAdapters:
    """The adapters of one loaded model. A file that was replaced is read again."""

    def __init__(self, networks: Networks, device: torch.device, most_bytes: int = MAX_BYTES) -> None:
        """Start without any.

        Args:
            networks: of the model.
            device: where it is.
            most_bytes: how many bytes stay in memory.
        """
        self._networks, self._device = networks, device
        self._kept: LRUCache[tuple[str, Identity], Lora | Inversion] = LRUCache(
            most_bytes, getsizeof=lambda one: one.size
        )

    def lora(self, path: Path, cancelled: threading.Event | None = None) -> Lora:
        """Return a LoRA, read if it is not in memory.

        Raises:
            CheckpointError: the file cannot be read, or is not for this model.
            LoadCancelled: ``cancelled`` was set.
        """
        found = self._get(path, lambda file: read_lora(file, self._networks, self._device), cancelled)
        assert isinstance(found, Lora), "one file is not both"
        return found

    def inversion(self, path: Path, cancelled: threading.Event | None = None) -> Inversion:
        """Return a textual inversion. Raises as `lora`."""

        def read(file: TensorReader) -> Inversion:
            vectors = read_inversion(file, self._networks)
            return Inversion(tuple(each.to(self._device) for each in vectors))

        found = self._get(path, read, cancelled)
        assert isinstance(found, Inversion), "one file is not both"
        return found

    def _get(
        self,
        path: Path,
        read: Callable[[TensorReader], Lora | Inversion],
        cancelled: threading.Event | None,
    ) -> Lora | Inversion:
        try:
            key = os.path.abspath(path), Identity.of(os.stat(path))
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        found = self._kept.get(key)
        if found is None:
            found = self._read(path, read, cancelled)
            if found.size <= self._kept.maxsize:
                self._kept[key] = found
        return found

    def _read(self, path: Path, read: Callable[[TensorReader], T], cancelled: threading.Event | None) -> T:
        converted = as_safetensors(path, Folders.find().cache, cancelled=cancelled)
        try:
            with TensorReader(converted, cancelled=cancelled) as file:
                return read(file)
        except CheckpointError as error:
            if error.path != converted or converted == path:
                raise
            raise CheckpointError(path, error.reason) from error
