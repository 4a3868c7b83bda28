"""SHA-256 of large files in the background: stopped, paused, and never computed twice for an unchanged file.

Importable without torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import msgspec

from studio.errors import StorageError
from studio.storage import read_small, write_file
from studio.strict_json import SHA256
from studio.weights.files import Identity, LoadCancelled, check_unchanged, open_regular, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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
    return _hash(path, cancelled or threading.Event(), paused or threading.Event(), threading.Event())[0]


def _hash(
    path: Path, cancelled: threading.Event, paused: threading.Event, urgent: threading.Event
) -> tuple[str, Identity]:
    """Return a file's hash, and what the file was while it was read."""
    with open_regular(path, links=True) as file:
        identity = Identity.of(os.fstat(file.fileno()))
        sha256 = _hash_open(file, path, cancelled, paused, urgent)
        check_unchanged(file, path, identity)
        return sha256, identity


def _hash_open(
    file: BinaryIO,
    path: Path,
    cancelled: threading.Event,
    paused: threading.Event,
    urgent: threading.Event,
) -> str:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    while True:
        if cancelled.is_set():
            raise LoadCancelled
        if paused.is_set() and not urgent.is_set():
            cancelled.wait(_LOOK_S)
            continue
        try:
            count = file.readinto(buffer)  # type: ignore[attr-defined]
        except OSError as error:
            raise unreadable(path, error) from error
        if not count:
            return digest.hexdigest()
        digest.update(buffer[:count])


class _Running:
    """A file that a thread is hashing."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.urgent = threading.Event()


class HashCache:
    """Remembers the hashes of files between runs of the program. Safe to share between threads."""

    def __init__(self, cache: Path) -> None:
        """Read what the cache folder remembers; a file that cannot be read there counts as empty."""
        self._path = cache / CACHE_NAME
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._by_path: dict[str, _Entry] = {}
        self._by_inode: dict[int, _Entry] = {}
        self._stored: Identity | None = None
        self._read_stored()

    @classmethod
    def of(cls, cache: Path) -> HashCache:
        """Return the one that all threads of this process share for a cache folder."""
        with _SHARED_LOCK:
            if cache not in _SHARED:
                _SHARED[cache] = cls(cache)
            return _SHARED[cache]

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
            self._read_stored()
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
        must_store: bool = True,
    ) -> str:
        """Return the SHA-256 of a file, computed as by `hash_file` unless it is known.

        While another thread hashes the file, this waits for it, and that one does not pause any longer unless this
        may be paused, too.

        Args:
            path: the file; links to regular files are followed.
            cancelled: stops the hashing when set.
            paused: while it is set, nothing is read.
            must_store: whether it is an error if the hash cannot be stored; else it is known until the program ends.

        Raises:
            CheckpointError, LoadCancelled: as `hash_file`.
            StorageError: the hash cannot be stored.
        """
        cancelled, name = cancelled or threading.Event(), os.path.abspath(path)
        while True:
            if (sha256 := self.known(path)) is not None:
                return sha256
            with self._lock:
                other = self._running.get(name)
                own = None if other is not None else self._running.setdefault(name, _Running())
            if own is not None:
                break
            assert other is not None
            if paused is None:
                other.urgent.set()
            if cancelled.wait(_LOOK_S / 2) and not other.done.is_set():
                raise LoadCancelled
        try:
            if paused is None:
                own.urgent.set()
            found, identity = _hash(path, cancelled, paused or threading.Event(), own.urgent)
            self._remember(name, identity, found)
        except StorageError:
            if must_store:
                raise
        finally:
            with self._lock:
                del self._running[name]
            own.done.set()
        return found

    def _read_stored(self) -> None:
        """Add what is stored, by another process perhaps, if that has changed since it was read."""
        try:
            stored = Identity.of(os.stat(self._path))
            if stored == self._stored:
                return
            entries = msgspec.json.decode(read_small(self._path, _MAX_CACHE), type=list[_Entry])
        except (OSError, StorageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        self._stored = stored
        known = {entry.path: entry for entry in entries}
        self._keep(known | {path: one for path, one in self._by_path.items() if path not in known})

    def _keep(self, entries: dict[str, _Entry]) -> None:
        self._by_path = dict(list(entries.items())[-MAX_FILES:])
        self._by_inode = {entry.inode: entry for entry in self._by_path.values()}

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
            self._read_stored()
            self._by_path.pop(path, None)
            self._keep(self._by_path | {path: entry})
            write_file(self._path, msgspec.json.encode(list(self._by_path.values())))
            with contextlib.suppress(OSError):
                self._stored = Identity.of(os.stat(self._path))


_SHARED: dict[Path, HashCache] = {}
_SHARED_LOCK = threading.Lock()


@contextlib.contextmanager
def hashing(
    paths: Iterable[Path], hashes: HashCache, cancelled: threading.Event | None = None
) -> Iterator[Callable[[], list[str]]]:
    """Hash files in another thread while the block runs; yield a function that waits for the hashes.

    The function raises as `HashCache.hash_of`; a hash that cannot be stored is no error. When the block ends, hashing
    has ended.
    """
    stopped = threading.Event()

    def work() -> list[str]:
        return [hashes.hash_of(path, cancelled=stopped, must_store=False) for path in paths]

    def wait() -> list[str]:
        while not stopped.is_set():
            if cancelled is not None and cancelled.is_set():
                stopped.set()
            with contextlib.suppress(TimeoutError):
                return future.result(_LOOK_S / 2)
        raise LoadCancelled

    with ThreadPoolExecutor(1, thread_name_prefix="hash") as pool:
        future = pool.submit(work)
        try:
            yield wait
        finally:
            stopped.set()
