"""Scanning folders for model files: `scan` walks them, reads the headers it does not remember, and recognises them.

Files are used where they are; nothing of a file but its header is read. What a PyTorch file contains is found by a
process of its own, which runs nothing of it (`studio.weights.conversion`). Folders may contain links to files and to
folders: every file and folder is visited once, however many links lead to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cachetools

from studio.checkpoints.library.cache import RecognitionCache, Remembered
from studio.checkpoints.library.fitness import fault_of, fault_of_folder
from studio.errors import CheckpointError, StorageError
from studio.families.configured.info import FLAT_PART, FLAT_STEM, INDEX
from studio.families.recognition.header import ModelHeader, Names, TensorInfo
from studio.families.recognition.pipeline import PipelineFolder, recognise_pipeline
from studio.families.recognition.recognise import Recognised, recognise
from studio.messages import Message, message
from studio.storage import open_regular, read_error
from studio.strict_json import InvalidJsonError, parse
from studio.weights.conversion import is_torch_file, read_torch_header
from studio.weights.header import check_file
from studio.weights.shards import find_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from studio.weights.header import Entry

WEIGHTS = frozenset({".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin"})
_SAFETENSORS = frozenset({".safetensors", ".sft"})
SIDECAR = ".yaml"
"""The suffix of the configuration that A1111 and Forge read beside a checkpoint of the same name."""

MAX_ENTRIES = 500_000
MAX_DEPTH = 24
MAX_JSON_BYTES = 1 << 20
MAX_SIDECAR_BYTES = 1 << 16
SMALLEST_PICKLE = 1 << 10
_MOST_KEPT = 5000

_SKIPPED = frozenset({"venv", "site-packages", "node_modules", "__pycache__", "blobs"})
"""Folders in which no model lies; those whose name begins with a dot are skipped, too."""

_PARAMETERIZATION = re.compile(rb"""(?m)^\s*parameterization:\s*["']?(v|eps)\b""")


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file, or a folder in diffusers' layout, that may be a model.

    Attributes:
        path: where it is.
        size: bytes on the disk, of a folder those of all its files.
        signature: changes whenever the file does: size, time of change and inode.
        recognised: what it is; None if its header cannot be read.
        problem: why not: a clause such as "is a GGUF file"; None if it can.
        fault: why it would not load although its header can be read: a clause such as "lacks tensors of the U-Net".
        is_folder: whether it is a folder in diffusers' layout.
    """

    path: Path
    size: int
    signature: str
    recognised: Recognised | None = None
    problem: Message | None = None
    fault: Message | None = None
    is_folder: bool = False

    @property
    def name(self) -> str:
        """What to call it, as `name_of`."""
        return name_of(self.path, is_folder=self.is_folder)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What a scan found: one report at its end.

    Attributes:
        files: every file and folder in diffusers' layout, by path.
        added: how many were not known before.
        changed: how many have changed since.
        unchanged: how many are as they were; their headers were not read again.
        removed: how many that were known are gone.
        folder_problems: folders that cannot be listed, each with a clause that says why.
        cut_short: whether there was more than `MAX_ENTRIES`, or it lay deeper than `MAX_DEPTH`.
        cancelled: whether the scan was cancelled; then ``files`` holds what was recognised until then.
    """

    files: tuple[ModelFile, ...]
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    folder_problems: tuple[tuple[Path, Message], ...] = ()
    cut_short: bool = False
    cancelled: bool = False

    @property
    def unreadable(self) -> tuple[ModelFile, ...]:
        """Those whose header cannot be read, each with its problem."""
        return tuple(file for file in self.files if file.recognised is None)


@dataclass
class _Walk:
    """The state of one walk through folders."""

    seen: set[tuple[int, int]] = field(default_factory=set)
    entries: int = 0
    cut_short: bool = False
    problems: list[tuple[Path, Message]] = field(default_factory=list)

    def is_new(self, status: os.stat_result) -> bool:
        """Whether a file or folder is visited for the first time."""
        key = status.st_dev, status.st_ino
        if key in self.seen:
            return False
        self.seen.add(key)
        return True


