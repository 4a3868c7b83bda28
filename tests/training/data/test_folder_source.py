"""Pictures are decoded once and encoded once, and a cache that is broken, stale or half written is never believed."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from studio.backbones.codec import Codec, CodecConfig
from studio.errors import RecipeError, StorageError
from studio.training.data import folder_source, latents
from studio.training.data.folder_source import (
    Cancelled,
    FolderPictures,
    FolderSource,
    read_folder,
    run_to_end,
)
from studio.training.data.latents import encode_folder
from studio.training.data.picture_cache import KEPT_FOLDERS

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, colour in enumerate(("red", "lime", "blue")):
        Image.new("RGB", (20 + number, 16), colour).save(folder / f"{colour}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are decoded, one by one."""
    names: list[str] = []
    read = folder_source.read_square

    def counted(path: Path, size: int) -> object:
        names.append(path.name)
        return read(path, size)

    monkeypatch.setattr(folder_source, "read_square", counted)
    return names


def read(folder: Path, cache: Path | None, size: int = 16) -> FolderPictures:
    return run_to_end(read_folder(folder, size, cache))


def same(one: FolderPictures, other: FolderPictures) -> bool:
    alike = (one.captions, one.data_sha256, one.refused) == (other.captions, other.data_sha256, other.refused)
    return alike and np.array_equal(one.pixels, other.pixels)


def test_pictures_are_decoded_once(tmp_path: Path, folder: Path, decoded: list[str]) -> None:
    first = read(folder, tmp_path / "cache")
    assert sorted(decoded) == ["blue.png", "broken.jpg", "lime.png", "red.png"]
    decoded.clear()
    again = read(folder, tmp_path / "cache")
    assert decoded == []
    assert same(first, again)
    assert same(first, read(folder, None))
    assert first.captions == ("blue", "lime", "red")
    assert first.pixels[2, :, 0, 0].tolist() == [255, 0, 0]
    assert not again.pixels.flags.writeable


def test_only_what_is_new_or_changed_is_decoded_again(
    tmp_path: Path, folder: Path, decoded: list[str]
) -> None:
    first = read(folder, tmp_path / "cache")
    decoded.clear()
    Image.new("RGB", (16, 16), "black").save(folder / "black.png")
    Image.new("RGB", (16, 16), "white").save(folder / "lime.png")
    (folder / "blue.png").unlink()
    changed = read(folder, tmp_path / "cache")
    assert sorted(decoded) == ["black.png", "lime.png"]
    assert changed.captions == ("black", "lime", "red")
    assert [pixels[0, 0, 0] for pixels in changed.pixels] == [0, 255, 255]
    assert changed.data_sha256 != first.data_sha256
    assert same(changed, read(folder, None))


def test_a_changed_caption_needs_no_decoding_but_changes_the_hash_of_the_data(
    tmp_path: Path, folder: Path, decoded: list[str]
) -> None:
    first = read(folder, tmp_path / "cache")
    decoded.clear()
    (folder / "lime.txt").write_text("a green square")
    again = read(folder, tmp_path / "cache")
    assert decoded == []
    assert again.captions == ("blue", "a green square", "red")
    assert again.data_sha256 != first.data_sha256


@pytest.mark.parametrize(
    "damage", ["cut", "flip", "longer", "gone", "index", "index cut", "stale part", "other"]
)
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, folder: Path, damage: str) -> None:
    first = read(folder, tmp_path / "cache")
    kept = np.array(first.pixels)
    (home,) = (tmp_path / "cache").iterdir()
    (pixels,) = home.glob("pixels-*")
    data, index = pixels.read_bytes(), home / "index.json"
    match damage:
        case "cut":
            pixels.write_bytes(data[:-100])
        case "flip":
            pixels.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "longer":
            pixels.write_bytes(data + data[:768])
        case "gone":
            pixels.unlink()
        case "index":
            index.write_text('{"pixels": 3, "files": {"a": 1}}')
        case "index cut":
            index.write_bytes(index.read_bytes()[:-20])
        case "stale part":
            (home / ".pixels.1.part").write_bytes(b"half")
        case "other":
            index.write_text(index.read_text().replace("red.png", "rot.png"))
    again = read(folder, tmp_path / "cache")
    assert np.array_equal(again.pixels, kept)
    assert again.data_sha256 == first.data_sha256


