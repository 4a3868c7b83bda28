"""A cache of the decoded pictures of a folder: a memory-mapped file of small squares and an index of their files.

The cache may be deleted, truncated or overwritten at any time between trainings: the index is written last and names
the pixel file by its hash, and if they do not match, the pictures are decoded again. A row is reused as long as its
file has the same size and modification time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import numpy as np

from studio.storage import as_storage_error, ensure_folder, part_of, storage_error, sync_file, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.errors import StorageError

VERSION = 1
INDEX_NAME = "index.json"
KEPT_FOLDERS = 8
"""Number of folders whose caches are kept; the least recently used are deleted."""
MAX_INDEX = 200_000_000


class _Index(msgspec.Struct):
    """The hash of the pixel file; and by file size, modification time, hash, row and why it was refused."""

    pixels: str
    files: dict[str, tuple[int, int, str, int, str]]


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Size and modification time of a file, which tell whether it has changed."""

    length: int
    changed: int  # nanoseconds

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Return a file's stamp; raises OSError."""
        status = path.stat()
        return cls(length=status.st_size, changed=status.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class Row:
    """An entry of the index: a file's stamp, the hash of its contents, and its row or why it was refused."""

    stamp: Stamp
    sha256: str = ""
    row: int = -1
    refused: str = ""


class PictureCache:
    """The cache of one folder at one size of picture."""

    def __init__(self, home: Path | None, folder: Path, size: int) -> None:
        """Read the cache, if there is one.

        Args:
            home: the folder of all picture caches; None keeps everything in memory.
            folder: where the pictures are.
            size: side of the squares, in pixels.
        """
        self.size, self.shape = size, (3, size, size)
        self.bytes_per_row = 3 * size * size
        self.folder: Path | None = None
        self.rows: Mapping[str, Row] = {}
        self.pixels: NDArray[np.uint8] = np.empty((0, *self.shape), np.uint8)
        if home is not None:
            key = hashlib.sha256(f"{VERSION}|{size}|{folder.resolve()}".encode("utf-8", "surrogateescape"))
            self.folder = home / key.hexdigest()[:24]
            with contextlib.suppress(OSError, ValueError, msgspec.ValidationError, RecursionError):
                self.rows, self.pixels = self._read(self.folder)

    def _read(self, folder: Path) -> tuple[dict[str, Row], NDArray[np.uint8]]:
        path = folder / INDEX_NAME
        if path.stat().st_size > MAX_INDEX:
            raise ValueError("the index is too large")
        # Python's reader and writer: names of files may contain surrogates, which stand for bytes that are not UTF-8.
        index = msgspec.convert(json.loads(path.read_bytes()), _Index)
        rows = {
            name: Row(stamp=Stamp(length=length, changed=changed), sha256=sha256, row=row, refused=refused)
            for name, (length, changed, sha256, row, refused) in index.files.items()
        }
        pixels, digest = map_rows(folder / f"pixels-{index.pixels[:16]}.u8", np.uint8, self.shape)
        if digest != index.pixels or any(not -1 <= row.row < len(pixels) for row in rows.values()):
            raise ValueError("the pixels do not match the index")
        os.utime(folder)  # for the pruning of caches not used for long
        return rows, pixels

    def begin(self) -> CacheWriter:
        """Start a new pixel file; raises StorageError."""
        return CacheWriter(self)

    def finish(self, rows: Mapping[str, Row], writer: CacheWriter) -> None:
        """Replace the rows by those of a writer; raises StorageError."""
        self.pixels, digest = writer.close()
        self.rows = rows
        if self.folder is None:
            return
        files = {
            name: (row.stamp.length, row.stamp.changed, row.sha256, row.row, row.refused)
            for name, row in rows.items()
        }
        write_file(self.folder / INDEX_NAME, json.dumps({"pixels": digest, "files": files}).encode())
        for old in self.folder.glob("pixels-*"):
            if old.name != f"pixels-{digest[:16]}.u8":
                with contextlib.suppress(OSError):  # on Windows another training may have it mapped
                    old.unlink()
        _prune(self.folder.parent)


class CacheWriter:
    """Writes a pixel file, under a temporary name until it is complete."""

    def __init__(self, cache: PictureCache) -> None:
        """Open the file; raises StorageError."""
        self._cache, self._digest, self.count = cache, hashlib.sha256(), 0
        self._path: Path | None = None
        self._file: BinaryIO = io.BytesIO()
        if cache.folder is not None:
            self._path = part_of(ensure_folder(cache.folder) / "pixels")
            with as_storage_error(self._path):
                self._file = self._path.open("wb")

    def append(self, square: NDArray[np.uint8]) -> int:
        """Append a row and return its number; raises StorageError."""
        data = square.tobytes()
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failed(error) from error
        self._digest.update(data)
        self.count += 1
        return self.count - 1

    def close(self) -> tuple[NDArray[np.uint8], str]:
        """Complete the file and return its rows, memory-mapped, and its hash; raises StorageError."""
        digest, shape = self._digest.hexdigest(), (self.count, *self._cache.shape)
        if self._path is None:
            data = self._file.getbuffer() if isinstance(self._file, io.BytesIO) else b""
            return np.frombuffer(data, np.uint8).reshape(shape), digest
        try:
            with self._file:
                self._file.flush()
                sync_file(self._file.fileno())
            final = self._path.with_name(f"pixels-{digest[:16]}.u8")
            self._path.replace(final)
            return map_rows(final, np.uint8, self._cache.shape, verify=False)[0], digest
        except OSError as error:
            raise self._failed(error) from error

    def discard(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._file.close()
                self._path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> StorageError:
        self.discard()
        return storage_error(self._path or "", error)


def map_rows(
    path: Path, dtype: type[np.generic], shape: tuple[int, ...], *, verify: bool = True
) -> tuple[NDArray[Any], str]:
    """Return the rows of a file, memory-mapped and read-only, and its SHA-256 ("" unless ``verify``).

    Raises:
        OSError: it cannot be read.
        ValueError: its size is no multiple of a row's.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        digest = hashlib.file_digest(file, "sha256").hexdigest() if verify else ""
        if not length:
            return np.empty((0, *shape), dtype), digest
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype).reshape(-1, *shape), digest


def _prune(home: Path) -> None:
    with contextlib.suppress(OSError):
        folders = sorted(home.iterdir(), key=lambda path: -path.stat().st_mtime)
        for old in folders[KEPT_FOLDERS:]:
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
