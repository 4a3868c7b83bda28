"""Weights files from strangers, each with a piece of the sentence that must refuse it."""

from __future__ import annotations

import json
from typing import Any


def packed(header: bytes | dict[str, Any], data: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a safetensors file of any header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(shape: Any = (2,), offsets: Any = (0, 8), dtype: Any = "F32") -> dict[str, Any]:  # noqa: ANN401
    """Return what a header says of one tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


GOOD = packed({"a": entry(), "b": entry([], [8, 12])}, bytes(12))

TWICE = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
MANY_DIMENSIONS = b'{"a":{"dtype":"F32","shape":[' + b"1," * 999_999 + b'1],"data_offsets":[0,4]}}'
SOME_DIMENSIONS = b'{"a":{"dtype":"F32","shape":[' + b"1," * 99_999 + b'1],"data_offsets":[0,4]}}'
LEADING = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,'


SHAPE = "'a'.shape must be at most 8 whole numbers from 0 to 2,147,483,648"
OFFSETS = "'a'.data_offsets must be 2 whole numbers from 0 to"


def _many(count: int) -> bytes:
    item = '"%d":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
    listed = ",".join(item % (place, 4 * place, 4 * place + 4) for place in range(count))
    return packed(f"{{{listed}}}".encode(), bytes(4 * count))


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "five bytes": (b"12345", "ends before its header does"),
    "a header of 2^63 bytes": (
        packed(b"", bytes(99), length=2**63),
        "says that its header has 9,223,372,036",
    ),
    "a header of 2^64 - 1 bytes": (
        packed(b"", bytes(99), length=2**64 - 1),
        "says that its header has 18,446",
    ),
    "a header of 17 MB": (packed(b" " * 17 * 2**20, b""), "says that its header has 17,825,792 bytes"),
    "a header of no bytes": (packed(b"", bytes(99), length=0), "says that its header has 0 bytes"),
    "a header of one byte": (packed(b"{", bytes(99)), "says that its header has 1 bytes"),
    "a header longer than the file": (packed(b"{}", b"", length=99_000), "ends before its header does"),
    "a web page": (b"<!DOCTYPE html><html><body>Sign in to download</body></html>", "is a web page"),
    "a web page after blanks": (b"\n\n  <html><body>404 not found, sorry</body></html>", "is a web page"),
    "an LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
    "a zip": (b"PK\x03\x04" + bytes(99), "is a zip archive or a PyTorch file"),
    "a pickle": (b"\x80\x02}q\x00(X\x05\x00\x00\x00state", "is a Python pickle"),
    "GGUF": (b"GGUF\x03\x00\x00\x00" + bytes(99), "is a GGUF file"),
    "plain JSON": (b'{"weights": [1, 2, 3]}' + b" " * 99, "is a JSON text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "says that its header has 727,905,341,"),
    "not UTF-8": (packed(b'{"\xff":1}'), "has a header that is not UTF-8"),
    "not JSON": (packed(b"{'a': 1}"), "has a header that is not valid JSON"),
    "a list": (packed(b"[1, 2, 3]"), "has a header that is not a JSON object"),
    "no tensors": (packed(b"{}"), "lists 0 tensors"),
    "metadata of text": (
        packed({"__metadata__": "x", "a": entry()}, bytes(8)),
        "metadata that is not a JSON object",
    ),
    "metadata of numbers": (
        packed({"__metadata__": {"epochs": 3}, "a": entry()}, bytes(8)),
        "metadata that is not text: 'epochs'",
    ),
    "nested 100,000 deep": (packed(b'{"a":' * 19_000 + b"1"), "contains JSON that is nested too deeply"),
    "nested in lists": (packed(b'{"a":' + b"[" * 100_000), "contains JSON that is nested too deeply"),
    "nested in more lists": (packed(b'{"a":' + b"[" * 1_000_000), "lists more numbers than"),
    "duplicate names": (packed(TWICE, bytes(8)), "contains the field 'a' twice"),
    "a million dimensions": (packed(MANY_DIMENSIONS, bytes(4)), "lists more numbers than"),
    "100,000 dimensions": (packed(SOME_DIMENSIONS, bytes(4)), SHAPE),
    "nine dimensions": (packed({"a": entry([1] * 9, [0, 4])}, bytes(4)), SHAPE),
    "an endless side": (packed({"a": entry([0, 2**62], [0, 0])}, b""), SHAPE),
    "a huge side": (packed({"a": entry([2**31 + 1], [0, 4])}, bytes(4)), SHAPE),
    "a negative side": (packed({"a": entry([-2, -1], [0, 8])}, bytes(8)), SHAPE),
    "a side of true": (packed({"a": entry([True], [0, 4])}, bytes(4)), SHAPE),
    "a side of 2.0": (packed({"a": entry([2.0])}, bytes(8)), SHAPE),
    "a product past 2^64": (packed({"a": entry([2**31] * 8, [0, 8])}, bytes(8)), "more or fewer bytes"),
    "a number of 5,000 digits": (packed(LEADING + b"9" * 5000 + b"]}}", b""), "a number with 5,000 digits"),
    "NaN": (packed(LEADING + b"NaN]}}", b""), "contains NaN"),
    "1e999": (packed(LEADING + b"1e999]}}", b""), "too large for a number"),
    "an unknown dtype": (
        packed({"a": entry(dtype="F4")}, bytes(8)),
        "'a'.dtype must be one of F64, F32, F16, BF16, F8_E4M3,",
    ),
    "a dtype of a list": (
        packed({"a": entry(dtype=["F32"])}, bytes(8)),
        "'a'.dtype must be text, not a list",
    ),
    "a field too many": (packed({"a": entry() | {"code": "x"}}, bytes(8)), "has the field \"'a'.code\""),
    "a field too few": (
        packed({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
        "lacks the field \"'a'.data_offsets\"",
    ),
    "a number for a tensor": (packed({"a": 5}), "'a' must be a JSON object"),
    "a nameless tensor": (packed({"": entry()}, bytes(8)), "names a tensor with 0 characters"),
    "a long name": (packed({"a" * 301: entry()}, bytes(8)), "names a tensor with 301 characters"),
    "three offsets": (packed({"a": entry([1], [0, 4, 8])}, bytes(8)), OFFSETS),
    "offsets of text": (packed({"a": entry([1], ["0", "4"])}, bytes(8)), OFFSETS),
    "offsets backwards": (packed({"a": entry([2], [8, 0])}, bytes(8)), "run backwards"),
    "offsets below zero": (packed({"a": entry([2], [-8, 0])}, bytes(8)), OFFSETS),
    "fewer bytes than the shape": (packed({"a": entry([3])}, bytes(8)), "more or fewer bytes than its shape"),
    "overlapping": (
        packed({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)),
        "overlap the ones before",
    ),
    "a gap": (packed({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)), "leave a gap before them"),
    "past the end": (packed({"a": entry([2**20], [0, 2**22])}, bytes(8)), "4,194,296 bytes are missing"),
    "a byte short": (GOOD[:-1], "1 bytes are missing"),
    "a byte too many": (GOOD + b"x", "continues for 1 bytes"),
    "20,001 tensors": (_many(20_001), "lists 20,001 tensors"),
    "600,000 tensors": (packed(b'{"a":' + b"{" * 600_000), "lists more than 20,000 tensors"),
}
