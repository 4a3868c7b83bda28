"""The tensors of a safetensors file, read and written.

The file is read once, in order, through one open handle: what is hashed is what is loaded, a file that another
program shortens meanwhile is an error and not a crash (as it would be if it were mapped), and the read can be dropped
at any chunk.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from studio.checkpoints.files import open_regular, unreadable
from studio.checkpoints.header import Entry, Header, read_header
from studio.checkpoints.model import LoadCancelled
from studio.checkpoints.strict import quoted
from studio.errors import CheckpointError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from pathlib import Path

READ_CHUNK = 4 * 2**20
_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
_NAMED = 3
_NOT_WRITTEN = "was not written: card and weights differ"


def read_weights(
    path: Path,
    wanted: Mapping[str, Tensor],
    *,
    sha256: str,
    parameters: int,
    device: torch.device,
    cancelled: threading.Event | None = None,
) -> dict[str, Tensor]:
    """Read the tensors of a file that must hold exactly those wanted.

    Nothing is allocated before names and shapes have been compared. Floating-point tensors come as float32, whatever
    the file stores them in.

    Args:
        path: the file.
        wanted: by key, a tensor of the shape and kind of number that is wanted (on the meta device).
        sha256: the file's hash.
        parameters: how many numbers it holds.
        device: where the tensors go.
        cancelled: drops the read when set.

    Raises:
        CheckpointError: the file is not what was wanted, or holds values that are not finite.
        LoadCancelled: ``cancelled`` was set; it is looked at for every 4 MiB.
    """
    with open_regular(path) as file:
        header = read_header(file, path)
        _compare(header, wanted, path)
        if header.parameters != parameters:
            raise CheckpointError(path, f"holds {header.parameters:,} numbers; its card says {parameters:,}")
        digest = hashlib.sha256(header.raw)
        tensors: dict[str, Tensor] = {}
        not_finite: list[str] = []
        for entry in header.entries:
            tensor = _read_tensor(file, entry, path, digest, cancelled)
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                not_finite.append(entry.name)
            dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
            tensors[entry.name] = tensor.to(device=device, dtype=dtype)
    if digest.hexdigest() != sha256:
        raise CheckpointError(path, "is damaged or not the file its card was made for (its hash is another)")
    if not_finite:
        raise CheckpointError(path, f"holds values that are not finite numbers in {_some(not_finite)}")
    return tensors


def _read_tensor(
    file: BinaryIO, entry: Entry, path: Path, digest: hashlib._Hash, cancelled: threading.Event | None
) -> Tensor:
    # Torch's own memory: it is aligned, and on unaligned memory a matrix product may round differently.
    raw = torch.empty(entry.size, dtype=torch.uint8)
    view = memoryview(raw.numpy().data)
    for start in range(0, entry.size, READ_CHUNK):
        if cancelled is not None and cancelled.is_set():
            raise LoadCancelled
        chunk = view[start : start + READ_CHUNK]
        try:
            count = file.readinto(chunk)  # type: ignore[attr-defined]
        except OSError as error:
            raise unreadable(path, error) from error
        if count != len(chunk):
            raise CheckpointError(path, "became shorter while it was read")
        digest.update(chunk)
    return raw.view(_DTYPES[entry.dtype]).reshape(entry.shape)


def _compare(header: Header, wanted: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a file whose tensors are not exactly those wanted."""
    found = {entry.name: entry for entry in header.entries}
    if missing := [name for name in wanted if name not in found]:
        raise CheckpointError(path, f"lacks what its card asks for: {_some(missing)}")
    if unexpected := [name for name in found if name not in wanted]:
        raise CheckpointError(path, f"holds what its card knows nothing of: {_some(unexpected)}")
    for name, tensor in wanted.items():
        entry = found[name]
        if entry.shape != tuple(tensor.shape):
            shapes = f"{_sides(entry.shape)}; its card asks for {_sides(tuple(tensor.shape))}"
            raise CheckpointError(path, f"holds {quoted(name)} with the shape {shapes}")
        if _DTYPES[entry.dtype].is_floating_point != tensor.is_floating_point():
            raise CheckpointError(path, f"holds {quoted(name)} as {entry.dtype}, the wrong kind of number")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(map(quoted, listed[:_NAMED])) + (f" and {more:,} more" if more > 0 else "")


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "of a single number"


def pack(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], dtype: torch.dtype, path: Path
) -> bytes:
    """Return the bytes of a safetensors file, floating-point tensors stored in ``dtype``.

    Args:
        tensors: what to store, on any device, by key.
        wanted: what the card asks for, by key.
        dtype: float32, float16 or bfloat16.
        path: where it will be written, for the sentence.

    Raises:
        CheckpointError: the tensors are not those that the card asks for, or not finite in ``dtype``.
    """
    if different := sorted(tensors.keys() ^ wanted.keys()):
        raise CheckpointError(path, f"{_NOT_WRITTEN} in {_some(different)}")
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise CheckpointError(path, f"{_NOT_WRITTEN} in the shape of {quoted(name)}")
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        stored[name] = tensor.detach().to(device="cpu", dtype=kind, copy=True).contiguous()
        if tensor.is_floating_point() and not bool(stored[name].isfinite().all()):
            raise CheckpointError(path, f"was not written: {quoted(name)} is not finite in {dtype}")
    return to_safetensors(stored)
