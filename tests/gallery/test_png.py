from __future__ import annotations

import getpass
import io
import os
import random
import struct
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery.images import encode
from studio.gallery.png import MAX_CHUNK_BYTES, SIGNATURE, read, read_chunks
from tests.gallery.samples import PROMPTS, metadata, pixels

if TYPE_CHECKING:
    from collections.abc import Callable


MOST_MEMORY = 4_000_000
MOST_SECONDS = 1.0


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int = 4, height: int = 4) -> bytes:
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def packed(size: int, level: int = 9) -> bytes:
    return zlib.compress(bytes(size), level)


END = chunk(b"IDAT", packed(52)) + chunk(b"IEND")
GOOD = encode(pixels(), metadata())

# name: (the file, words of the sentence)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a PNG"),
    "text": (b"hello" * 10, "not a PNG"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(100), "not a PNG"),
    "signature only": (SIGNATURE, "ends before"),
    "no IHDR": (SIGNATURE + END, "start with a header"),
    "short IHDR": (SIGNATURE + chunk(b"IHDR", bytes(5)), "start with a header"),
    "IHDR of 2 GB": (SIGNATURE + struct.pack(">I", 2**31 - 1) + b"IHDR", "start with a header"),
    "wrong checksum of IHDR": (header()[:-1] + b"\x00" + END, "checksum"),
    "no pixels wide": (header(0, 4) + END, "0 x 4"),
    "60,000 pixels a side": (header(60_000, 60_000) + END, "60000 x 60000"),
    "2^32 pixels a side": (header(2**32 - 1, 2**32 - 1) + END, "4294967295"),
    "ends in a text": (header() + chunk(b"tEXt", b"a\0" + b"x" * 99)[:50], "ends before"),
    "ends before its pixels": (header() + chunk(b"gAMA", bytes(4)), "ends before"),
    "skips past its end": (header() + struct.pack(">I", 2**31 - 1) + b"abCd", "ends before"),
    "length of 4 GB": (header() + struct.pack(">I", 2**32 - 1) + b"tEXt", "name or length"),
    "unnamed part": (header() + chunk(b"\0\0\0\0") + END, "name or length"),
    "wrong checksum": (header() + chunk(b"tEXt", b"a\0b")[:-1] + b"\x07" + END, "checksum"),
    "text of 50 MB announced": (
        header() + struct.pack(">I", 50_000_000) + b"tEXt" + bytes(100),
        "50,000,000",
    ),
    "text of 300 kB": (header() + chunk(b"tEXt", b"a\0" + bytes(300_000)) + END, "300,002"),
    "text without a name": (header() + chunk(b"tEXt", b"\0text") + END, "invalid keyword"),
    "text with a long name": (header() + chunk(b"tEXt", b"a" * 80 + b"\0text") + END, "invalid keyword"),
    "text of a name only": (header() + chunk(b"iTXt", b"abc") + END, "invalid keyword"),
    "17 texts": (header() + chunk(b"tEXt", b"a\0b") * 17 + END, "more than 16"),
    "100,000 texts": (header() + chunk(b"tEXt", b"a\0b") * 100_000 + END, "more than 16"),
    "100,000 parts": (header() + chunk(b"abCd", b"b") * 100_000 + END, "1,000 chunks"),
    "bomb in zTXt": (header() + chunk(b"zTXt", b"a\0\0" + packed(60_000_000)) + END, "decompresses to more"),
    "bomb in iTXt": (
        header() + chunk(b"iTXt", b"a\0\1\0\0\0" + packed(60_000_000)) + END,
        "decompresses to more",
    ),
    "16 small bombs": (
        header() + chunk(b"zTXt", b"a\0\0" + packed(250_000)) * 16 + END,
        "1,000,000 bytes in total",
    ),
    "zTXt cut short": (
        header() + chunk(b"zTXt", b"a\0\0" + packed(1000)[:-4]) + END,
        "cannot be decompressed",
    ),
    "zTXt of rubbish": (header() + chunk(b"zTXt", b"a\0\0" + b"rubbish") + END, "cannot be decompressed"),
    "zTXt without data": (header() + chunk(b"zTXt", b"a\0\0") + END, "cannot be decompressed"),
    "zTXt of another method": (header() + chunk(b"zTXt", b"a\0\7" + packed(9)) + END, "unknown compression"),
    "iTXt of another method": (header() + chunk(b"iTXt", b"a\0\1\7\0\0x") + END, "unknown compression"),
    "iTXt without its parts": (header() + chunk(b"iTXt", b"a\0\0\0x") + END, "unknown compression"),
}


def cost(reader: Callable[[Path], object], path: Path) -> tuple[int, float]:
    """Return the most memory (bytes) and the processor time (s) of reading ``path``, whether it fails or not."""
    tracemalloc.start()
    start = time.process_time()
    try:
        reader(path)
    except (StorageError, zlib.error):
        pass
    finally:
        seconds = time.process_time() - start
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak, seconds


