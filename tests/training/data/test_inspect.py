"""What a folder of a stranger holds is found, captioned, or refused in a sentence; nothing of it stops the rest."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio.errors import StorageError
from studio.training.data.inspect import Found, Refused, inspect_folder
from studio.training.data.picture_files import UnusablePictureError, read_square

if TYPE_CHECKING:
    from pathlib import Path


def found_in(folder: Path) -> dict[str, str]:
    """Captions by name; of what is refused the sentence."""
    return {
        item.path.name: item.caption if isinstance(item, Found) else item.sentence
        for item in inspect_folder(folder)
    }


def picture(path: Path, colour: str = "red", size: tuple[int, int] = (20, 16), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)
    return path


def png_of(width: int, height: int) -> bytes:
    """A PNG of one colour, black; a few bytes long however large it is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\0" * ((width + 7) // 8)) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "caption", "source"),
    [
        ("red_square.png", "red square", "name"),
        ("red-square 012.png", "red square", "name"),
        ("red square (3).png", "red square", "name"),
        ("빨간 네모.png", "빨간 네모", "name"),
        ("IMG_1234.png", "my drawings", "folder"),
        ("DSC00042.png", "my drawings", "folder"),
        ("PXL_20240101_120000.png", "my drawings", "folder"),
        ("Screenshot 2024-01-01 at 12.00.00.png", "my drawings", "folder"),
        ("0017.png", "my drawings", "folder"),
        ("3f2a9c4e-8b1d-4c6f-9a7e-0d1c2b3a4f5e.png", "my drawings", "folder"),
        ("p.png", "my drawings", "folder"),
        ("cat.png", "cat", "name"),
        ("scandinavia.png", "scandinavia", "name"),
    ],
)
def test_a_caption_is_the_name_where_it_says_something(
    tmp_path: Path, name: str, caption: str, source: str
) -> None:
    folder = tmp_path / "my_drawings"
    picture(folder / name)
    (found,) = inspect_folder(folder)
    assert isinstance(found, Found)
    assert (found.caption, found.caption_from) == (caption, source)
    assert (found.width, found.height) == (20, 16)


def test_a_text_beside_a_picture_is_its_caption_and_sub_folders_are_searched(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("﻿ a fox\n in snow \n", encoding="utf-8")
    picture(tmp_path / "dogs" / "IMG_1.jpg")
    picture(tmp_path / ".hidden" / "no.png")
    (tmp_path / "notes.md").write_text("nothing")
    assert found_in(tmp_path) == {"a.png": "a fox in snow", "IMG_1.jpg": "dogs"}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xfe\xfa", "a.txt is not UTF-8 text, so the picture's file name is its caption."),
        (b"caf\xe9", "a.txt is not UTF-8 text, so the picture's file name is its caption."),
        (b"x" * 70_000, "a.txt is too long for a caption, so the picture's file name is its caption."),
        (None, "a.txt is a folder, so the picture's file name is its caption."),
    ],
)
def test_an_unreadable_caption_is_reported_and_the_picture_is_kept(
    tmp_path: Path, data: bytes | None, sentence: str
) -> None:
    picture(tmp_path / "a.png")
    if data is None:
        (tmp_path / "a.txt").mkdir()
    else:
        (tmp_path / "a.txt").write_bytes(data)
    assert found_in(tmp_path) == {"a.png": "a", "a.txt": sentence}


def test_empty_captions_and_such_in_utf_16_are_understood(tmp_path: Path) -> None:
    picture(tmp_path / "a fox.png")
    (tmp_path / "a fox.txt").write_bytes(b" \n")
    picture(tmp_path / "b.png")
    (tmp_path / "b.txt").write_text("여우", encoding="utf-16")
    assert found_in(tmp_path) == {"a fox.png": "a fox", "b.png": "여우"}


