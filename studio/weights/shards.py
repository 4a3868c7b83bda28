"""The files in which a folder holds the weights of a network: a single one, or several shards with an index.

The layout is that of diffusers and transformers: ``diffusion_pytorch_model.safetensors``, or
``diffusion_pytorch_model.safetensors.index.json`` with ``diffusion_pytorch_model-00001-of-00002.safetensors`` and so
on. A variant such as "fp16" is part of the names. Importable without torch.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import convert, must, parse, quoted
from studio.weights.files import as_checkpoint_error, read_linked, unreadable
from studio.weights.header import MAX_NAME, MAX_TENSORS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

MAX_INDEX_BYTES = 16 << 20
MAX_SHARDS = 1000

_KNOWN = frozenset({"diffusion_pytorch_model", "model", "pytorch_model"})
_SINGLE = re.compile(r"(?P<stem>[^.]+)(?:\.(?P<variant>.+))?\.(?P<kind>safetensors|bin)")
_INDEX = re.compile(r"(?P<stem>[^.]+)\.(?P<kind>safetensors|bin)\.index(?:\.(?P<variant>.+))?\.json")
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.(?:.+\.)?(?:safetensors|bin)\Z")


@dataclass(frozen=True)
class WeightFiles:
    """The files with the weights of a network.

    Attributes:
        paths: the single file, or the shards by name.
        index: the index of the shards; None: a single file.
        places: by tensor, the shard in which the index says that it is; empty: a single file.
    """

    paths: tuple[Path, ...]
    index: Path | None = None
    places: Mapping[str, Path] = field(default_factory=dict)

    def check(self, tensors: Mapping[Path, Collection[str]]) -> None:
        """Check that every shard holds the tensors that the index names, and no others.

        Args:
            tensors: by shard, the names of its tensors.

        Raises:
            CheckpointError: it does not.
        """
        if self.index is None:
            return
        for name, place in self.places.items():
            if name not in tensors[place]:
                reason = message(
                    "says that the tensor {name} is in {file}, which does not hold it",
                    name=quoted(name),
                    file=place.name,
                )
                raise CheckpointError(self.index, reason)
        for shard in self.paths:
            for name in tensors[shard]:
                if self.places.get(name) != shard:
                    reason = message(
                        "does not say that the tensor {name} is in {file}, which holds it",
                        name=quoted(name),
                        file=shard.name,
                    )
                    raise CheckpointError(self.index, reason)


class _Index(msgspec.Struct):
    weight_map: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=MAX_NAME)], Annotated[str, Meta(max_length=255)]],
        Meta(
            min_length=1,
            max_length=MAX_TENSORS,
            extra=must(message("must name the files of 1 to {most:,} tensors", most=MAX_TENSORS)),
        ),
    ]
    metadata: object = None


def weights_in(folder: Path, start: str = "") -> WeightFiles | None:
    """Return the files of the weights in a folder; None if it has none.

    Args:
        folder: the folder.
        start: what their names begin with, for a folder that holds other weights too.

    Raises:
        CheckpointError: as `find_weights`, or the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            files = [entry.name for entry in entries if entry.name.startswith(start) and not entry.is_dir()]
    except OSError as error:
        raise unreadable(folder, error) from error
    return find_weights({name: folder / name for name in files})


def find_weights(inside: Mapping[str, Path]) -> WeightFiles | None:
    """Return the files of the weights among those of a folder; None if there are none.

    A variant is taken only if there is nothing without, "fp16" before others; safetensors before PyTorch files.

    Args:
        inside: the folder's files by name.

    Raises:
        CheckpointError: the index of the shards is missing, malformed, or names a file that is not there.
    """
    found = min((rank for name in inside if (rank := _rank(name)) is not None), default=None)
    if found is not None:
        name = found[-1]
        return _read_index(inside[name], inside) if name.endswith(".json") else WeightFiles((inside[name],))
    for name in inside:
        if _SHARD.search(name):
            raise CheckpointError(
                inside[name], message("is one of several shards, whose index is missing beside it")
            )
    return None


def _rank(name: str) -> tuple[bool, bool, bool, bool, bool, str] | None:
    """Return how early a file is taken, the first smallest; None if it is neither weights nor an index of them."""
    is_index = _INDEX.fullmatch(name)
    match = is_index or _SINGLE.fullmatch(name)
    if match is None or _SHARD.search(name):
        return None
    known, variant = match["stem"] in _KNOWN, match["variant"]
    is_torch = match["kind"] == "bin"
    if is_torch and not known:  # the state of an optimizer, the arguments of a training ...
        return None
    return is_torch, bool(variant), variant != "fp16", not known, bool(is_index), name


def _read_index(path: Path, inside: Mapping[str, Path]) -> WeightFiles:
    with as_checkpoint_error(path):
        weight_map = convert(parse(read_linked(path, MAX_INDEX_BYTES)), _Index).weight_map
    shards = sorted(set(weight_map.values()))
    if len(shards) > MAX_SHARDS:
        raise CheckpointError(path, message("names more than {most:,} shards", most=MAX_SHARDS))
    suffix = ".bin" if ".bin.index" in path.name else ".safetensors"
    for name in shards:
        # Only what the folder itself holds: no path, however it is written, leads out of it.
        if name not in inside or not name.endswith(suffix):
            reason = message("names the shard {name}, which is not in its folder", name=quoted(name))
            raise CheckpointError(path, reason)
    places = {name: inside[shard] for name, shard in weight_map.items()}
    return WeightFiles(tuple(inside[name] for name in shards), path, places)
