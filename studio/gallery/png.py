"""The size and texts of a PNG, and the metadata in them, read without decoding pixels and without trust.

The reader walks the chunks up to the first IDAT. Whatever the file says, it reads at most `MAX_TEXT_CHUNKS` texts of
`MAX_CHUNK_BYTES`, unpacks at most `MAX_TOTAL_BYTES` of all of them together, and visits at most `MAX_CHUNKS` chunks.
PNG specification, third edition: 5.3 (chunks), 11.2.1 (IHDR), 11.3.3 (text).

Two texts of our pictures come before the pixels: ``stepwise``, our own JSON, from which everything can be rebuilt, and
``parameters``, which other programs read. Text beyond Latin-1 goes into an iTXt chunk (UTF-8), the rest into tEXt.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from studio.errors import RequestError, StorageError
from studio.gallery.metadata import PictureMetadata
from studio.messages import Message, message
from studio.storage import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MAX_TEXT_CHUNKS = 16
MAX_CHUNK_BYTES = 256_000
MAX_TOTAL_BYTES = 1_000_000
MAX_CHUNKS = 1_000
MAX_SIDE_PX = 32_768
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT_TYPES = (b"tEXt", b"zTXt", b"iTXt")
_MAX_LENGTH = 2**31 - 1


class _Refused(Exception):
    """Carries the reason (a clause) to where the path is known."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class PngText:
    """The size of a PNG and its texts, in the order of the file: (keyword, text). A keyword may come twice."""

    width: int
    height: int
    texts: tuple[tuple[str, str], ...]


def read_chunks(path: Path) -> PngText:
    """Return the size and texts of the PNG at ``path``.

    Raises:
        StorageError: it cannot be opened, is no PNG, is damaged, or holds more than the caps above.
    """
    with opened(path) as file:
        return walk(file)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open the file at ``path`` for reading; every fault meanwhile becomes a StorageError.

    Raises:
        StorageError: it cannot be opened, is a device or a pipe, or what was read of it was refused.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _Refused(message("is not a file"))
            yield file
    except _Refused as error:
        raise StorageError(path, error.reason) from error
    except (OSError, ValueError) as error:
        raise storage_error(path, error) from error


