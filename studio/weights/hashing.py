"""SHA-256 of large files in the background: stopped, paused, and never computed twice for an unchanged file.

Importable without torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING, Annotated

import msgspec

from studio.errors import StorageError
from studio.storage import write_file
from studio.strict_json import SHA256, read_file
from studio.weights.files import Identity, LoadCancelled, check_unchanged, open_regular, unreadable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

CACHE_NAME = "hashes.json"
MAX_FILES = 20_000
"""How many hashes are remembered; the oldest are forgotten first."""

_MAX_CACHE = MAX_FILES * 1000
_CHUNK = 4 * 2**20
_LOOK_S = 0.1


class _Entry(msgspec.Struct, frozen=True):
    """A hash, and the file that it is of."""

    path: str
    device: int
    inode: int
    size: int
    modified_ns: int
    sha256: Annotated[str, SHA256]

    def is_of(self, path: str, identity: Identity) -> bool:
        """Whether the file at ``path`` is the one that was hashed, unchanged.

        The number of a drive may change when the machine starts, and the path when a file is renamed; not both.
        """
        same = (self.inode, self.size, self.modified_ns) == (
            identity.inode,
            identity.size,
            identity.modified_ns,
        )
        return same and (self.path == path or self.device == identity.device)


def hash_file(
    path: Path,
    *,
    cancelled: threading.Event | None = None,
    paused: threading.Event | None = None,
) -> str:
    """Return the SHA-256 of a file in hexadecimal. Blocks; meant for a worker thread.

    Args:
        path: the file; links to regular files are followed.
        cancelled: stops the hashing when set.
        paused: while it is set, nothing is read.

    Raises:
        CheckpointError: the file cannot be read, or was changed meanwhile.
        LoadCancelled: ``cancelled`` was set.
    """
    return _hash(path, cancelled or threading.Event(), paused or threading.Event())[0]


def _hash(path: Path, cancelled: threading.Event, paused: threading.Event) -> tuple[str, Identity]:
    """Return a file's hash, and what the file was while it was read."""
    with open_regular(path, links=True) as file:
        identity = Identity.of(os.fstat(file.fileno()))
        sha256 = _hash_open(file, path, cancelled, paused)
        check_unchanged(file, path, identity)
        return sha256, identity


def _hash_open(file: BinaryIO, path: Path, cancelled: threading.Event, paused: threading.Event) -> str:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    while True:
        if cancelled.is_set():
            raise LoadCancelled
        if paused.is_set():
            cancelled.wait(_LOOK_S)
            continue
        try:
            count = file.readinto(buffer)  # type: ignore[attr-defined]
        except OSError as error:
            raise unreadable(path, error) from error
        if not count:
            return digest.hexdigest()
        digest.update(buffer[:count])


class HashCache:
    """Remembers the hashes of files between runs of the program. Safe to share between threads."""

    def __init__(self, cache: Path) -> None:
        """Read what the cache folder remembers; a file that cannot be read there counts as empty."""
        self._path = cache / CACHE_NAME
        self._lock = threading.Lock()
        try:
            entries = read_file(self._path, list[_Entry], _MAX_CACHE)
        except StorageError:
            entries = []
        self._by_path = {entry.path: entry for entry in entries}
        self._by_inode = {entry.inode: entry for entry in entries}

    def known(self, path: Path) -> str | None:
        """Return the SHA-256 of a file if it was computed before and the file has not changed since.

        Raises:
            CheckpointError: the file cannot be found.
        """
        try:
            identity, name = Identity.of(os.stat(path)), os.path.abspath(path)
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        with self._lock:
            for entry in (self._by_path.get(name), self._by_inode.get(identity.inode)):
                if entry is not None and entry.is_of(name, identity):
                    return entry.sha256
        return None

    def hash_of(
        self,
        path: Path,
        *,
        cancelled: threading.Event | None = None,
        paused: threading.Event | None = None,
    ) -> str:
        """Return the SHA-256 of a file, computed as by `hash_file` unless it is known.

        Raises:
            CheckpointError, LoadCancelled: as `hash_file`.
            StorageError: the hash cannot be stored.
        """
        if (sha256 := self.known(path)) is not None:
            return sha256
        sha256, identity = _hash(path, cancelled or threading.Event(), paused or threading.Event())
        self._remember(os.path.abspath(path), identity, sha256)
        return sha256

    def _remember(self, path: str, identity: Identity, sha256: str) -> None:
        entry = _Entry(
            path=path,
            device=identity.device,
            inode=identity.inode,
            size=identity.size,
            modified_ns=identity.modified_ns,
            sha256=sha256,
        )
        with self._lock:
            self._by_path.pop(path, None)
            self._by_path[path] = entry
            for oldest in list(self._by_path)[:-MAX_FILES]:
                del self._by_path[oldest]
            self._by_inode = {entry.inode: entry for entry in self._by_path.values()}
            data = json.dumps([msgspec.structs.asdict(entry) for entry in self._by_path.values()])
            write_file(self._path, data.encode())
