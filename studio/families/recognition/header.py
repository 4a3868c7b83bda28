"""The header of a model file as recognition reads it: names, dtypes and shapes of tensors, and text metadata."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEEPEST = 16
"""Number of segments of a name that rules can look at."""

_NO_METADATA: Mapping[str, str] = MappingProxyType({})


class TensorInfo(NamedTuple):
    """One tensor of a file.

    Attributes:
        dtype: as safetensors writes it: "F16", "F8_E4M3" ...
        shape: its sizes; () for a scalar, (0,) for an empty marker tensor such as ``v_pred``.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements; 0 for a marker tensor."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class ModelHeader:
    """What is known of a file before any weight is read.

    Attributes:
        name: the file's name without its folder, which may hint at what the header does not say.
        tensors: name to dtype and shape.
        metadata: ``__metadata__`` of a safetensors file.
        container: "safetensors" or "gguf"; of a GGUF file only the magic number may have been read.
        parameterization: "v" or "eps" as the configuration of A1111 beside the file says it (``model.yaml``); "" if
            there is none.
        shared: the names of ``tensors``, if they were made before, for another file with the same tensors.
    """

    name: str
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_METADATA)
    container: str = "safetensors"
    parameterization: str = ""
    shared: Names | None = field(default=None, repr=False, compare=False)

    @cached_property
    def names(self) -> Names:
        """All its tensors."""
        return Names(self.tensors) if self.shared is None else self.shared

    @property
    def parameters(self) -> int:
        """Number of elements of all tensors."""
        return sum(self.names.dtypes.values())


class Names:
    """The tensors of a file whose names begin with a prefix, with the prefix removed.

    Looking up one name, or whether any name begins or ends with given segments, takes constant time, so that a
    hundred rules can be tried on a file of thousands of tensors.
    """

    def __init__(self, tensors: Mapping[str, TensorInfo], prefix: str = "") -> None:
        self.prefix = prefix
        self.tensors = tensors

    def under(self, prefix: str) -> Names:
        """Return the names that begin with ``prefix``, without it; ``prefix`` is counted from the file's own names."""
        return Names(self.tensors, prefix) if prefix != self.prefix else self

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.tensors

    def __iter__(self) -> Iterator[str]:
        if not self.prefix:
            return iter(self.tensors)
        cut = len(self.prefix)
        return (name[cut:] for name in self.tensors if name.startswith(self.prefix))

    def get(self, name: str) -> TensorInfo | None:
        """Return the tensor of that name, or None."""
        return self.tensors.get(self.prefix + name)

    def size(self, name: str, axis: int) -> int | None:
        """Return the size of a tensor along an axis (negative: from the end); None if there is no such axis."""
        tensor = self.get(name)
        if tensor is None or not -len(tensor.shape) <= axis < len(tensor.shape):
            return None
        return tensor.shape[axis]

    def any_starts(self, start: str) -> bool:
        """Whether a name begins with ``start``, which must end at a dot (or be the first segment's own start)."""
        return start in self._starts

    def any_ends(self, end: str) -> bool:
        """Whether a name ends with ``end``, which must begin at a dot."""
        return end in self._ends

    def count(self, pattern: str) -> int:
        """Return how many of ``pattern`` with 0, 1, 2 ... for ``{}`` begin a name, up to the first that does not."""
        found = 0
        while self.any_starts(pattern.format(found)):
            found += 1
        return found

    @cached_property
    def dtypes(self) -> Counter[str]:
        """The number of elements of each dtype."""
        counts: Counter[str] = Counter()
        for name, tensor in self.tensors.items():
            if name.startswith(self.prefix):
                counts[tensor.dtype] += tensor.size
        return counts

    @cached_property
    def _starts(self) -> frozenset[str]:
        """Every beginning of a name up to and including one of its first `DEEPEST` dots."""
        found: set[str] = set()
        for name in self:
            if name.count(".") > DEEPEST:  # nobody's model, but somebody's attempt to use up the memory
                name = ".".join(name.split(".", DEEPEST)[:DEEPEST]) + "."
            place = name.rfind(".")
            while (
                place >= 0 and (start := name[: place + 1]) not in found
            ):  # else its own beginnings are there, too
                found.add(start)
                place = name.rfind(".", 0, place)
        return frozenset(found)

    @cached_property
    def _ends(self) -> frozenset[str]:
        """The last one, two and three segments of every name, each with the dot before it."""
        last_three: set[str] = set()
        for name in self:
            place = name.rfind(".")
            for _ in range(2):
                before = name.rfind(".", 0, place) if place > 0 else -1
                place = before if before >= 0 else place
            if place >= 0:
                last_three.add(name[place:])
        return frozenset(end[place:] for end in last_three for place in range(len(end)) if end[place] == ".")
