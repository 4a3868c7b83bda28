"""PyTorch files (``.ckpt``, ``.pt``, ``.bin``) as safetensors, converted once in a process of their own.

Importable without torch.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import studio
from studio.errors import CheckpointError, StorageError
from studio.messages import Message, message
from studio.storage import ensure_folder, replacing, storage_error
from studio.weights.files import Identity, LoadCancelled, check_unchanged, open_regular, unreadable
from studio.weights.header import Header, check_file, parse_header

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

FOLDER = "converted"
"""The folder of the converted files in the cache folder."""

MAX_READING_S = 60.0
"""How long reading a file's index may take; a busy machine needs a few seconds for the largest."""

_VERSION = 1  # of what the converter writes: files of others are converted again
_TOO_SLOW = message("takes longer to read than any model")
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_LOOK_S = 0.02
_MAX_REPORT = 100_000
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
    with open_regular(path, links=True) as file:
        if not _looks_like_torch(file, path):
            return path
        identity = Identity.of(os.fstat(file.fileno()))
        target = cache / FOLDER / f"{_key(identity)}.safetensors"
        if target.exists():
            return target
        ensure_folder(target.parent)
        with replacing(target) as output:
            _convert(file, path, output, identity.size, cancelled, progress)
            check_unchanged(file, path, identity)
            _check_converted(Path(output.name), path)
        return target


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
    file: BinaryIO,
    path: Path,
    output: BinaryIO,
    size: int,
    cancelled: threading.Event | None,
    progress: Callable[[float], object] | None,
) -> None:
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
                if progress is not None:
                    progress(min(1.0, written / max(1, size)))
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