def scan(
    folders: Iterable[Path],
    cache: RecognitionCache | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    read: Callable[[Path], ModelHeader] | None = None,
) -> Scan:
    """Return every model file in ``folders`` and below.

    Args:
        folders: where to look; a single file is accepted, too.
        cache: what earlier scans found; it is brought up to date, but not written down.
        progress: called with the number of files that are done, and of all.
        cancelled: asked before each file.
        read: reads a header; `read_header` unless a test counts how often that happens.
    """
    remembered = RecognitionCache() if cache is None else cache
    roots = tuple(dict.fromkeys(Path(os.path.abspath(folder)) for folder in folders))
    walk = _Walk()
    found = sorted((file for root in roots for file in _files(root, walk, 0)), key=lambda file: file.path)
    added = changed = unchanged = 0
    files: list[ModelFile] = []
    for number, file in enumerate(found):
        if cancelled is not None and cancelled():
            return Scan(files=tuple(files), added=added, changed=changed, unchanged=unchanged, cancelled=True)
        entry = remembered.get(file.path, file.signature)
        if entry is None:
            if remembered.knows(file.path):
                changed += 1
            else:
                added += 1
            entry = _examine(file, read or read_header)
            remembered.put(file.path, entry)
        else:
            unchanged += 1
        files.append(_with(file, entry))
        if progress is not None:
            progress(number + 1, len(found))
    unlisted = {path for path, _ in walk.problems}
    gone = (
        0
        if walk.cut_short
        else remembered.forget_others(
            [root for root in roots if not any(path.is_relative_to(root) for path in unlisted)],
            (file.path for file in files),
        )
    )
    return Scan(
        files=tuple(files),
        added=added,
        changed=changed,
        unchanged=unchanged,
        removed=gone,
        folder_problems=tuple(walk.problems),
        cut_short=walk.cut_short,
    )


def known_file(path: Path, cache: RecognitionCache) -> ModelFile | None:
    """Return a file or folder that an earlier scan found, unless it has changed since or is gone; no header is read."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    file = _file(path, status) if stat.S_ISREG(status.st_mode) else _pipeline(path, _Walk())
    entry = cache.get(path, file.signature)
    return None if entry is None else _with(file, entry)


def name_of(path: Path, *, is_folder: bool) -> str:
    """Return a file's name without suffix, or a folder's name; of a snapshot of Hugging Face that of the repository."""
    if not is_folder:
        return path.stem
    parts = path.parts
    if len(parts) > 2 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].removeprefix("models--").replace("--", "/")
    return path.name


def _with(file: ModelFile, entry: Remembered) -> ModelFile:
    found = entry.found()
    if isinstance(found, Message):
        return replace(file, problem=found)
    return replace(file, recognised=found, fault=entry.fault)


# ------------------------------------------------------------------------------------------------------------- walking
def _files(path: Path, walk: _Walk, depth: int) -> Iterator[ModelFile]:
    """Yield the model files below ``path``, without what they are."""
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            if _is_weights(path.name, status) and walk.is_new(status):
                yield _file(path, status)
            return
        if not stat.S_ISDIR(status.st_mode) or not walk.is_new(status):
            return
        with os.scandir(path) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except (OSError, ValueError) as error:
        if depth == 0 or not isinstance(error, FileNotFoundError):  # a link that leads nowhere is no problem
            walk.problems.append((path, _reason(path, error)))
        return
    walk.entries += len(entries)
    if walk.entries > MAX_ENTRIES or depth > MAX_DEPTH:
        walk.cut_short = True
        return
    whole = any(entry.name == INDEX for entry in entries)
    if whole:
        yield _pipeline(path, walk)
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        if whole and _is_folder(entry):
            continue
        if _is_folder(entry) or os.path.splitext(entry.name)[1].lower() in WEIGHTS:
            yield from _files(Path(entry.path), walk, depth + 1)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_weights(name: str, status: os.stat_result) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in WEIGHTS:
        return False
    return suffix in (*_SAFETENSORS, ".gguf") or status.st_size >= SMALLEST_PICKLE


def _file(path: Path, status: os.stat_result) -> ModelFile:
    signature = _signature(status)
    with contextlib.suppress(OSError, ValueError):
        signature += f"+{_signature(os.stat(path.with_suffix(SIDECAR)))}"
    return ModelFile(path=path, size=status.st_size, signature=signature)


def _signature(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _pipeline(path: Path, walk: _Walk) -> ModelFile:
    """A folder in diffusers' layout: its signature is that of every file in it, one level deep."""
    digest, size = hashlib.sha256(), 0
    flat = _is_flat(path)
    for inside in _inside(path):
        try:
            status = os.stat(inside)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            digest.update(
                f"{inside.relative_to(path).as_posix()}\0{_signature(status)}\0".encode(errors="replace")
            )
            size += status.st_size
            # A checkpoint beside the index is a file of its own, unless the parts have no folders.
            if inside.parent != path or (flat and _is_of_flat_part(inside)):
                walk.is_new(status)
    return ModelFile(path=path, size=size, signature=digest.hexdigest(), is_folder=True)


def _inside(path: Path) -> Iterator[Path]:
    """Yield the files in a pipeline's folder and in the folders of its parts; what cannot be listed is left out."""
    for folder in (path, *_listed(path, folders=True)):
        yield from _listed(folder, folders=False)


def _listed(path: Path, *, folders: bool) -> tuple[Path, ...]:
    try:
        with os.scandir(path) as entries:
            return tuple(sorted(Path(entry.path) for entry in entries if _is_folder(entry) == folders))
    except OSError:
        return ()


