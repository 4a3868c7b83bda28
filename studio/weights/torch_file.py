"""Converts a PyTorch file (``.ckpt``, ``.pt``, ``.bin``) to safetensors, in a process of its own: see `conversion`.

``python -c "...main()"`` reads the file from stdin, writes safetensors to stdout, and reports on stderr in one line of
JSON. It opens no file, limits its own memory, and imports nothing that the file names.

Two layouts are read: the zip archive of PyTorch 1.6 and later, whose entries are never compressed, and the one before,
several pickles followed by the storages.
"""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import json
import os
import re
import struct
import sys
import time
import zipfile
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from studio.messages import Message, message
from studio.weights.header import MAX_NAME, MAX_TENSORS, WIDTHS
from studio.weights.pickles import Ignored, PickleRefusedError, TensorView, read_pickle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

try:
    import resource
except ImportError:  # Windows, where only the reader's own limits bound the memory
    resource = None  # type: ignore[assignment]

MAX_PICKLE = 16 * 2**20
MAX_DIRECTORY = 4 * 2**20
MEMORY = 96 * 2**20
"""How much memory the process may take beyond what it has when it starts."""

CHUNK = 4 * 2**20

_ENTRY = re.compile(r"[^/]{1,300}/(data\.pkl|data/(\d{1,10})|byteorder|constants\.pkl|code/.*)")
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_STATES = ("state_dict", "model_state_dict", "params_ema", "params", "model")
_FACTS = ("global_step", "epoch", "name", "step", "sd_checkpoint", "sd_checkpoint_name")
_MAX_DEPTH = 8
_CASTS: Mapping[int, Literal["B", "H", "I", "Q"]] = MappingProxyType({1: "B", 2: "H", 4: "I", 8: "Q"})


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """What a file holds: the object of its pickle, and by key of a storage the position of its first byte."""

    top: Any
    places: Mapping[str, int]


# ------------------------------------------------------------------------------------------------------ reading
def read_contents(file: BinaryIO, size: int) -> _Contents:
    """Return what a PyTorch file of ``size`` bytes holds, without the values of its tensors.

    Raises:
        PickleRefusedError: it is no such file, or contains what weights do not need.
    """
    start = file.read(4)
    file.seek(0)
    return _read_zip(file, size) if start == b"PK\x03\x04" else _read_legacy(file, size)


class _Directory(io.RawIOBase):
    """A file of which only small pieces can be read: the directory of an archive, and nothing of its contents."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        data = self.file.read(MAX_DIRECTORY + 1 if size is None or size < 0 else min(size, MAX_DIRECTORY + 1))
        if len(data) > MAX_DIRECTORY:
            raise PickleRefusedError(message("is an archive that lists more files than any model has"))
        return data


def _read_zip(file: BinaryIO, size: int) -> _Contents:
    try:
        listed = zipfile.ZipFile(_Directory(file)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, EOFError, OSError) as error:
        raise PickleRefusedError(message("is a damaged archive; the download may be incomplete")) from error
    if len(listed) > MAX_TENSORS + 100:
        raise PickleRefusedError(message("is an archive that lists more files than any model has"))
    found: dict[str, tuple[int, int]] = {}
    for entry in listed:
        match = _ENTRY.fullmatch(entry.filename)
        if match is None:
            continue
        name = match[2] or match[1]
        if name == "constants.pkl" or name.startswith("code/"):
            raise PickleRefusedError(message("is a TorchScript program, not weights"))
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise PickleRefusedError(message("is a compressed archive, as PyTorch never writes it"))
        if entry.flag_bits & 1:
            raise PickleRefusedError(message("is an encrypted archive"))
        if name in found:
            raise PickleRefusedError(message("is an archive with two files of one name"))
        found[name] = _place(file, entry.header_offset, entry.file_size, size)
    if "data.pkl" not in found:
        raise PickleRefusedError(message("is an archive, but not one that PyTorch wrote"))
    _check_overlaps(found)
    if "byteorder" in found and _bytes_at(file, *found["byteorder"], 16) != b"little":
        raise PickleRefusedError(message("was written on a machine with another byte order"))
    pickle = _bytes_at(file, *found["data.pkl"], MAX_PICKLE)
    read = read_pickle(pickle)
    sizes = {key: length for key, (_, length) in found.items()}
    for storage in read.storages.values():
        if sizes.get(storage.key) != storage.count * WIDTHS[storage.dtype]:
            raise PickleRefusedError(message("describes storages of other sizes than it holds"))
    return _Contents(top=read.value, places={key: place for key, (place, _) in found.items()})


def _place(file: BinaryIO, header: int, length: int, size: int) -> tuple[int, int]:
    """Return the position and length of an archive's file whose local header is at ``header``."""
    file.seek(max(0, header))
    local = file.read(_LOCAL_HEADER.size)
    if header < 0 or len(local) < _LOCAL_HEADER.size or local[:4] != b"PK\x03\x04":
        raise PickleRefusedError(message("is a damaged archive; the download may be incomplete"))
    _, name, extra = _LOCAL_HEADER.unpack(local)
    begin = header + _LOCAL_HEADER.size + name + extra
    if begin + length > size:
        raise PickleRefusedError(message("is a damaged archive; the download may be incomplete"))
    return begin, length


