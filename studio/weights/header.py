"""The header of a safetensors file, checked before anything in the file is trusted. Needs neither torch nor NumPy.

The format (https://huggingface.co/docs/safetensors): eight bytes n, little-endian; n bytes of JSON, each tensor's name
with its dtype, shape and the range of its bytes; then those bytes, without gaps. The safetensors library accepts
repeated names (the last wins), shapes of a million dimensions, and headers of 100 MB; this reader refuses them.
"""

from __future__ import annotations

import functools
import math
import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, BinaryIO

import msgspec
from msgspec import Meta

from studio.errors import CheckpointError
from studio.messages import Message, message
from studio.strict_json import InvalidJsonError, convert, must, one_of, parse, quoted, without_texts
from studio.weights.files import open_regular, unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

MAX_HEADER_BYTES = 16 * 2**20
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8
MAX_DIMENSION = 2**31
MAX_NAME = 300
MAX_METADATA_VALUE = 2**20
MAX_METADATA_BYTES = 2**22
"""How much of a file's metadata is kept: trainers store the tags of a whole data set there, and pictures."""

WIDTHS = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
}
"""Bytes per value of each dtype that a file may contain."""

_Offset = Annotated[int, Meta(ge=0, le=2**62)]

_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_METADATA_KEY = b'"__metadata__":'
_REMEMBERED_BYTES = 2**20

