from __future__ import annotations

import errno
import io
import os
import random
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery.images import encode, read_pixels, read_tile, trim
from tests.gallery.samples import metadata, pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray


def written(place: Path, data: bytes, name: str = "x.png") -> Path:
    path = place / name
    path.write_bytes(data)
    return path


def as_png(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claiming(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


# ---------------------------------------------------------------------------------------------------------- reading
def test_our_own_pixels_come_back_and_cannot_be_changed(tmp_path: Path) -> None:
    read = read_pixels(written(tmp_path, encode(pixels(), metadata())))
    np.testing.assert_array_equal(read, pixels())
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert not read.flags.writeable


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pictures_of_every_mode_are_read_as_rgb(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8))
    else:
        image = Image.fromarray(np.linspace(0, 255, 64, dtype=np.uint8).reshape(8, 8)).convert(mode)
    read = read_pixels(written(tmp_path, as_png(image)))
    assert read.shape == (8, 8, 3)
    assert tuple(read[0, 0]) == (0, 0, 0)
    assert tuple(read[-1, -1]) == (255, 255, 255)
    assert mode == "1" or 100 < read[4, 0, 0] < 150


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert read_pixels(written(tmp_path, as_png(clear))).min() == 255
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30])
    assert read_pixels(written(tmp_path, as_png(palette, transparency=0))).min() == 255


def test_large_pictures_are_reduced_and_keep_their_shape(tmp_path: Path) -> None:
    path = written(tmp_path, as_png(Image.new("RGB", (400, 200), (1, 2, 3))))
    assert read_pixels(path, max_side=100).shape == (50, 100, 3)
    assert read_pixels(path, max_side=1000).shape == (200, 400, 3)
    assert set(read_pixels(path, max_side=100).reshape(-1, 3)[7]) == {1, 2, 3}


# ----------------------------------------------------------------------------------------------------- hostile files
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is not a PNG picture"),
        (b"GIF89a" + bytes(100), "is not a PNG picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "is not a PNG picture"),
        (claiming(30_000, 30_000), "more than can be shown"),
        (claiming(60_000, 60_000), "at most 32768 per side"),
        (claiming(0, 5), "claims to be 0 x 5"),
        (claiming(4000, 4000), "its pixels cannot be read"),
        (encode(pixels(), metadata())[:-200], "its pixels cannot be read"),
    ],
    ids=["empty", "GIF", "JPEG", "too many pixels", "too wide", "no pixels", "too few bytes", "cut off"],
)
def test_a_picture_that_cannot_be_shown_is_a_sentence(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(StorageError, match=sentence) as caught:
            read_pixels(path)
    assert str(path) in str(caught.value)


def test_texts_behind_the_pixels_that_unpack_without_end_are_refused(tmp_path: Path) -> None:
    info = PngInfo()
    for number in range(80):
        info.add_text(f"k{number}", "x" * 1_000_000, zip=True)
    whole = as_png(Image.new("RGB", (8, 8)))
    texts = as_png(Image.new("RGB", (8, 8)), pnginfo=info)
    bomb = whole[:-12] + texts[texts.index(b"zTXt") - 4 : texts.index(b"IDAT") - 4] + whole[-12:]
    with pytest.raises(StorageError):
        read_pixels(written(tmp_path, bomb))


def test_any_file_gives_pixels_or_a_sentence(tmp_path: Path) -> None:
    good = encode(pixels(), metadata())
    source, read, refused = random.Random(3), 0, 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(source.choice([1, 1, 2, 8])):
            data[source.randrange(len(data))] = source.randrange(256)
        if source.random() < 0.1:
            del data[source.randrange(len(data)) :]
        try:
            assert read_pixels(written(tmp_path, bytes(data))).shape[2] == 3
            read += 1
        except StorageError:
            refused += 1
    assert refused > 100
    assert read + refused == 400


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(StorageError):
            read_pixels(path)


def test_a_disk_error_is_not_reported_as_a_damaged_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, encode(pixels(), metadata()))

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(StorageError, match="the disk reported an input/output error"):
        read_pixels(path)


# ------------------------------------------------------------------------------------------------------------ tiles
def colours(tile: NDArray[np.uint8]) -> tuple[int, ...]:
    return tuple(tile[len(tile) // 2, len(tile) // 2])


def test_a_tile_is_the_middle_of_the_picture_with_round_corners(tmp_path: Path) -> None:
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 64:128] = (255, 128, 0)
    tile = read_tile(written(tmp_path, encode(wide, metadata())), 144, 8)
    assert tile.shape == (144, 144, 4)
    assert colours(tile) == (255, 128, 0, 255)
    assert tile[72, 4, 0] > 200, "the middle only"
    assert tuple(tile[0, 0]) == (0, 0, 0, 0)
    assert tuple(tile[0, 72])[3] == 255
    alpha = tile[:, :, 3]
    np.testing.assert_array_equal(alpha, alpha[::-1, ::-1])
    assert {0, 255} < set(np.unique(alpha)), "the corners are smooth"
    assert (tile[:, :, :3] <= alpha[:, :, None]).all(), "premultiplied"


def test_large_pictures_are_kept_reduced_until_they_change(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    large = np.full((1200, 1800, 3), 90, np.uint8)
    path = written(tmp_path, encode(large, metadata()))
    first = read_tile(path, 144, 8, cache)
    (kept,) = cache.iterdir()
    with Image.open(kept) as image:
        assert image.size == (768, 512)
    Image.new("RGB", (768, 512), (1, 2, 3)).save(kept)
    assert colours(read_tile(path, 144, 8, cache)) == (1, 2, 3, 255)
    kept.write_bytes(b"rubbish")
    np.testing.assert_array_equal(read_tile(path, 144, 8, cache), first)
    path.write_bytes(encode(large + 10, metadata(seed=12)))
    assert colours(read_tile(path, 144, 8, cache)) == (100, 100, 100, 255)


def test_small_pictures_need_no_cache_and_a_cache_that_fails_is_none(tmp_path: Path) -> None:
    small = written(tmp_path, encode(pixels(side=64), metadata()))
    read_tile(small, 144, 8, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    (tmp_path / "file").write_bytes(b"")
    large = written(tmp_path, encode(np.full((600, 600, 3), 9, np.uint8), metadata()), "large.png")
    assert colours(read_tile(large, 144, 8, tmp_path / "file")) == (9, 9, 9, 255)


def test_the_most_recently_used_files_of_a_cache_stay(tmp_path: Path) -> None:
    for number in range(5):
        os.utime(written(tmp_path, b"", f"{number}.png"), (number, number))
    written(tmp_path, b"", "notes.txt")
    trim(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.png", "4.png", "notes.txt"]
    trim(tmp_path / "none")