def _check_overlaps(found: Mapping[str, tuple[int, int]]) -> None:
    end = 0
    for begin, length in sorted(found.values()):
        if begin < end:
            raise PickleRefusedError(message("is an archive whose files overlap"))
        end = begin + length


def _bytes_at(file: BinaryIO, place: int, length: int, limit: int) -> bytes:
    if length > limit:
        raise PickleRefusedError(message("has an index that is larger than any model needs"))
    file.seek(place)
    return file.read(length)


def _read_legacy(file: BinaryIO, size: int) -> _Contents:
    index = file.read(MAX_PICKLE)
    magic = read_pickle(index)
    if magic.value != _LEGACY_MAGIC:
        raise PickleRefusedError(message("is a Python pickle, but not a file of PyTorch"))
    version = read_pickle(index, magic.end)
    system = read_pickle(index, version.end)
    little = isinstance(system.value, dict) and system.value.get("little_endian") is True
    if version.value != _LEGACY_VERSION or not little:
        raise PickleRefusedError(message("was written by an unknown version of PyTorch"))
    weights = read_pickle(index, system.end)
    listed = read_pickle(index, weights.end)
    keys, storages = listed.value, weights.storages
    if (
        not isinstance(keys, list)
        or not all(isinstance(key, str) for key in keys)
        or set(keys) != set(storages)
    ):
        raise PickleRefusedError(message("has a damaged index (not a valid pickle)"))
    place, places = listed.end, {}
    for key in keys:
        file.seek(place)
        if int.from_bytes(file.read(8), "little") != storages[key].count:
            raise PickleRefusedError(message("describes storages of other sizes than it holds"))
        places[key] = place + 8
        place += 8 + storages[key].count * WIDTHS[storages[key].dtype]
    if place > size:
        raise PickleRefusedError(message("ends before its weights do: it is truncated"))
    return _Contents(top=weights.value, places=places)


# ---------------------------------------------------------------------------------------------- choosing the weights
def named_tensors(top: object) -> tuple[dict[str, TensorView], dict[str, str]]:
    """Return the weights of a checkpoint by name, and facts about it.

    The weights are those of its state dict if it has one, else all tensors; what training needs besides is left out.

    Raises:
        PickleRefusedError: there are none, too many, or two of one name.
    """
    if not isinstance(top, dict):
        raise PickleRefusedError(message("holds no weights"))
    state = next((top[name] for name in _STATES if isinstance(top.get(name), dict)), top)
    tensors: dict[str, TensorView] = {}
    _collect(state, "", tensors, set())
    if not tensors:
        raise PickleRefusedError(message("holds no weights"))
    if len(tensors) > MAX_TENSORS:
        raise PickleRefusedError(message("lists more than {count:,} tensors", count=MAX_TENSORS))
    facts = {name: top[name] for name in _FACTS if isinstance(top.get(name), str | int)}
    return tensors, {name: str(value)[:1000] for name, value in facts.items()}


def _collect(state: dict[Any, Any], before: str, tensors: dict[str, TensorView], seen: set[int]) -> None:
    if id(state) in seen or before.count(".") >= _MAX_DEPTH:
        return
    seen.add(id(state))
    for key, value in state.items():
        name = f"{before}{key}"
        if isinstance(value, Ignored) and isinstance(value.state, dict):
            value = value.state.get("_parameters", value.state)
        if isinstance(value, dict):
            if len(name) <= MAX_NAME:
                _collect(value, f"{name}.", tensors, seen)
        elif isinstance(value, TensorView):
            if len(name) > MAX_NAME or not name.isprintable() or name in tensors:
                raise PickleRefusedError(message("has a tensor of an impossible name"))
            tensors[name] = value