_TRUNCATED = message("ends before its header does: it is truncated")
_FOREIGN = (
    (
        b"version https://git-lfs",
        message("is a Git LFS pointer, not the weights; run 'git lfs pull' in its folder"),
    ),
    (b"<", message("is a web page, not weights; the download went wrong")),
    (
        b"PK\x03\x04",
        message(
            "is a zip archive or a PyTorch file, not safetensors; pickles can run code and are never opened here"
        ),
    ),
    (
        b"\x80",
        message("is a Python pickle, not safetensors; pickles can run code and are never opened here"),
    ),
    (
        b"GGUF",
        message(
            "is a GGUF file, which this program cannot read yet; use the fp16, bf16 or fp8 file of this model"
        ),
    ),
    (b"{", message("is a JSON text, not safetensors")),
)


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One tensor of a file.

    Attributes:
        name: its name.
        dtype: a name in `WIDTHS`.
        shape: at most `MAX_DIMENSIONS` sizes, each 0 to `MAX_DIMENSION`; () for a scalar.
        begin: its first byte, counted from the end of the header.
        size: how many bytes it has; 0 if a size is 0.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """The contents of a file.

    Attributes:
        entries: the tensors in the order of their bytes, which follow each other without gaps to the end.
        raw: the header's own bytes, with those of its length.
        metadata: what the file says about itself. Values longer than `MAX_METADATA_VALUE` characters are left out, and
            so is what would make the whole larger than `MAX_METADATA_BYTES`.
    """

    entries: tuple[Entry, ...]
    raw: bytes = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> int:
        """Number of values of all tensors."""
        return sum(entry.size // WIDTHS[entry.dtype] for entry in self.entries)

    def check_parameters(self, expected: int, path: Path) -> None:
        """Raise CheckpointError unless the file at ``path`` has as many parameters as its card says."""
        if self.parameters != expected:
            reason = message(
                "holds {found:,} parameters; its card says {expected:,}",
                found=self.parameters,
                expected=expected,
            )
            raise CheckpointError(path, reason)


def check_file(path: Path, *, dtypes: Collection[str] = WIDTHS, links: bool = False) -> Header:
    """Open a safetensors file, check its header and return it; the tensors' bytes are not read.

    Args:
        path: the file.
        dtypes: those that its tensors may have.
        links: whether it may be a link out of its folder, as in Hugging Face's cache.

    Raises:
        CheckpointError: it cannot be opened, or as `read_header`.
    """
    with open_regular(path, links=links) as file:
        return read_header(file, path, dtypes=dtypes)


def read_header(file: BinaryIO, path: Path, *, dtypes: Collection[str] = WIDTHS) -> Header:
    """Read and check the header of a file opened at its beginning; leave the file at the first tensor.

    Args:
        file: the open file.
        path: where it is, for the sentence.
        dtypes: those that its tensors may have.

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
    header = parse_header(length_bytes + text, path, dtypes=dtypes)
    _check_end(header.entries, size - _LENGTH_BYTES - length, path)
    return header


def parse_header(raw: bytes, path: Path, *, dtypes: Collection[str] = WIDTHS) -> Header:
    """Return the header whose bytes, with those of its length, are ``raw``. Raises as `read_header`."""
    try:
        entries, metadata = _contents(raw[_LENGTH_BYTES:], dtypes)
    except InvalidJsonError as error:
        raise CheckpointError(path, message("has a header that {reason}", reason=error.of_file())) from error
    return Header(entries=entries, raw=raw, metadata=metadata)


def _contents(text: bytes, dtypes: Collection[str]) -> tuple[tuple[Entry, ...], Mapping[str, str]]:
    """Return the tensors in the order of their bytes, and the metadata; raises InvalidJsonError."""
    _check_counts(text)
    entries, metadata = _decoded(text, dtypes) or _parsed(text, dtypes)
    if _is_in_order(entries):
        return entries, metadata
    entries = tuple(sorted(entries, key=lambda entry: (entry.begin, entry.size)))
    place = 0
    for entry in entries:
        if entry.begin < place:
            raise _refused(
                message("gives {name} bytes that overlap the ones before", name=quoted(entry.name))
            )
        if entry.begin > place:
            raise _refused(
                message("gives {name} bytes that leave a gap before them", name=quoted(entry.name))
            )
        place += entry.size
    return entries, metadata


def _is_in_order(entries: tuple[Entry, ...]) -> bool:
    """Whether the tensors are listed in the order of their bytes, as nearly every file lists them."""
    place = 0
    for entry in entries:
        if entry.begin != place:
            return False
        place += entry.size
    return True


def _decoded(text: bytes, dtypes: Collection[str]) -> tuple[tuple[Entry, ...], Mapping[str, str]] | None:
    """Return the tensors, as listed, and the metadata of a header that is written as real files are; else None.

    All tensors are decoded at once, many times as fast as by `_parsed`, which decides about every header that is not
    accepted here, and gives the reason if it refuses it.
    """
    try:
        stored = bytes(_OUTER.decode(text).metadata)
        rest = text.replace(_METADATA_KEY + stored, _METADATA_KEY + b"null", 1)
        found = (_tensors if len(rest) <= _REMEMBERED_BYTES else _tensors.__wrapped__)(rest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found is None or not all(entry.dtype in dtypes for entry in found):
        return None
    return found, _metadata(parse(stored))


@functools.lru_cache(maxsize=16)  # many adapters of a folder differ in nothing but their metadata
def _tensors(text: bytes) -> tuple[Entry, ...] | None:
    """Return the tensors of a header whose metadata is null, if it has any; None as `_decoded`."""
    listed = _LISTED.decode(text)
    # A colon follows the name of each tensor and of its three fields. A name that is listed twice, of which the
    # decoder keeps the last, makes it more; so do colons in names, which are left to the other reader.
    if text.count(b":") != 4 * len(listed) - 3 * (_METADATA in listed):
        return None
    if listed.pop(_METADATA, None) is not None or not 1 <= len(listed) <= MAX_TENSORS:
        return None
    entries = []
    for name, tensor in listed.items():
        if tensor is None or not 1 <= len(name) <= MAX_NAME:
            return None
        begin, end = tensor.data_offsets
        if math.prod(tensor.shape) * WIDTHS[tensor.dtype] != end - begin:
            return None
        entries.append(
            Entry(name=name, dtype=tensor.dtype, shape=tensor.shape, begin=begin, size=end - begin)
        )
    return tuple(entries)


def _parsed(text: bytes, dtypes: Collection[str]) -> tuple[tuple[Entry, ...], Mapping[str, str]]:
    """Return the tensors, as listed, and the metadata of any header; raises InvalidJsonError."""
    listed = parse(text)
    if not isinstance(listed, dict):
        raise _refused(message("is not a JSON object"))
    metadata = _metadata(listed.pop(_METADATA, {}))
    if not 1 <= (count := len(listed)) <= MAX_TENSORS:
        raise _refused(
            message("lists {count:,} tensors; 1 to {most:,} are allowed", count=count, most=MAX_TENSORS)
        )
    return tuple(_entry(name, value, dtypes) for name, value in listed.items()), metadata


def _metadata(listed: object) -> Mapping[str, str]:
    if not isinstance(listed, dict):
        raise _refused(message("has metadata that is not a JSON object"))
    kept: dict[str, str] = {}
    left = MAX_METADATA_BYTES
    for name, value in listed.items():
        if not isinstance(value, str):
            raise _refused(message("has metadata that is not text: {name}", name=quoted(name)))
        if len(value) <= MAX_METADATA_VALUE and (size := 4 * (len(name) + len(value))) <= left:
            kept[name] = value
            left -= size
    return MappingProxyType(kept)


def _refused(reason: Message) -> InvalidJsonError:
    return InvalidJsonError("", reason)


def _header_length(length_bytes: bytes, file: BinaryIO, size: int, path: Path) -> int:
    if len(length_bytes) < _LENGTH_BYTES:
        raise CheckpointError(path, _TRUNCATED if length_bytes else message("is empty"))
    length = int.from_bytes(length_bytes, "little")
    if 2 <= length <= min(MAX_HEADER_BYTES, size - _LENGTH_BYTES):
        return length
    start = length_bytes + file.read(64)
    for magic, reason in _FOREIGN:
        if start.lstrip().startswith(magic):
            raise CheckpointError(path, reason)
    if length < 2:
        reason = message("is no safetensors file: it says that its header has {count} bytes", count=length)
        raise CheckpointError(path, reason)
    if length > MAX_HEADER_BYTES:
        reason = message(
            "is no safetensors file: it says that its header has {count:,} bytes (at most {most:,} are allowed)",
            count=length,
            most=MAX_HEADER_BYTES,
        )
        raise CheckpointError(path, reason)
    raise CheckpointError(path, _TRUNCATED)


def _check_counts(text: bytes) -> None:
    """Refuse, before parsing costs any memory, a header whose punctuation shows that it lists too much."""
    if text.count(b"{") + text.count(b"[") + text.count(b",") > 2 * MAX_TENSORS:
        text = without_texts(text)  # the metadata of a trainer may contain JSON of its own, as text
    if text.count(b"{") > 2 * MAX_TENSORS:
        raise _refused(message("lists more than {count:,} tensors", count=MAX_TENSORS))
    if text.count(b",") > 16 * MAX_TENSORS or text.count(b"[") > 8 * MAX_TENSORS:
        raise _refused(message("lists more numbers than {count:,} tensors can need", count=MAX_TENSORS))


class _Listed(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The header's entry for one tensor."""

    dtype: Annotated[str, one_of(WIDTHS)]
    shape: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=MAX_DIMENSION)], ...],
        Meta(
            max_length=MAX_DIMENSIONS,
            extra=must(
                message(
                    "must be at most {count} whole numbers from 0 to {most:,}",
                    count=MAX_DIMENSIONS,
                    most=MAX_DIMENSION,
                )
            ),
        ),
    ]
    data_offsets: tuple[_Offset, _Offset]