def walk(file: BinaryIO) -> PngText:
    """Return the size and texts of an open PNG; use inside `opened`, which knows the path."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise _Refused(message("is not a PNG picture"))
    kind, length = _head(file)
    if kind != b"IHDR" or length != 13:
        raise _Refused(message("is a damaged PNG: it does not start with a header"))
    width, height = struct.unpack(">II", _body(file, kind, length)[:8])
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise _Refused(
            message(
                "claims to be {width} x {height} pixels; at most {most} per side are supported",
                width=width,
                height=height,
                most=MAX_SIDE_PX,
            )
        )
    texts: list[tuple[str, str]] = []
    left = MAX_TOTAL_BYTES
    for _ in range(MAX_CHUNKS):
        kind, length = _head(file)
        if kind in (b"IDAT", b"IEND"):
            return PngText(width=width, height=height, texts=tuple(texts))
        if kind not in _TEXT_TYPES:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        if length > MAX_CHUNK_BYTES:
            raise _Refused(
                message(
                    "contains a text of {length:,} bytes; at most {most:,} are supported",
                    length=length,
                    most=MAX_CHUNK_BYTES,
                )
            )
        if len(texts) == MAX_TEXT_CHUNKS:
            raise _Refused(message("contains more than {most} texts", most=MAX_TEXT_CHUNKS))
        keyword, packed, encoding = _split(kind, _body(file, kind, length))
        data = _unpack(packed) if encoding.startswith("zip ") else packed
        left -= len(data)
        if left < 0:
            raise _too_long()
        texts.append((keyword, data.decode(encoding.removeprefix("zip "), "replace")))
    raise _Refused(message("has more than {most:,} chunks before its pixels", most=MAX_CHUNKS))


def _head(file: BinaryIO) -> tuple[bytes, int]:
    head = file.read(8)
    if len(head) < 8:
        raise _Refused(message("is a damaged PNG: it ends before its pixels"))
    length = int.from_bytes(head[:4], "big")
    if length > _MAX_LENGTH or not head[4:].isalpha():
        raise _Refused(message("is a damaged PNG: a chunk has an invalid name or length"))
    return head[4:], length


def _body(file: BinaryIO, kind: bytes, length: int) -> bytes:
    data = file.read(length + 4)
    if len(data) < length + 4:
        raise _Refused(message("is a damaged PNG: it ends before its pixels"))
    if zlib.crc32(kind + data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise _Refused(message("is a damaged PNG: a checksum is wrong"))
    return data[:-4]


def _split(kind: bytes, body: bytes) -> tuple[str, bytes, str]:
    """Return keyword, data and its encoding, with "zip " before it where the data are packed."""
    keyword, found, rest = body.partition(b"\0")
    if not found or not 1 <= len(keyword) <= 79:
        raise _Refused(message("is a damaged PNG: a text chunk has an invalid keyword"))
    name = keyword.decode("latin-1")
    if kind == b"tEXt":
        return name, rest, "latin-1"
    if kind == b"zTXt":
        if rest[:1] != b"\0":
            raise _Refused(message("is a damaged PNG: a text chunk has an unknown compression method"))
        return name, rest[1:], "zip latin-1"
    flags, rest = rest[:2], rest[2:]
    parts = rest.split(b"\0", 2)  # language, translated keyword, text
    if len(parts) != 3 or flags not in (b"\0\0", b"\1\0"):
        raise _Refused(message("is a damaged PNG: a text chunk has an unknown compression method"))
    return name, parts[2], "zip utf-8" if flags == b"\1\0" else "utf-8"


def _unpack(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, MAX_CHUNK_BYTES + 1)
    except zlib.error as error:
        raise _Refused(message("is a damaged PNG: a text chunk cannot be decompressed")) from error
    if len(text) > MAX_CHUNK_BYTES:
        raise _too_long()
    if not unpacker.eof:
        raise _Refused(message("is a damaged PNG: a text chunk cannot be decompressed"))
    return text


def _too_long() -> _Refused:
    return _Refused(
        message(
            "contains text that decompresses to more than {each:,} bytes in one chunk or {total:,} bytes in total",
            each=MAX_CHUNK_BYTES,
            total=MAX_TOTAL_BYTES,
        )
    )


OWN_KEYWORD = "stepwise"
SHARED_KEYWORD = "parameters"


@dataclass(frozen=True, kw_only=True)
class PngPicture:
    """The size and metadata of a picture file.

    Attributes:
        width: pixels.
        height: pixels.
        metadata: how it was made; None for a picture that another program made.
    """

    width: int
    height: int
    metadata: PictureMetadata | None


def read(path: Path) -> PngPicture:
    """Return the size and metadata of the PNG at ``path``, without decoding its pixels.

    Raises:
        StorageError: it cannot be read, is no proper PNG, or its metadata cannot be used.
    """
    found = read_chunks(path)
    own = [text for keyword, text in found.texts if keyword == OWN_KEYWORD]
    if len(own) > 1:
        reason = message("contains two descriptions of how it was made, so neither can be trusted")
        raise StorageError(path, reason)
    try:
        metadata = PictureMetadata.from_json(own[0]) if own else None
    except RequestError as error:
        reason = message(
            "contains a description of how it was made that cannot be used: {field} {reason}",
            field=error.field,
            reason=error.reason,
        )
        raise StorageError(path, reason) from error
    return PngPicture(width=found.width, height=found.height, metadata=metadata)


def metadata_of(path: Path) -> PictureMetadata:
    """Return the metadata of a picture that this program made.

    Raises:
        StorageError: the file cannot be read, or has no metadata.
    """
    metadata = read(path).metadata
    if metadata is None:
        raise StorageError(path, message("does not say how it was generated, so it cannot be reproduced"))
    return metadata