def test_rows_of_a_cache_that_counts_too_many_are_not_read(tmp_path: Path, folder: Path) -> None:
    first = read(folder, tmp_path / "cache")
    (home,) = (tmp_path / "cache").iterdir()
    index = home / "index.json"
    index.write_text(index.read_text().replace(", 2, ", ", 99, "))
    assert same(read(folder, tmp_path / "cache"), first)


def test_reading_can_be_stopped_and_leaves_no_half(tmp_path: Path, folder: Path) -> None:
    cancelled = threading.Event()
    reading = read_folder(folder, 16, tmp_path / "cache", cancelled)
    next(reading)
    cancelled.set()
    with pytest.raises(Cancelled):
        next(reading)
    (home,) = (tmp_path / "cache").iterdir()
    assert list(home.iterdir()) == []


def test_a_full_disk_is_reported(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.storage.os.fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        read(folder, tmp_path / "cache")
    (home,) = (tmp_path / "cache").iterdir()
    assert list(home.iterdir()) == []


def test_caches_of_a_few_folders_are_kept(tmp_path: Path, folder: Path) -> None:
    for number in range(KEPT_FOLDERS + 2):
        read(folder, tmp_path / "cache", size=16 + 8 * number)
        for age, home in enumerate((tmp_path / "cache").iterdir()):
            os.utime(home, (age, age))
    assert len(list((tmp_path / "cache").iterdir())) == KEPT_FOLDERS


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "empty"
    if make:
        folder.mkdir()
        (folder / "broken.png").write_bytes(b"x")
    with pytest.raises(RecipeError, match="broken.png is not a picture" if make else "cannot be found"):
        FolderSource.open(folder, 16)


def test_a_batch_depends_on_the_generator_alone(folder: Path) -> None:
    source = FolderSource.open(folder, 16)
    once, again = (source.draw(50, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(once[0], again[0])
    assert once[1] == again[1]
    assert set(once[1]) == {"red", "lime", "blue"}
    red = once[0][once[1].index("red")]
    assert np.array_equal(red.mean(axis=(1, 2)), [1, -1, -1])


def codec(seed: int = 0) -> Codec:
    torch.manual_seed(seed)
    return Codec(CodecConfig(channels=4, widths=(16, 16))).eval().requires_grad_(False)


def test_latents_are_those_of_the_pictures_and_encoded_once(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = read(folder, tmp_path / "cache")
    made = run_to_end(encode_folder(pictures, codec(), CPU))
    expected = codec().encode(torch.from_numpy(pictures.pixels.astype(np.float32) / np.float32(127.5) - 1))
    assert np.array_equal(made.latents, expected.numpy())

    def never(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(latents, "_encode", never)
    again = run_to_end(encode_folder(pictures, codec(), CPU))
    assert np.array_equal(again.latents, made.latents)
    drawn, captions = again.draw(20, np.random.default_rng(1))
    pixels, told = FolderSource(pictures).draw(20, np.random.default_rng(1))
    assert captions == told
    assert drawn.shape == (20, 4, 4, 4)
    assert len(pixels) == 20


def test_latents_of_another_codec_or_other_data_or_a_damaged_file_are_not_used(
    tmp_path: Path, folder: Path
) -> None:
    pictures = read(folder, tmp_path / "cache")
    made = np.array(run_to_end(encode_folder(pictures, codec(), CPU)).latents)
    other = run_to_end(encode_folder(pictures, codec(1), CPU)).latents
    assert not np.array_equal(made, other)
    (home,) = (tmp_path / "cache").iterdir()
    for file in home.glob("latents-*"):
        file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\0")
    assert np.array_equal(run_to_end(encode_folder(pictures, codec(), CPU)).latents, made)


def test_latents_stay_in_memory_if_the_disk_is_full(tmp_path: Path, folder: Path) -> None:
    pictures = read(folder, tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    assert run_to_end(encode_folder(pictures, codec(), CPU)).latents.shape == (3, 4, 4, 4)


def test_two_thousand_pictures_are_read_and_drawn(tmp_path: Path) -> None:
    read_and_draw_many(tmp_path, 2_000)


@pytest.mark.long
def test_twenty_thousand_pictures_are_read_and_drawn(tmp_path: Path) -> None:
    read_and_draw_many(tmp_path, 20_000)


def read_and_draw_many(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    template = folder / "0.png"
    Image.new("RGB", (8, 8), "teal").save(template)
    for number in range(1, count):
        os.link(template, folder / f"{number}.png")
    pictures = read(folder, tmp_path / "cache", size=16)
    assert len(pictures.captions) == count
    assert FolderSource(pictures).draw(4, np.random.default_rng(0))[0].shape == (4, 3, 16, 16)