# ------------------------------------------------------------------------------------------------------ writing
def convert(
    file: BinaryIO,
    size: int,
    output: BinaryIO,
    *,
    header_only: bool = False,
    reserve: Callable[[int], object] | None = None,
) -> None:
    """Write the weights of a PyTorch file to ``output``, as safetensors.

    Args:
        file: the file, opened at its beginning.
        size: of it, in bytes.
        output: where to write.
        header_only: stop after the header, which says what there is.
        reserve: called with the memory in bytes that the next tensor needs, if it is stored in another order.

    Raises:
        PickleRefusedError: as `read_contents` and `named_tensors`, or the tensors are larger than the file.
    """
    contents = read_contents(file, size)
    tensors, facts = named_tensors(contents.top)
    listed: dict[str, Any] = {"__metadata__": {"format": "pt"} | facts}
    end = 0
    order = sorted(
        tensors.items(), key=lambda item: (contents.places[item[1].storage.key], item[1].offset, item[0])
    )
    for name, view in order:
        length = view.count * WIDTHS[view.dtype]
        listed[name] = {"dtype": view.dtype, "shape": view.shape, "data_offsets": [end, end + length]}
        end += length
    if end > 2 * size:  # tied weights are stored once and written twice
        raise PickleRefusedError(message("describes more values than it holds"))
    header = json.dumps(listed, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    output.write(len(header).to_bytes(8, "little") + header)
    output.flush()
    if header_only:
        return
    for _, view in order:
        if reserve is not None and not view.contiguous:
            reserve((_span(view) + view.count) * WIDTHS[view.dtype])
        for piece in _values(file, contents.places[view.storage.key], view):
            output.write(piece)
    output.flush()


def _values(file: BinaryIO, place: int, view: TensorView) -> Iterator[bytes | memoryview]:
    """Yield the values of a tensor in their order; ``place`` is that of the first byte of its storage."""
    width, count = WIDTHS[view.dtype], view.count
    if not count:
        return
    begin = place + view.offset * width
    if view.contiguous:
        yield from _pieces(file, begin, count * width)
        return
    source, filled = bytearray(_span(view) * width), 0
    for piece in _pieces(file, begin, len(source)):
        source[filled : filled + len(piece)] = piece
        filled += len(piece)
    yield _gathered(source, view)


def _span(view: TensorView) -> int:
    """Return how many values of the storage lie between the first and the last of a tensor, these included."""
    return 1 + sum((size - 1) * stride for size, stride in zip(view.shape, view.stride, strict=True))


def _pieces(file: BinaryIO, begin: int, length: int) -> Iterator[bytes]:
    file.seek(begin)
    while length:
        piece = file.read(min(CHUNK, length))
        if not piece:
            raise PickleRefusedError(message("became shorter while it was read"))
        length -= len(piece)
        yield piece


def _gathered(source: bytearray, view: TensorView) -> memoryview:
    """Return the values of a strided tensor in their order, copied along its longest dimension at a time."""
    kind = _CASTS[WIDTHS[view.dtype]]
    values = memoryview(source).cast(kind)
    made = memoryview(bytearray(view.count * WIDTHS[view.dtype])).cast(kind)
    steps = [1]
    for size in reversed(view.shape[1:]):
        steps.insert(0, steps[0] * size)
    axis = max(range(len(view.shape)), key=view.shape.__getitem__)
    length, stride, step = view.shape[axis], view.stride[axis], steps[axis]
    others = [other for other in range(len(view.shape)) if other != axis]
    for index in itertools.product(*(range(view.shape[other]) for other in others)):
        start = sum(number * view.stride[other] for number, other in zip(index, others, strict=True))
        target = sum(number * steps[other] for number, other in zip(index, others, strict=True))
        made[target : target + (length - 1) * step + 1 : step] = values[
            start : start + (length - 1) * stride + 1 : stride
        ]
    return made.cast("B")


# ------------------------------------------------------------------------------------------------------ the process
def _limit_memory(extra: int) -> None:
    """Let the process take ``extra`` bytes more than it had when it started, where the system can limit that."""
    if _BASE is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (_BASE + extra, resource.RLIM_INFINITY))


def _address_space() -> int | None:
    """Return the size of the process's address space in bytes; None where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError, AttributeError):
        return (
            None  # on macOS an empty process has hundreds of gigabytes of it, so no limit would mean anything
        )


_BASE = _address_space()


def _plain(value: object) -> object:
    """Return a value of a message as JSON."""
    if isinstance(value, Message):
        return {
            "template": value.template,
            "values": {name: _plain(one) for name, one in value.values.items()},
        }
    return value if isinstance(value, int | float | str) else str(value)


def _peak() -> int:
    """Return the most memory that this process has had, in bytes; 0 if the system does not say."""
    with (
        contextlib.suppress(OSError, ValueError, IndexError),
        open("/proc/self/status", encoding="ascii") as file,
    ):
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM")), 0)
    return 0


def main(*, header_only: bool = False) -> int:
    """Convert the file on stdin to stdout, or only write the header of what that would give.

    Returns 0, or 1 after an error, which the line on stderr describes.
    """
    gc.disable()  # which would search a hostile file's million objects again and again
    _limit_memory(MEMORY)
    report: dict[str, object]
    try:
        size = os.fstat(sys.stdin.fileno()).st_size
        convert(
            sys.stdin.buffer,
            size,
            sys.stdout.buffer,
            header_only=header_only,
            reserve=lambda extra: _limit_memory(MEMORY + extra),
        )
        report = {}
    except PickleRefusedError as error:
        report = {"refused": _plain(error.reason)}
    except MemoryError:
        report = {"refused": _plain(message("needs more memory to read than any model"))}
    except OSError as error:
        report = {"errno": error.errno or 0}
    used = {"peak": _peak(), "seconds": time.process_time()}
    sys.stderr.write(json.dumps(report | used) + "\n")
    return 1 if len(report) else 0
