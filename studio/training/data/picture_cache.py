"""The pictures of a folder, decoded once: a memory-mapped file of small squares, and an index of what they came from.

The cache may be deleted, cut off or overwritten at any time between trainings: the index is written last, names the
file of pixels by its hash, and whatever does not agree is made anew. A row is used again as long as its picture has the
length and the time of change that it had.
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

import numpy as np

from studio.storage import ensure_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.errors import StorageError

VERSION = 1
INDEX_NAME = "index.json"
KEPT_FOLDERS = 8
"""Caches of so many folders are kept; those that were used longest ago make room."""
MAX_INDEX = 200_000_000


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What tells whether a file is still the one that was read: its length, and when it was changed."""

    length: int
    changed: int  # nanoseconds

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Return the stamp of a file; raises OSError."""
        status = path.stat()
        return cls(length=status.st_size, changed=status.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the index knows of a file: its stamp, the hash of its content, and its row or why it has none."""

    stamp: Stamp
    sha256: str = ""
    row: int = -1
    refused: str = ""


class PictureCache:
    """The cache of one folder at one size of picture."""

    def __init__(self, home: Path | None, folder: Path, size: int) -> None:
        """Open what there is.

        Args:
            home: the folder of all such caches; None keeps everything in memory.
            folder: where the pictures are.
            size: side of the squares.
        """
        self.size, self.shape = size, (3, size, size)
        self.bytes_per_row = 3 * size * size
        self.folder: Path | None = None
        self.rows: Mapping[str, Row] = {}
        self.pixels: NDArray[np.uint8] = np.empty((0, *self.shape), np.uint8)
        if home is not None:
            key = hashlib.sha256(f"{VERSION}|{size}|{folder.resolve()}".encode("utf-8", "surrogateescape"))
            self.folder = home / key.hexdigest()[:24]
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                self.rows, self.pixels = self._read(self.folder)

    def _read(self, folder: Path) -> tuple[dict[str, Row], NDArray[np.uint8]]:
        path = folder / INDEX_NAME
        if path.stat().st_size > MAX_INDEX:
            raise ValueError("no index is so long")
        index: dict[str, Any] = json.loads(path.read_bytes())
        rows = {
            name: Row(stamp=Stamp(length=length, changed=changed), sha256=sha256, row=row, refused=refused)
            for name, (length, changed, sha256, row, refused) in index["files"].items()
        }
        pixels, digest = map_rows(folder / f"pixels-{index['pixels'][:16]}.u8", np.uint8, self.shape)
        if digest != index["pixels"] or any(not -1 <= row.row < len(pixels) for row in rows.values()):
            raise ValueError("the pixels are not those of the index")
        os.utime(folder)  # the caches that were used last are kept
        return rows, pixels

    def begin(self) -> CacheWriter:
        """Begin a new file of rows; raises StorageError."""
        return CacheWriter(self)

    def finish(self, rows: Mapping[str, Row], writer: CacheWriter) -> None:
        """Put the rows of a writer in the place of those there were; raises StorageError."""
        self.pixels, digest = writer.close()
        self.rows = rows
        if self.folder is None:
            return
        files = {
            name: (row.stamp.length, row.stamp.changed, row.sha256, row.row, row.refused)
            for name, row in rows.items()
        }
        index = json.dumps({"pixels": digest, "files": files}).encode()
        write_whole(self.folder / INDEX_NAME, index)
        for old in self.folder.glob("pixels-*"):
            if old.name != f"pixels-{digest[:16]}.u8":
                with contextlib.suppress(
                    OSError
                ):  # another training may have it mapped, where that is a hindrance
                    old.unlink()
        _prune(self.folder.parent)


class CacheWriter:
    """A file of rows as it is written: under another name until it is whole."""

    def __init__(self, cache: PictureCache) -> None:
        """Open the file; raises StorageError."""
        self._cache, self._digest, self.count = cache, hashlib.sha256(), 0
        self._path: Path | None = None
        self._file: BinaryIO = io.BytesIO()
        if cache.folder is not None:
            self._path = ensure_folder(cache.folder) / f".pixels.{os.getpid()}.part"
            try:
                self._file = self._path.open("wb")
            except OSError as error:
                raise storage_error(self._path, error) from error

    def append(self, square: NDArray[np.uint8]) -> int:
        """Write a row and return its number; raises StorageError."""
        data = square.tobytes()
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failed(error) from error
        self._digest.update(data)
        self.count += 1
        return self.count - 1

    def close(self) -> tuple[NDArray[np.uint8], str]:
        """Make the file safe and return its rows, mapped, and its hash; raises StorageError."""
        digest, shape = self._digest.hexdigest(), (self.count, *self._cache.shape)
        if self._path is None:
            data = self._file.getbuffer() if isinstance(self._file, io.BytesIO) else b""
            return np.frombuffer(data, np.uint8).reshape(shape), digest
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
            final = self._path.with_name(f"pixels-{digest[:16]}.u8")
            self._path.replace(final)
            return map_rows(final, np.uint8, self._cache.shape, checked=False)[0], digest
        except OSError as error:
            raise self._failed(error) from error

    def drop(self) -> None:
        """Forget what was written to a file that is not whole."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._file.close()
                self._path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> StorageError:
        self.drop()
        return storage_error(self._path or "", error)


def map_rows(
    path: Path, kind: type[np.generic], shape: tuple[int, ...], *, checked: bool = True
) -> tuple[NDArray[Any], str]:
    """Return the rows of a file, mapped and read-only, and the hash of what it holds (if ``checked``).

    Raises:
        OSError: it cannot be read.
        ValueError: it does not hold whole rows.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        digest = hashlib.file_digest(file, "sha256").hexdigest() if checked else ""
        if not length:
            return np.empty((0, *shape), kind), digest
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, kind).reshape(-1, *shape), digest


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name, make it safe, and move it to its place; raises StorageError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def _prune(home: Path) -> None:
    with contextlib.suppress(OSError):
        folders = sorted(home.iterdir(), key=lambda path: -path.stat().st_mtime)
        for old in folders[KEPT_FOLDERS:]:
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