def naive_reader(path: Path) -> list[bytes]:
    """Unpack every text whatever its size, as a reader without caps does."""
    data = path.read_bytes()
    at, found = len(SIGNATURE), []
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind == b"zTXt":
            found.append(zlib.decompress(body.partition(b"\0")[2][1:]))
        at += 12 + length
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence_with_bounded_memory(name: str, tmp_path: Path) -> None:
    data, words = HOSTILE[name]
    path = tmp_path / "hostile.png"
    path.write_bytes(data)
    with pytest.raises(StorageError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < len(str(path)) + 160
    memory, seconds = cost(read, path)
    assert memory < MOST_MEMORY
    assert seconds < MOST_SECONDS


def test_the_bound_on_memory_rejects_a_reader_without_caps(tmp_path: Path) -> None:
    path = tmp_path / "hostile.png"
    path.write_bytes(HOSTILE["bomb in zTXt"][0])
    assert cost(naive_reader, path)[0] > MOST_MEMORY


def test_all_three_kinds_of_text_are_read_in_order(tmp_path: Path) -> None:
    texts = [
        chunk(b"tEXt", b"one\0caf\xe9"),
        chunk(b"zTXt", b"two\0\0" + zlib.compress(b"caf\xe9" * 1000)),
        chunk(b"iTXt", b"three\0\0\0ko\0\xec\x85\x8b\0" + "사과 🍎".encode()),
        chunk(b"iTXt", b"four\0\1\0\0\0" + zlib.compress("사과".encode())),
        chunk(b"tEXt", b"one\0"),
    ]
    path = tmp_path / "x.png"
    path.write_bytes(header(5, 6) + chunk(b"gAMA", bytes(4)) + b"".join(texts) + END)
    found = read_chunks(path)
    assert (found.width, found.height) == (5, 6)
    assert found.texts == (
        ("one", "café"),
        ("two", "café" * 1000),
        ("three", "사과 🍎"),
        ("four", "사과"),
        ("one", ""),
    )


def test_what_the_caps_allow_is_read(tmp_path: Path) -> None:
    most = MAX_CHUNK_BYTES - 2
    few = [chunk(b"tEXt", b"a\0" + b"x" * 10)] * 13
    path = tmp_path / "x.png"
    path.write_bytes(header() + chunk(b"tEXt", b"a\0" + b"x" * most) * 3 + b"".join(few) + END)
    assert [len(text) for _, text in read_chunks(path).texts] == [most] * 3 + [10] * 13
    path.write_bytes(header() + chunk(b"zTXt", b"a\0\0" + packed(MAX_CHUNK_BYTES)) * 3 + END)
    assert [len(text) for _, text in read_chunks(path).texts] == [MAX_CHUNK_BYTES] * 3


def test_nothing_after_the_first_pixels_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(GOOD + HOSTILE["bomb in zTXt"][0] + chunk(b"tEXt", b"stepwise\0{}"))
    assert read(path).metadata == metadata()


@pytest.mark.skipif(os.name == "nt", reason="named pipes are elsewhere there")
def test_what_is_not_a_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "gone.png").symlink_to("nothing")
    for name, words in {
        "pipe": "is not a file",
        "folder": "folder|not a file",
        "zero": "is not a file",
        "loop": "links",
        "gone": "cannot be found",
    }.items():
        with pytest.raises(StorageError, match=words):
            read(tmp_path / f"{name}.png")


def test_a_file_damaged_anywhere_is_read_right_or_refused(tmp_path: Path) -> None:
    source = random.Random(0)
    path = tmp_path / "x.png"
    before_pixels = GOOD.index(b"IDAT")
    refused = 0
    for _ in range(400):
        data = bytearray(GOOD)
        at = source.randrange(before_pixels)
        if source.random() < 0.2:
            del data[at:]
        else:
            data[at : at + source.choice([1, 1, 1, 4, 40])] = source.randbytes(source.choice([0, 1, 4, 9]))
        path.write_bytes(data)
        try:
            found = read(path)
        except StorageError:
            refused += 1
            continue
        assert found.metadata in (metadata(), None)
    assert refused > 300


def foreign(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    file = io.BytesIO()
    Image.fromarray(pixels()).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_pixels_and_every_field_come_back(prompt: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    kept = metadata(prompt)
    path.write_bytes(encode(pixels(), kept))
    found = read(path)
    assert found.metadata == kept
    assert (found.width, found.height) == (19, 16)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels())


def test_pixels_that_are_a_view_or_read_only_are_accepted(tmp_path: Path) -> None:
    view = pixels()[::-1, ::-1]
    view.flags.writeable = False
    path = tmp_path / "x.png"
    path.write_bytes(encode(view, metadata()))
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), view)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_pixels_of_another_shape_or_type_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pixels must be"):
        encode(wrong, metadata())


def test_the_file_contains_neither_folders_nor_the_user_name(tmp_path: Path) -> None:
    data = encode(
        pixels(), metadata(model=str(tmp_path / "starter"), request={"model": str(tmp_path / "starter")})
    )
    assert str(tmp_path).encode() not in data
    assert str(Path.home()).encode() not in data
    user = getpass.getuser()
    assert len(user) < 4 or user.encode() not in data


def test_a_picture_of_another_program_has_no_metadata_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(foreign(parameters="x\nSteps: 1, Seed: 2, Size: 1x1", Software="another"))
    assert read(path).metadata is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "version is missing"),
        ("rubbish", "not valid JSON"),
        (metadata().to_json().replace('"version": 1', '"version": 99'), "newer Stepwise Studio"),
        (metadata().to_json().replace('"seed": 7', '"seed": -7'), "seed must be"),
        ("\x00{}", "not valid JSON"),
    ],
)
def test_metadata_that_cannot_be_used_are_refused_in_one_sentence(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(foreign(stepwise=text))
    with pytest.raises(StorageError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_descriptions_of_one_picture_are_refused(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("stepwise", metadata(seed=1).to_json())
    info.add_text("stepwise", metadata(seed=2).to_json())
    path = tmp_path / "x.png"
    Image.fromarray(pixels()).save(path, "PNG", pnginfo=info)
    with pytest.raises(StorageError, match="two descriptions"):
        read(path)
