"""Reads and writes the tensors of a safetensors file.

The file is read once, in order, through one open handle: what is hashed is what is loaded, a file that another
program truncates meanwhile is an error and not a crash (as it would be if it were memory-mapped), and reading can be
cancelled at any chunk.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from studio.checkpoints.folder import NATIVE_DTYPES
from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import quoted
from studio.weights.files import LoadCancelled, open_regular, unreadable
from studio.weights.header import Entry, Header, read_header

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from pathlib import Path

READ_CHUNK = 4 * 2**20
_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
_NAMED = 3  # in a sentence


def read_weights(
    path: Path,
    wanted: Mapping[str, Tensor],
    *,
    sha256: str,
    parameters: int,
    device: torch.device,
    cancelled: threading.Event | None = None,
) -> dict[str, Tensor]:
    """Read the tensors of a file that must hold exactly the expected ones.

    Names and shapes are compared before anything is allocated. Floating-point tensors are returned as float32, whatever
    dtype the file stores.

    Args:
        path: the file.
        wanted: by key, a tensor of the expected shape and kind of dtype (on the meta device).
        sha256: the file's hash.
        parameters: number of values that it holds.
        device: where the tensors go.
        cancelled: stops reading when set; checked every 4 MiB.

    Raises:
        CheckpointError: the file is not the expected one, or holds values that are not finite.
        LoadCancelled: ``cancelled`` was set.
    """
    with open_regular(path) as file:
        header = read_header(file, path, dtypes=NATIVE_DTYPES)
        _compare(header, wanted, path)
        header.check_parameters(parameters, path)
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
        raise CheckpointError(
            path, message("is damaged or not the file its card was made for (its hash differs)")
        )
    if not_finite:
        raise CheckpointError(
            path, message("holds values that are not finite numbers in {names}", names=_some(not_finite))
        )
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
            raise CheckpointError(path, message("became shorter while it was read"))
        digest.update(chunk)
    return raw.view(_DTYPES[entry.dtype]).reshape(entry.shape)


def _compare(header: Header, wanted: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a file whose tensors are not exactly the expected ones."""
    found = {entry.name: entry for entry in header.entries}
    if missing := [name for name in wanted if name not in found]:
        raise CheckpointError(path, message("lacks tensors of its card: {names}", names=_some(missing)))
    if unexpected := [name for name in found if name not in wanted]:
        reason = message("holds tensors that its card does not have: {names}", names=_some(unexpected))
        raise CheckpointError(path, reason)
    for name, tensor in wanted.items():
        entry = found[name]
        if entry.shape != tuple(tensor.shape):
            reason = message(
                "holds {name} with the shape {found}; its card asks for {wanted}",
                name=quoted(name),
                found=_shape(entry.shape),
                wanted=_shape(tuple(tensor.shape)),
            )
            raise CheckpointError(path, reason)
        if _DTYPES[entry.dtype].is_floating_point != tensor.is_floating_point():
            reason = message(
                "holds {name} as {dtype}, the wrong kind of number", name=quoted(name), dtype=entry.dtype
            )
            raise CheckpointError(path, reason)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    first, more = ", ".join(map(quoted, listed[:_NAMED])), len(listed) - _NAMED
    return message("{names} and {count:,} more", names=first, count=more) if more > 0 else first


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or message("of a single number")


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
        reason = message("was not written: card and weights differ in {names}", names=_some(different))
        raise CheckpointError(path, reason)
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            reason = message(
                "was not written: card and weights differ in the shape of {name}", name=quoted(name)
            )
            raise CheckpointError(path, reason)
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        stored[name] = tensor.detach().to(device="cpu", dtype=kind, copy=True).contiguous()
        if tensor.is_floating_point() and not bool(stored[name].isfinite().all()):
            reason = message(
                "was not written: {name} is not finite in {dtype}", name=quoted(name), dtype=dtype
            )
            raise CheckpointError(path, reason)
    return to_safetensors(stored)
