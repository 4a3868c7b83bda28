"""What files were recognised as, remembered from one scan to the next by path and signature."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from studio.errors import StorageError
from studio.families import recognition
from studio.families.recognition.recognise import Recognised  # noqa: TC001 - msgspec reads it from the annotations
from studio.messages import Message
from studio.storage import read_small, write_file
from studio.weights.files import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FORMAT = 1

MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class _Problem:
    """A sentence that can be translated again."""

    template: str
    values: dict[str, str | int | float]

    @classmethod
    def of(cls, reason: Message) -> Self:
        plain = (int, float)
        values = {
            name: value if isinstance(value, plain) else str(value) for name, value in reason.values.items()
        }
        return cls(reason.template, values)


@dataclass(frozen=True)
class Remembered:
    """What was found in a file when it had this signature."""

    signature: str
    recognised: Recognised | None = None
    problem: _Problem | None = None
    stored_fault: _Problem | None = None

    @classmethod
    def of(cls, signature: str, found: Recognised | Message | None, fault: Message | None = None) -> Self:
        """Return an entry for what was recognised, and why it would not load, or for why nothing was recognised."""
        if isinstance(found, Message):
            return cls(signature, problem=_Problem.of(found))
        return cls(signature, recognised=found, stored_fault=None if fault is None else _Problem.of(fault))

    @property
    def fault(self) -> Message | None:
        """Why it would not load, although it was recognised."""
        stored = self.stored_fault
        return None if stored is None else Message(stored.template, stored.values)

    def found(self) -> Recognised | Message | None:
        """Return what `of` was given."""
        if self.problem is None:
            return self.recognised
        return Message(self.problem.template, self.problem.values)


@functools.cache
def rules_version() -> str:
    """Return what changes with the rules of recognition: what older rules found must not be kept."""
    digest, rules = hashlib.sha256(str(FORMAT).encode()), Path(recognition.__file__).parent
    for source in sorted([*rules.glob("*.py"), *rules.parent.glob("*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Stored:
    version: str
    entries: dict[str, Remembered] = field(default_factory=dict)


class RecognitionCache:
    """What is remembered of files, kept in one JSON file that may be deleted at any time."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what is remembered; a file that is missing, damaged or of another version is as good as empty."""
        self._path = path
        self._entries = {} if path is None else dict(_read(path))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, path: Path, signature: str) -> Remembered | None:
        """Return what is remembered of a file, unless it has changed since."""
        entry = self._entries.get(_key(path))
        return entry if entry is not None and entry.signature == signature else None

    def knows(self, path: Path) -> bool:
        """Whether anything is remembered of what was once at ``path``."""
        return _key(path) in self._entries

    def paths(self, *, parts_only: bool = False) -> Iterator[Path]:
        """Yield where the files were that are remembered; names that are no UTF-8 are left out.

        Args:
            parts_only: whether only those that contain a part of a model are wanted.
        """
        for key, entry in self._entries.items():
            found = entry.recognised
            if "\\x" not in key and not (parts_only and (found is None or not found.contains)):
                yield Path(key)

    def put(self, path: Path, entry: Remembered) -> None:
        """Remember what a file is."""
        self._entries[_key(path)] = entry

    def forget_others(self, folders: Iterable[Path], kept: Iterable[Path]) -> int:
        """Forget what lay in ``folders`` and is not among ``kept``; return how many that were."""
        starts = tuple(os.path.join(_key(folder), "") for folder in folders)
        keep = {_key(path) for path in kept}
        gone = [key for key in self._entries if key.startswith(starts) and key not in keep]
        for key in gone:
            del self._entries[key]
        return len(gone)

    def save(self) -> None:
        """Write it down. Raises StorageError."""
        if self._path is not None:
            write_file(self._path, msgspec.json.encode(_Stored(rules_version(), self._entries)))


def _read(path: Path) -> Mapping[str, Remembered]:
    try:
        stored = _decoded(path, Identity.of(os.stat(path)))
    except (OSError, ValueError):
        return {}
    return stored.entries if stored.version == rules_version() else {}


@functools.lru_cache(maxsize=2)  # it is read for every job, and changes when a model is added
def _decoded(path: Path, _: Identity) -> _Stored:
    try:
        return msgspec.json.decode(read_small(path, MAX_BYTES), type=_Stored)
    except (StorageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Stored("")


def _key(path: Path) -> str:
    """The path as text that JSON can hold, though a name may contain bytes that are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
