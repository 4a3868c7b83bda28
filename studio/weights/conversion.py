"""PyTorch files (``.ckpt``, ``.pt``, ``.bin``) as safetensors, converted once in a process of their own.

Importable without torch.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import studio
from studio.errors import CheckpointError, StorageError
from studio.messages import Message, message
from studio.storage import ensure_folder, read_small, replacing, storage_error, write_file
from studio.weights.files import Identity, LoadCancelled, check_unchanged, open_regular, unreadable
from studio.weights.header import Header, check_file, parse_header

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from typing import BinaryIO

FOLDER = "converted"
"""The folder of the converted files in the cache folder."""

INDEX = "conversions.json"
"""The file in the cache folder that says what they were made from."""

MAX_BYTES = 50 * 2**30
"""How many bytes all of them may take before old ones are removed."""

RECENT_S = 3600.0

MAX_READING_S = 60.0
"""How long reading a file's index may take; a busy machine needs a few seconds for the largest."""

_VERSION = 1  # of what the converter writes: files of others are converted again
_TOO_SLOW = message("takes longer to read than any model")
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_LOOK_S = 0.02
_MAX_REPORT = 100_000
_MAX_INDEX = 16 * 2**20
_LOCK = threading.Lock()
_READ_FAULTS = (errno.EIO, errno.ENODEV, errno.ENXIO)
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


def is_torch_file(path: Path) -> bool:
    """Whether the content of a file, whatever its name, is an archive or a pickle, as PyTorch writes them.

    Raises:
        CheckpointError: it cannot be opened.
    """
    with open_regular(path, links=True) as file:
        return _looks_like_torch(file, path)


def _looks_like_torch(file: BinaryIO, path: Path) -> bool:
    try:
        start = file.read(8)
        file.seek(0)
    except OSError as error:
        raise unreadable(path, error) from error
    # The length of a safetensors header may begin with the same byte as a pickle; but then bytes 3 to 7 are zero.
    return start.startswith(_ZIP) or (start.startswith(_PICKLE) and start[3:] != bytes(5))


def as_safetensors(
    path: Path,
    cache: Path,
    *,
    cancelled: threading.Event | None = None,
    progress: Callable[[float], object] | None = None,
) -> Path:
    """Return a safetensors file with the weights at ``path``: that file itself, or its conversion in the cache.

    A file is converted the first time, and again only if it changes.

    Args:
        path: a safetensors or PyTorch file; its content decides, not its name.
        cache: the cache folder.
        cancelled: stops the conversion when set.
        progress: called now and then during the conversion with the fraction that is done.

    Raises:
        CheckpointError: it cannot be read, or is refused.
        StorageError: the converted file cannot be written.
        LoadCancelled: ``cancelled`` was set.
    """
    conversion = converting(path, cache, cancelled)
    while True:
        try:
            fraction = next(conversion)
        except StopIteration as done:
            converted: Path = done.value
            return converted
        if progress is not None:
            progress(fraction)


def converting(
    path: Path, cache: Path, cancelled: threading.Event | None = None
) -> Generator[float, None, Path]:
    """Do what `as_safetensors` does, and yield the fraction that is done many times a second meanwhile.

    Returns and raises as `as_safetensors`.
    """
    with open_regular(path, links=True) as file:
        if not _looks_like_torch(file, path):
            return path
        identity = Identity.of(os.fstat(file.fileno()))
        target = cache / FOLDER / f"{_key(identity)}.safetensors"
        if target.exists():
            with contextlib.suppress(OSError):
                os.utime(target)  # when it was used last
            return target
        ensure_folder(target.parent)
        remove_old(cache, room_for=identity.size)
        with replacing(target) as output:
            yield from _convert(file, path, output, identity.size, cancelled)
            check_unchanged(file, path, identity)
            _check_converted(Path(output.name), path)
        _remember(cache, target.name, path, identity)
        return target


# ------------------------------------------------------------------------------------------------------ old conversions
class _Source(msgspec.Struct, frozen=True):
    """The file that a conversion was made from."""

    path: str
    inode: int
    size: int
    modified_ns: int


