"""PyTorch files from strangers, each with a piece of the sentence that must refuse it. Nothing here unpickles."""

from __future__ import annotations

import io
import struct
import zipfile

TENSORS = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key: str = "0", count: int = 6, kind: str = "torch\nFloatStorage") -> bytes:
    """Return the opcodes that push a storage."""
    return (
        b"("
        + text("storage")
        + b"c"
        + kind.encode()
        + b"\n"
        + text(key)
        + text("cpu")
        + number(count)
        + b"tQ"
    )


def tensor(
    shape: tuple[int, ...] = (2, 3),
    stride: tuple[int, ...] = (3, 1),
    offset: int = 0,
    stored: bytes | None = None,
) -> bytes:
    """Return the opcodes that push a tensor."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + (storage() if stored is None else stored)
        + number(offset)
        + numbers(shape)
        + numbers(stride)
        + b"\x89}tR"
    )


def state(*items: bytes) -> bytes:
    """Return a pickle of a dict; items are names and values in turn."""
    return b"\x80\x02}(" + b"".join(items) + b"u."


GOOD = state(text("a"), tensor())


def archive(
    pickle: bytes = GOOD,
    data: bytes = bytes(24),
    *,
    method: int = zipfile.ZIP_STORED,
    extra: dict[str, bytes] | None = None,
) -> bytes:
    """Return the zip file that PyTorch would write for a pickle and one storage."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        file.writestr("model/data.pkl", pickle)
        file.writestr("model/data/0", data)
        for name, content in (extra or {}).items():
            file.writestr(name, content)
    return made.getvalue()


def legacy(*pickles: bytes, after: bytes = b"") -> bytes:
    """Return a file of several pickles, as PyTorch wrote before 1.6."""
    return b"".join(pickles) + after


MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
SYSTEM = b"\x80\x02}" + text("little_endian") + b"\x88s."
KEYS = b"\x80\x02]" + text("0") + b"a."
LEGACY_GOOD = legacy(MAGIC, VERSION, SYSTEM, GOOD, KEYS, after=struct.pack("<q", 6) + bytes(24))


def called(name: str, argument: bytes) -> bytes:
    """Return a pickle that calls a function with one argument."""
    module, _, last = name.rpartition(".")
    return b"\x80\x02c" + f"{module}\n{last}\n".encode() + b"(" + argument + b"tR."


def _overlapping() -> bytes:
    """Return an archive two of whose files are the same bytes."""
    made = bytearray(archive(extra={"model/data/1": bytes(24)}))
    directory = made.rindex(b"PK\x01\x02")  # of the last file
    first = made.index(b"PK\x01\x02")
    second = made.index(b"PK\x01\x02", first + 1)
    made[directory + 42 : directory + 46] = made[second + 42 : second + 46]
    return bytes(made)


def _wrong_offset() -> bytes:
    made = bytearray(archive())
    directory = made.rindex(b"PK\x01\x02")
    made[directory + 42 : directory + 46] = struct.pack("<I", 7)
    return bytes(made)


def _many_files() -> bytes:
    """Return an archive whose directory lists 150,000 files."""
    name = b"m/data/0"
    item = b"PK\x01\x02" + bytes(24) + struct.pack("<H", len(name)) + bytes(16) + name
    directory = item * 150_000
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 65535, 65535, len(directory), 4, 0)
    return b"PK\x03\x04" + directory + end


NAME = "has no place among weights; nothing of it was run"
INDEX = "has a damaged index"
BOMB = 20_000_000
LARGE = tensor((10_000,), (1,), stored=storage(count=10_000))

