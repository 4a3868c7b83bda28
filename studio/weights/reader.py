"""Reads the tensors of a safetensors file, each in the dtype in which it is stored."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import quoted
from studio.weights.forms import find_form
from studio.weights.tensor_file import TensorFile

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from studio.weights.header import Entry

DTYPES = MappingProxyType(
    {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2,
        "F8_E8M0": torch.float8_e8m0fnu,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U64": torch.uint64,
        "U32": torch.uint32,
        "U16": torch.uint16,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }
)
"""torch's dtypes by their names in files."""


class TensorReader(TensorFile):
    """An open safetensors file that gives tensors.

    Attributes:
        form: the form in which it stores its weights.
    """

    def __init__(self, path: Path, *, cancelled: threading.Event | None = None) -> None:
        """Open a file.

        Raises:
            CheckpointError: it cannot be opened, its header is refused, or its weights are of a form that this
                program does not read.
        """
        super().__init__(path, cancelled=cancelled)
        try:
            self.form = find_form(self)
        except BaseException:
            self.close()
            raise

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of its weights by name; scales and markers are left out."""
        return {name: entry.shape for name, entry in self.entries.items() if name not in self.form.extras}

    def scale_of(self, name: str) -> Tensor | None:
        """Return what the weight of that name must be multiplied by; None: it is as stored. Raises as `read`."""
        scale = self.form.scales.get(name)
        return None if scale is None else self.read(scale)

    def read(self, name: str) -> Tensor:
        """Return a tensor on the CPU, in memory of its own and in the dtype in which it is stored.

        Raises:
            CheckpointError: the file was replaced, changed or truncated since it was opened, or cannot be read.
            LoadCancelled: reading was cancelled.
            KeyError: the file has no such tensor.
        """
        return self._read(self.entries[name])

    def read_all(self, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Return tensors by name, read in the order of their bytes.

        Args:
            names: those that are wanted; None is all, scales and markers included.

        Raises:
            CheckpointError, LoadCancelled, KeyError: as `read`.
        """
        wanted = self.entries.values() if names is None else [self.entries[name] for name in names]
        return {entry.name: self._read(entry) for entry in sorted(wanted, key=lambda entry: entry.begin)}

    def _read(self, entry: Entry) -> Tensor:
        # Torch's own memory: it is aligned, and on unaligned memory a matrix product may round differently.
        raw = torch.empty(entry.size, dtype=torch.uint8)
        self.read_into(entry, memoryview(raw.numpy().data))
        return raw.view(DTYPES[entry.dtype]).reshape(entry.shape)


class ShardReader:
    """Open shards that give their tensors as a single file does.

    Attributes:
        path: the first shard, for messages about all.
        shapes: the shapes of the weights by name.
    """

    def __init__(self, shards: Sequence[TensorReader]) -> None:
        """Join open files, at least one.

        Raises:
            CheckpointError: two of them hold a tensor of the same name.
        """
        self.path = shards[0].path
        self._shards: dict[str, TensorReader] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        for shard in shards:
            for name, shape in shard.shapes.items():
                if name in shapes:
                    reason = message(
                        "holds the tensor {name}, which {file} holds too",
                        name=quoted(name),
                        file=self._shards[name].path.name,
                    )
                    raise CheckpointError(shard.path, reason)
                self._shards[name], shapes[name] = shard, shape
        self.shapes: Mapping[str, tuple[int, ...]] = MappingProxyType(shapes)

    def scale_of(self, name: str) -> Tensor | None:
        """Return what `TensorReader.scale_of` does. Raises as `TensorReader.read`."""
        return self._shards[name].scale_of(name)

    def read(self, name: str) -> Tensor:
        """Return what `TensorReader.read` does. Raises as it does."""
        return self._shards[name].read(name)