def test_broken_files_are_refused_one_by_one(tmp_path: Path) -> None:
    picture(tmp_path / "good.jpg", size=(200, 200))
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("<html>not found</html>")
    (tmp_path / "photo.heic").write_bytes(b"\0")
    picture(tmp_path / "dot.png", size=(1, 1))
    (tmp_path / "bomb.png").write_bytes(png_of(20_000, 20_000))
    (tmp_path / "huge.png").write_bytes(png_of(9_000, 9_000))
    (tmp_path / "folder.png").mkdir()
    assert found_in(tmp_path) == {
        "bomb.png": "bomb.png has more than 64 million pixels.",
        "cut.jpg": "cut.jpg is damaged or truncated.",
        "dot.png": "dot.png has only 1 x 1 pixels; at least 8 x 8 are needed.",
        "empty.png": "empty.png is not a picture, or damaged.",
        "good.jpg": "good",
        "huge.png": "huge.png has 9,000 x 9,000 pixels; at most 64 million are supported.",
        "photo.heic": "photo.heic has a format that cannot be read (heic); save it as PNG or JPEG.",
        "text.png": "text.png is not a picture, or damaged.",
    }


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of this kind are not there")
def test_links_out_of_the_folder_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside" / "secret.png")
    folder = tmp_path / "pictures"
    picture(folder / "a.png")
    (folder / "link.png").symlink_to(outside)
    (folder / "inside.png").symlink_to(folder / "a.png")
    (folder / "all").symlink_to(outside.parent)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    found = found_in(folder)
    assert {name for name, said in found.items() if "leads out of the folder" in said} == {
        "all",
        "link.png",
        "loop.png",
    }
    assert found["pipe.png"] == "pipe.png is not a regular file."
    assert (found["a.png"], found["inside.png"]) == ("a", "inside")


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be found"):
        list(inspect_folder(tmp_path / "nowhere"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="there is a file in the place of a folder"):
        list(inspect_folder(tmp_path / "file"))


def test_inspecting_a_folder_can_be_stopped(tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / f"{number}.png")
    cancelled, seen = threading.Event(), 0
    for item in inspect_folder(tmp_path, cancelled):
        assert not isinstance(item, Refused)
        seen += 1
        cancelled.set()
    assert seen == 1


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "YCbCr", "LA", "RGBA", "I;16", "I", "F"])
def test_every_kind_of_pixel_becomes_a_square_of_bytes(tmp_path: Path, mode: str) -> None:
    grey = Image.new("L", (30, 20), 128)
    if mode in {"I;16", "I", "F"}:
        values = np.full((20, 30), 128 * 257 if mode != "F" else 128)
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(values.astype(kind))
        assert image.mode == mode
    else:
        image = grey.convert(mode)
    path = tmp_path / ("a.tif" if mode in {"CMYK", "YCbCr", "I", "F"} else "a.png")
    # Compressed, since Pillow 12.0 does not read back the YCbCr that it writes plainly.
    image.save(path, **({"compression": "tiff_lzw"} if mode == "YCbCr" else {}))
    square = read_square(path, 16)
    assert square.shape == (3, 16, 16)
    assert square.dtype == np.uint8
    if mode != "1":
        assert np.abs(square.astype(int) - 128).max() <= 1


def test_what_is_transparent_lies_on_white_and_turned_photographs_stand_upright(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_square(tmp_path / "a.png", 8) == 255).all()
    half = Image.new("RGB", (40, 40), "red")
    half.paste("blue", (0, 0, 20, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    half.save(tmp_path / "b.jpg", exif=exif, quality=95)
    top, bottom = read_square(tmp_path / "b.jpg", 8)[:, [0, -1], 4].T
    assert top[2] > 200 > 60 > top[0]
    assert bottom[0] > 200 > 60 > bottom[2]


def test_the_first_picture_of_an_animation_is_used(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    for name in ("a.gif", "a.webp", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        red = read_square(tmp_path / name, 8)
        assert red[0].min() > 200
        assert red[2].max() < 60


def test_an_enormous_picture_is_reduced_and_its_middle_taken(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(7_000, 9_000))
    assert read_square(tmp_path / "a.png", 16).shape == (3, 16, 16)
    (tmp_path / "wide.png").write_bytes(png_of(60_000, 8))
    assert read_square(tmp_path / "wide.png", 16).shape == (3, 16, 16)


@pytest.mark.parametrize("cut", [10, 40, 60, 80])
def test_a_file_truncated_anywhere_is_rejected(tmp_path: Path, cut: int) -> None:
    for name in ("a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.tif"):
        image = Image.effect_noise((64, 64), 60).convert("RGB")
        image.save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) * cut // 100])
        with pytest.raises(UnusablePictureError):
            read_square(tmp_path / name, 16)