def remove_old(cache: Path, *, room_for: int = 0) -> int:
    """Remove conversions that are of no use any longer, and return how many that were.

    They are those whose source was deleted or changed, and, where all together take more than `MAX_BYTES`, those that
    were not used for the longest time. Those used within `RECENT_S` stay, since a process may be reading them, and so
    do those whose source is on a drive that is not there.

    Args:
        cache: the cache folder.
        room_for: how many bytes a new conversion will take.
    """
    with _LOCK:
        sources = _sources(cache)
        found = []
        for path in (cache / FOLDER).glob("*.safetensors"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total, removed = room_for + sum(size for _, size, _ in found), set()
        for used, size, path in sorted(found):
            if time.time() - used < RECENT_S or (total <= MAX_BYTES and _is_current(sources.get(path.name))):
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                removed.add(path.name)
                total -= size
        if removed:
            _store(cache, {name: source for name, source in sources.items() if name not in removed})
    return len(removed)


def _is_current(source: _Source | None) -> bool:
    """Whether the source of a conversion is unchanged, or on a drive that is not there; True if it is not known."""
    if source is None:
        return True
    path = Path(source.path)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return not path.parent.is_dir()
    return (status.st_ino, status.st_size, status.st_mtime_ns) == (
        source.inode,
        source.size,
        source.modified_ns,
    )


def _remember(cache: Path, name: str, path: Path, identity: Identity) -> None:
    source = _Source(os.path.abspath(path), identity.inode, identity.size, identity.modified_ns)
    with _LOCK:
        _store(cache, _sources(cache) | {name: source})


def _sources(cache: Path) -> dict[str, _Source]:
    try:
        return msgspec.json.decode(read_small(cache / INDEX, _MAX_INDEX), type=dict[str, _Source])
    except (StorageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _store(cache: Path, sources: Mapping[str, _Source]) -> None:
    with contextlib.suppress(StorageError, UnicodeEncodeError):  # then they are removed by their age alone
        write_file(cache / INDEX, msgspec.json.encode(sources))


def _key(identity: Identity) -> str:
    numbers = (_VERSION, identity.device, identity.inode, identity.size, identity.modified_ns)
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:32]


def _check_converted(part: Path, path: Path) -> None:
    try:
        check_file(part)
    except CheckpointError as error:
        raise CheckpointError(path, error.reason) from error


def read_torch_header(path: Path) -> Header:
    """Return the header that the conversion of a PyTorch file would have, without converting it.

    Raises:
        CheckpointError: it cannot be read, or is refused.
    """
    with open_regular(path, links=True) as file:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        try:
            done = subprocess.run(
                command(header_only=True),
                stdin=file,
                capture_output=True,
                timeout=MAX_READING_S,
                check=False,
                creationflags=_NO_WINDOW,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckpointError(path, _TOO_SLOW) from error
        except OSError as error:
            raise unreadable(path, error) from error
    _raise_reported(done.stderr, done.returncode, path, path)
    return parse_header(done.stdout, path)


def command(*, header_only: bool = False) -> list[str]:
    """Return the command of the process that converts its stdin to its stdout."""
    root = str(Path(studio.__file__).resolve().parents[1])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from studio.weights.torch_file import main\n"
        f"sys.exit(main(header_only={header_only}))"
    )
    return [sys.executable, "-P", "-W", "ignore", "-X", "utf8", "-c", code]


def _convert(
    file: BinaryIO, path: Path, output: BinaryIO, size: int, cancelled: threading.Event | None
) -> Iterator[float]:
    """Run the process that converts a file, and yield the fraction that is done."""
    file.seek(0)
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        process = subprocess.Popen(
            command(),
            stdin=file,
            stdout=output,
            stderr=subprocess.PIPE,
            creationflags=_NO_WINDOW,
        )
    except OSError as error:
        raise storage_error(path, error) from error
    begun = time.monotonic()
    with process:
        try:
            while True:
                try:
                    _, said = process.communicate(timeout=_LOOK_S)
                    break
                except subprocess.TimeoutExpired:
                    written = os.fstat(output.fileno()).st_size
                if cancelled is not None and cancelled.is_set():
                    raise LoadCancelled
                if not written and time.monotonic() - begun > MAX_READING_S:
                    raise CheckpointError(path, _TOO_SLOW)
                yield min(1.0, written / max(1, size))
        finally:
            process.kill()
    _raise_reported(said, process.returncode, path, Path(output.name))


def _raise_reported(said: bytes, code: int, path: Path, output: Path) -> None:
    """Raise the error that the converter reported, if any."""
    try:
        report: dict[str, Any] = json.loads(said[-_MAX_REPORT:].splitlines()[-1])
    except (ValueError, IndexError):
        report = {}
    if code == 0:
        return
    if "refused" in report:
        raise CheckpointError(path, _message(report["refused"]))
    if report.get("errno"):
        error = OSError(report["errno"], os.strerror(report["errno"]))
        if error.errno in _READ_FAULTS:
            raise unreadable(path, error)
        raise StorageError(output.parent, storage_error(output, error).reason)
    raise CheckpointError(path, message("could not be converted: its converter ended unexpectedly"))


def _message(plain: Mapping[str, Any]) -> Message:
    """Return a message from its JSON."""
    values = {
        name: _message(value) if isinstance(value, dict) else value for name, value in plain["values"].items()
    }
    return Message(plain["template"], values)