class _Outer(msgspec.Struct):
    """A header of which only the metadata is decoded."""

    metadata: msgspec.Raw = msgspec.field(name="__metadata__", default=msgspec.Raw(b"{}"))


_OUTER = msgspec.json.Decoder(_Outer)
_LISTED = msgspec.json.Decoder(dict[str, _Listed | None])


def _entry(name: str, value: object, dtypes: Collection[str]) -> Entry:
    shown = quoted(name)
    if not 1 <= (count := len(name)) <= MAX_NAME:
        raise _refused(
            message("names a tensor with {count:,} characters (1 to {most})", count=count, most=MAX_NAME)
        )
    listed = convert(value, _Listed, shown)
    if listed.dtype not in dtypes:
        reason = message(
            "must be one of {names}, not {value}", names=", ".join(dtypes), value=quoted(listed.dtype)
        )
        raise InvalidJsonError(f"{shown}.dtype", reason)
    begin, end = listed.data_offsets
    if begin > end:
        raise _refused(message("gives {name} offsets that run backwards", name=shown))
    if math.prod(listed.shape) * WIDTHS[listed.dtype] != end - begin:
        raise _refused(message("gives {name} more or fewer bytes than its shape needs", name=shown))
    return Entry(name=name, dtype=listed.dtype, shape=listed.shape, begin=begin, size=end - begin)


def _check_end(entries: tuple[Entry, ...], available: int, path: Path) -> None:
    """Refuse a file that does not end with its last tensor."""
    lacking = sum(entry.size for entry in entries) - available
    if lacking > 0:
        reason = message(
            "ends before its weights do ({count:,} bytes are missing): it is truncated", count=lacking
        )
        raise CheckpointError(path, reason)
    if lacking < 0:
        raise CheckpointError(
            path, message("continues for {count:,} bytes after its last tensor", count=-lacking)
        )
