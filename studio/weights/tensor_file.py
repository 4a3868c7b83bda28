"""An open safetensors file, whose tensors are read by range. Importable without torch.

Nothing is memory-mapped: with a map, a file that becomes shorter, or whose drive is unplugged, ends the process, and
one that is overwritten changes the tensors of a loaded model. Here both are errors.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import quoted
from studio.weights.files import Identity, LoadCancelled, check_unchanged, open_regular, unreadable
from studio.weights.header import read_header

if TYPE_CHECKING:
    import io
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from studio.weights.header import Entry

READ_CHUNK = 4 * 2**20
"""How many bytes are read between two looks at whether reading was cancelled."""


class TensorFile:
    """An open safetensors file with a checked header. Close it, or use it in a ``with`` statement.

    Attributes:
        path: the file, for messages.
        header: its header.
        identity: what it was when it was opened.
        entries: its tensors by name, in the order of their bytes.
        cancelled: stops every reading when set, at the latest after the next `READ_CHUNK`.
    """

    def __init__(self, path: Path, *, cancelled: threading.Event | None = None) -> None:
        """Open a file; links to regular files are followed.

        Raises:
            CheckpointError: it cannot be opened, or its header is refused.
        """
        self.path, self.cancelled = path, cancelled
        self._file = open_regular(path, links=True)
        try:
            self.identity = Identity.of(os.fstat(self._file.fileno()))
            self.header = read_header(self._file, path)
            check_unchanged(self._file, path, self.identity)
        except BaseException:
            self._file.close()
            raise
        self.entries: Mapping[str, Entry] = {entry.name: entry for entry in self.header.entries}
        self._start = len(self.header.raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Nothing can be read after that."""
        self._file.close()

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the tensors by name."""
        return {name: entry.shape for name, entry in self.entries.items()}

    def read_bytes(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small tensor.

        Raises:
            CheckpointError: it has more than ``limit`` bytes, or as `read_into`.
            KeyError: the file has no such tensor.
        """
        entry = self.entries[name]
        if entry.size > limit:
            reason = message("holds {count:,} bytes in {name}", count=entry.size, name=quoted(name))
            raise CheckpointError(self.path, reason)
        data = bytearray(entry.size)
        self.read_into(entry, memoryview(data))
        return bytes(data)

    def read_into(self, entry: Entry, view: memoryview) -> None:
        """Read a tensor's bytes into a writable view of as many bytes.

        Raises:
            CheckpointError: the file was replaced, changed or truncated since it was opened, or cannot be read.
            LoadCancelled: ``cancelled`` was set.
        """
        raw: io.FileIO = self._file.raw  # type: ignore[attr-defined]
        done = 0
        try:
            raw.seek(self._start + entry.begin)
            while done < entry.size:
                if self.cancelled is not None and self.cancelled.is_set():
                    raise LoadCancelled
                count = raw.readinto(view[done : done + READ_CHUNK])
                if not count:
                    raise CheckpointError(self.path, message("became shorter while it was read"))
                done += count
        except OSError as error:
            raise unreadable(self.path, error) from error
        check_unchanged(self._file, self.path, self.identity)
