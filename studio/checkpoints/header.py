"""The header of a safetensors file, checked before anything in the file is believed. Standard library only.

The format (https://huggingface.co/docs/safetensors): eight bytes n, little-endian; n bytes of JSON, each
tensor's name with its dtype, shape and the span of its bytes; then those bytes, without gaps. The library
that usually reads it takes names given twice (the last wins), shapes of a million dimensions, and headers of
100 MB; this reader takes none of them.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from studio.checkpoints.files import open_regular, unreadable
from studio.checkpoints.strict import parse, quoted
from studio.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

MAX_HEADER_BYTES = 16 * 2**20
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8
MAX_DIMENSION = 2**31
MAX_NAME = 300

WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}
"""Bytes of one number, by the dtypes that a model's weights may have."""

_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_PART = "has a header that "

_TRUNCATED = "ends before its header does: it is truncated"
_PICKLES = "pickles can run code and are never opened here"
_FOREIGN = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the weights; run 'git lfs pull' in its folder"),
    (b"<", "is a web page, not weights; the download went wrong"),
    (b"PK\x03\x04", f"is a zip archive or a PyTorch file, not safetensors; {_PICKLES}"),
    (b"\x80", f"is a Python pickle, not safetensors; {_PICKLES}"),
    (b"GGUF", "is a GGUF file, not safetensors"),
    (b"{", "is a JSON text, not safetensors"),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One tensor of a file.

    Attributes:
        name: its name.
        dtype: a name in `WIDTHS`.
        shape: at most `MAX_DIMENSIONS` sizes, each 1 to `MAX_DIMENSION`.
        begin: its first byte, counted from the end of the header.
        size: how many bytes it has.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file holds.

    Attributes:
        entries: the tensors in the order of their bytes, which follow each other without gaps to the end.
        raw: the header's own bytes, with those of its length.
    """

    entries: tuple[Entry, ...]
    raw: bytes = field(repr=False)

    @property
    def parameters(self) -> int:
        """How many numbers the tensors hold together."""
        return sum(entry.size // WIDTHS[entry.dtype] for entry in self.entries)


def check_file(path: Path) -> Header:
    """Open a safetensors file, check its header and return it; the tensors' bytes are not read.

    Raises:
        CheckpointError: it cannot be opened, or as `read_header`.
    """
    with open_regular(path) as file:
        return read_header(file, path)


def read_header(file: BinaryIO, path: Path) -> Header:
    """Read and check the header of a file opened at its beginning; leave the file at the first tensor.

    Raises:
        CheckpointError: the file is no safetensors file, or one outside this program's limits; every limit
            has its own sentence.
    """
    try:
        size = os.fstat(file.fileno()).st_size
        length_bytes = file.read(_LENGTH_BYTES)
        length = _header_length(length_bytes, file, size, path)
        text = file.read(length)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(text) < length:
        raise CheckpointError(path, _TRUNCATED)
    _check_counts(text, path)
    listed = parse(text, path, part=_PART)
    if not isinstance(listed, dict):
        raise CheckpointError(path, f"{_PART}is not a JSON object")
    if not isinstance(listed.pop(_METADATA, {}), dict):
        raise CheckpointError(path, f"{_PART}has metadata that is not a JSON object")
    if not 1 <= len(listed) <= MAX_TENSORS:
        raise CheckpointError(path, f"{_PART}lists {len(listed):,} tensors; 1 to {MAX_TENSORS:,} are taken")
    entries = sorted(
        (_entry(name, value, path) for name, value in listed.items()), key=lambda entry: entry.begin
    )
    _check_spans(entries, size - _LENGTH_BYTES - length, path)
    return Header(entries=tuple(entries), raw=length_bytes + text)


def _header_length(length_bytes: bytes, file: BinaryIO, size: int, path: Path) -> int:
    if len(length_bytes) < _LENGTH_BYTES:
        raise CheckpointError(path, _TRUNCATED if length_bytes else "is empty")
    length = int.from_bytes(length_bytes, "little")
    if 2 <= length <= min(MAX_HEADER_BYTES, size - _LENGTH_BYTES):
        return length
    start = length_bytes + file.read(64)
    for magic, reason in _FOREIGN:
        if start.lstrip().startswith(magic):
            raise CheckpointError(path, reason)
    if length < 2:
        raise CheckpointError(path, f"is no safetensors file: it says that its header has {length} bytes")
    if length > MAX_HEADER_BYTES:
        said = f"it says that its header has {length:,} bytes (at most {MAX_HEADER_BYTES:,} are taken)"
        raise CheckpointError(path, f"is no safetensors file: {said}")
    raise CheckpointError(path, _TRUNCATED)


def _check_counts(text: bytes, path: Path) -> None:
    """Refuse, before it costs any memory, a header whose punctuation shows that it lists too much."""
    if text.count(b"{") > 2 * MAX_TENSORS:
        raise CheckpointError(path, f"{_PART}lists more than {MAX_TENSORS:,} tensors")
    if text.count(b",") > 16 * MAX_TENSORS or text.count(b"[") > 8 * MAX_TENSORS:
        raise CheckpointError(path, f"{_PART}lists more numbers than {MAX_TENSORS:,} tensors can need")


def _entry(name: str, value: object, path: Path) -> Entry:
    if not 1 <= len(name) <= MAX_NAME:
        raise CheckpointError(path, f"{_PART}names a tensor with {len(name):,} characters (1 to {MAX_NAME})")
    shown = quoted(name)
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(path, f"{_PART}does not give {shown} exactly a dtype, a shape and its offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise CheckpointError(path, f"holds {shown} as {quoted(dtype)}; only {', '.join(WIDTHS)} are taken")
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise CheckpointError(path, f"{_PART}gives {shown} a shape that is not a list of whole numbers")
    if len(shape) > MAX_DIMENSIONS:
        limit = f"at most {MAX_DIMENSIONS}"
        raise CheckpointError(path, f"{_PART}gives {shown} {len(shape):,} dimensions ({limit})")
    if not all(1 <= side <= MAX_DIMENSION for side in shape):
        raise CheckpointError(path, f"{_PART}gives {shown} a side that is not 1 to {MAX_DIMENSION:,} long")
    if not isinstance(offsets, list) or [type(place) for place in offsets] != [int, int]:
        raise CheckpointError(path, f"{_PART}gives {shown} offsets that are not two whole numbers")
    begin, end = offsets
    if not 0 <= begin < end:
        raise CheckpointError(path, f"{_PART}gives {shown} offsets that run backwards or below zero")
    if math.prod(shape) * WIDTHS[dtype] != end - begin:
        raise CheckpointError(path, f"{_PART}gives {shown} more or fewer bytes than its shape needs")
    return Entry(name=name, dtype=dtype, shape=tuple(shape), begin=begin, size=end - begin)


def _check_spans(entries: list[Entry], available: int, path: Path) -> None:
    """Refuse tensors that do not follow each other exactly to the end of the file."""
    place = 0
    for entry in entries:
        if entry.begin != place:
            what = "overlap the ones before" if entry.begin < place else "leave a gap before them"
            raise CheckpointError(path, f"{_PART}gives {quoted(entry.name)} bytes that {what}")
        place += entry.size
    if place > available:
        lacking = place - available
        raise CheckpointError(path, f"ends before its weights do ({lacking:,} bytes lack): it is truncated")
    if place < available:
        raise CheckpointError(path, f"goes on for {available - place:,} bytes after its last tensor")