# ------------------------------------------------------------------------------------------------------------- reading
def read_header(path: Path) -> ModelHeader:
    """Return the header of a safetensors, PyTorch or GGUF file; links are followed to regular files.

    Raises:
        CheckpointError: it is of another kind, damaged, or cannot be read.
    """
    try:
        with open_regular(path, links=True) as file:
            start = file.read(4)
    except StorageError as error:
        raise CheckpointError(error.path, error.reason) from error
    except OSError as error:
        raise CheckpointError(path, read_error(path, error).reason) from error
    if start == b"GGUF":
        return ModelHeader(name=path.name, tensors={}, container="gguf")
    if path.suffix.lower() not in _SAFETENSORS and is_torch_file(path):
        header = read_torch_header(path)
    else:
        header = check_file(path, links=True)
    names = _names_of(header.entries)
    return ModelHeader(name=path.name, tensors=names.tensors, metadata=header.metadata, shared=names)


def _names_of(entries: tuple[Entry, ...]) -> Names:
    """Return the names of a file's tensors; files with the same tensors share them, as many adapters of a folder do."""
    return (_kept_names if len(entries) <= _MOST_KEPT else _kept_names.__wrapped__)(entries)[0]


@cachetools.cached(cachetools.LRUCache(maxsize=16), key=id, lock=threading.Lock())
def _kept_names(entries: tuple[Entry, ...]) -> tuple[Names, tuple[Entry, ...]]:
    """Return the names, and the tensors themselves: while they are kept, no others have their identity."""
    return Names({entry.name: TensorInfo(entry.dtype, entry.shape) for entry in entries}), entries


def _examine(file: ModelFile, read: Callable[[Path], ModelHeader]) -> Remembered:
    """Return what a file is and whether it would load, or why its header cannot be read."""
    try:
        if not file.is_folder:
            header = read(file.path)
            found = recognise(replace(header, parameterization=_parameterization(file.path)))
            return Remembered.of(file.signature, found, fault_of(file.path, found, header.tensors))
        folder = _read_pipeline(file.path, file.name, read)
    except CheckpointError as error:
        reason = error.reason if isinstance(error.reason, Message) else Message(error.reason, {})
        return Remembered.of(file.signature, reason)
    whole = recognise_pipeline(folder)
    if whole is None:
        reason = message("is a folder of diffusers that holds no model this program knows")
        return Remembered.of(file.signature, reason)
    tensors = {name: header.tensors for name, header in folder.headers.items()}
    return Remembered.of(file.signature, whole, fault_of_folder(file.path, whole, tensors))


def _parameterization(path: Path) -> str:
    """Return what A1111's configuration beside a checkpoint says of its prediction: "v", "eps", or "" if nothing."""
    try:
        with open_regular(path.with_suffix(SIDECAR), links=True) as file:
            found = _PARAMETERIZATION.search(file.read(MAX_SIDECAR_BYTES))
    except (StorageError, OSError, ValueError):
        return ""
    return "" if found is None else found[1].decode()


def _read_pipeline(path: Path, name: str, read: Callable[[Path], ModelHeader]) -> PipelineFolder:
    configs: dict[str, Mapping[str, object]] = {}
    headers: dict[str, ModelHeader] = {}
    parts = {folder.name: _listed(folder, folders=False) for folder in _listed(path, folders=True)}
    if _is_flat(path):
        beside = [file for file in _listed(path, folders=False) if _is_of_flat_part(file)]
        parts |= {FLAT_PART: tuple(beside), "scheduler": (path / "scheduler_config.json",)}
    for part, files in parts.items():
        inside = {file.name: file for file in files}
        for config in ("config.json", "scheduler_config.json"):
            if config in inside:
                configs[part] = _read_json(inside[config])
        if (weights := find_weights(inside)) is not None:
            shards = {shard: read(shard) for shard in weights.paths}
            weights.check({shard: header.tensors for shard, header in shards.items()})
            headers[part] = _merged(part, list(shards.values()))
    return PipelineFolder(name=name, index=_read_json(path / INDEX), configs=configs, headers=headers)


def _is_flat(path: Path) -> bool:
    """Whether the parts of a pipeline lie beside its index, and not in folders of their own."""
    return not (path / FLAT_PART).is_dir() and (path / "config.json").is_file()


def _is_of_flat_part(file: Path) -> bool:
    return file.name == "config.json" or file.name.startswith(FLAT_STEM)


def _merged(name: str, headers: list[ModelHeader]) -> ModelHeader:
    tensors: dict[str, TensorInfo] = {}
    for header in headers:
        tensors |= header.tensors
    return ModelHeader(name=name, tensors=tensors, metadata=headers[0].metadata)


def _read_json(path: Path) -> Mapping[str, object]:
    """Return a configuration; one that is no JSON object counts as empty, since others say the same."""
    try:
        with open_regular(path, links=True) as file:
            text = file.read(MAX_JSON_BYTES + 1)
        value = parse(text) if len(text) <= MAX_JSON_BYTES else None
    except (StorageError, OSError, InvalidJsonError):
        return {}
    return value if isinstance(value, dict) else {}


def _reason(path: Path, error: OSError | ValueError) -> Message:
    reason = read_error(path, error).reason
    return reason if isinstance(reason, Message) else Message(reason, {})