HOSTILE: dict[str, tuple[bytes, str]] = {
    "os.system": (archive(called("os.system", text("touch owned"))), f"names 'os.system', which {NAME}"),
    "posix.system, protocol 4": (
        archive(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R."),
        f"names 'posix.system', which {NAME}",
    ),
    "eval": (archive(called("builtins.eval", text("1"))), f"names 'builtins.eval', which {NAME}"),
    "getattr": (archive(called("builtins.getattr", text("x"))), "names 'builtins.getattr'"),
    "a name that begins like an ignored one": (archive(called("numpy", text("x"))), "names '.numpy'"),
    "a name like numpy": (archive(called("numpyx.core.load", text("x"))), "names 'numpyx.core.load'"),
    "torch's own loader": (archive(called("torch.storage._load_from_bytes", text("x"))), "_load_from_bytes'"),
    "a bytearray of 3 GB": (archive(called("builtins.bytearray", number(3 * 10**9))), "'builtins.bytearray'"),
    "an instance": (archive(b"(ios\nsystem\n."), "uses the pickle instruction INST"),
    "an extension": (archive(b"\x80\x02\x82\x01."), "uses the pickle instruction EXT1"),
    "a buffer": (archive(b"\x80\x05\x97."), "uses the pickle instruction NEXT_BUFFER"),
    "a call of a number": (archive(b"\x80\x02K\x01)R."), INDEX),
    "an empty pickle": (archive(b""), INDEX),
    "a pickle of noise": (archive(bytes(range(256))), INDEX),
    "a pickle cut off": (archive(GOOD[:-20]), INDEX),
    "an empty stack": (archive(b"\x80\x02."), INDEX),
    "no mark": (archive(b"\x80\x02}u."), INDEX),
    "a memo that is not there": (archive(b"\x80\x02h\x07."), INDEX),
    "text longer than the file": (archive(b"\x80\x02X\xff\xff\xff\x7fa."), INDEX),
    "an integer of 2 GB": (archive(b"\x80\x02\x8b\xff\xff\xff\x7f1."), INDEX),
    "a decimal of a million digits": (archive(b"L" + b"9" * 10**6 + b"L\n."), INDEX),
    "a million lists": (archive(b"\x80\x02" + b"]" * 1_100_000 + b"."), "more instructions than any model"),
    "nested a million deep": (
        archive(b"\x80\x02" + b"]" * 499_000 + b"a" * 498_999 + b"."),
        "holds no weights",
    ),
    "a pickle of 17 MB": (
        archive(b"\x80\x02" + b"N0" * 9 * 2**20 + b"N."),
        "index that is larger than any model",
    ),
    "only a number": (archive(b"\x80\x02K\x01."), "holds no weights"),
    "no tensor": (archive(state(text("a"), b"K\x01")), "holds no weights"),
    "laughs": (
        archive(b"\x80\x02}q\x00" + b"(h\x00h\x00h\x00tq\x00" * 1000 + b"}X\x01\x00\x00\x00ah\x00s."),
        "holds no weights",
    ),
    "an expanded tensor": (
        archive(state(text("a"), tensor((10**6, 10**6), (0, 0)))),
        "describes a tensor that repeats the same values",
    ),
    "a tensor over itself": (
        archive(state(text("a"), tensor((2, 2), (1, 1)))),
        "describes a tensor that repeats the same values",
    ),
    "beyond the storage": (
        archive(state(text("a"), tensor((2, 3), (3, 1), 1))),
        "describes a tensor that reaches beyond its storage",
    ),
    "a negative offset": (archive(state(text("a"), tensor(offset=-1))), "tensor with impossible sizes"),
    "a negative side": (archive(state(text("a"), tensor((-2, -3)))), "tensor with impossible sizes"),
    "a huge side": (archive(state(text("a"), tensor((2**40, 0), (1, 1)))), "tensor with impossible sizes"),
    "nine dimensions": (
        archive(state(text("a"), tensor((1,) * 9, (1,) * 9))),
        "tensor with impossible sizes",
    ),
    "a storage larger than it is": (
        archive(state(text("a"), tensor((10**9,), (1,), stored=storage(count=10**9)))),
        "describes storages of other sizes than it holds",
    ),
    "a storage that is not there": (
        archive(state(text("a"), tensor(stored=storage("7")))),
        "describes storages of other sizes than it holds",
    ),
    "a storage of another folder": (
        archive(state(text("a"), tensor(stored=storage("../../0")))),
        "describes storages of other sizes than it holds",
    ),
    "a storage in two ways": (
        archive(state(text("a"), tensor(), text("b"), tensor(stored=storage(kind="torch\nIntStorage")))),
        "describes the storage '0' in two ways",
    ),
    "a storage of no kind": (archive(state(text("a"), tensor(stored=storage(kind="torch\nSize")))), INDEX),
    "ten tensors of one storage": (
        archive(state(*[piece for n in range(10) for piece in (text(f"t{n}"), LARGE)]), bytes(40_000)),
        "describes more values than it holds",
    ),
    "a name of half a character": (
        archive(state(b"X\x03\x00\x00\x00\xed\xa0\x80", tensor())),
        "has a tensor of an impossible name",
    ),
    "two of one name": (
        archive(state(text("a.b"), tensor(), text("a"), b"}" + text("b") + tensor() + b"s")),
        "has a tensor of an impossible name",
    ),
    "a compressed archive": (
        archive(data=bytes(24), method=zipfile.ZIP_DEFLATED),
        "is a compressed archive",
    ),
    "a zip bomb": (
        archive(
            state(text("a"), tensor((BOMB,), (1,), stored=storage(count=BOMB))),
            bytes(4 * BOMB),
            method=zipfile.ZIP_DEFLATED,
        ),
        "is a compressed archive",
    ),
    "a program": (archive(extra={"model/code/__torch__.py": b"x"}), "is a TorchScript program"),
    "another byte order": (archive(extra={"model/byteorder": b"big"}), "another byte order"),
    "any zip": (archive()[:0] + b"PK\x03\x04" + bytes(99), "is a damaged archive"),
    "an archive cut off": (archive()[:-30], "is a damaged archive"),
    "an archive without a pickle": (
        archive().replace(b"data.pkl", b"data.txt"),
        "is an archive, but not one that PyTorch wrote",
    ),
    "overlapping files": (_overlapping(), "is an archive whose files overlap"),
    "a wrong offset": (_wrong_offset(), "is a damaged archive"),
    "two files of one name": (archive(extra={"other/data/0": bytes(24)}), "with two files of one name"),
    "150,000 files": (_many_files(), "lists more files than any model has"),
    "another pickle": (legacy(b"\x80\x02]K\x01a."), "is a Python pickle, but not a file of PyTorch"),
    "a legacy os.system": (
        legacy(called("os.system", text("touch owned"))),
        f"names 'os.system', which {NAME}",
    ),
    "a legacy of another version": (legacy(MAGIC, b"\x80\x02K\x01.", SYSTEM, GOOD, KEYS), "unknown version"),
    "a legacy cut off": (LEGACY_GOOD[:-5], "ends before its weights do"),
    "a legacy of another size": (
        legacy(MAGIC, VERSION, SYSTEM, GOOD, KEYS, after=struct.pack("<q", 2**62) + bytes(24)),
        "describes storages of other sizes than it holds",
    ),
    "a legacy without storages": (legacy(MAGIC, VERSION, SYSTEM, GOOD, b"\x80\x02]."), INDEX),
}
