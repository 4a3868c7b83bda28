"""A picture saved elsewhere: byte for byte as it is, or enlarged."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.export import GAP, LINE, MAX_SIDE_PX, MIN_SIDE, Cell, draw_sheet, save_file, save_pixels
from studio.gallery.images import read_pixels
from studio.gallery.store import PictureStore
from tests.gallery.samples import metadata, pixels

if TYPE_CHECKING:
    from pathlib import Path


def plain(value: int, height: int = 64, width: int = 64) -> Cell:
    return Cell(
        pixels=np.full((height, width, 3), value, np.uint8), lines=("ddim, 20 steps", "40 model calls")
    )


def drawn(cells: list[Cell], columns: int, title: str = "a fox") -> Image.Image:
    return Image.open(io.BytesIO(draw_sheet(cells, columns, title)), formats=("PNG",))


def test_pictures_lie_in_rows_enlarged_to_whole_pixels() -> None:
    sheet = drawn([plain(50), plain(100), plain(200)], 2)
    assert sheet.width == GAP + 2 * (MIN_SIDE + GAP)
    top, below = GAP + 2 * LINE, MIN_SIDE + 2 * LINE + 2 * GAP
    right = GAP + MIN_SIDE + GAP
    for left, high, value in ((GAP, top, 50), (right, top, 100), (GAP, top + below, 200)):
        whole = sheet.crop((left, high, left + MIN_SIDE, high + MIN_SIDE))
        assert whole.getextrema() == ((value, value),) * 3
    assert sheet.height == top + 2 * below


def test_large_pictures_are_as_they_are_and_each_has_the_largest_ones_room() -> None:
    sheet = drawn([plain(50, 300, 400), plain(100)], 2)
    assert sheet.getpixel((GAP + 399, GAP + 2 * LINE + 299)) == (50, 50, 50)
    assert sheet.getpixel((GAP + 400 + GAP, GAP + 2 * LINE)) == (100, 100, 100)


def test_titles_and_labels_are_written_and_any_text_can_be_one() -> None:
    title = "a prompt \n\u202e without end 🦊 " * 50
    sheet = drawn([Cell(pixels=plain(0).pixels, lines=(title, ""))], 1, title)
    assert sheet.width == 2 * GAP + MIN_SIDE
    beneath = sheet.crop((GAP, GAP + 2 * LINE + MIN_SIDE, sheet.width - GAP, sheet.height))
    assert max(high for _, high in beneath.getextrema()) > 200
    assert sheet.crop((sheet.width - GAP, 0, sheet.width, sheet.height)).getextrema() == (
        (22, 22),
        (23, 23),
        (28, 28),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    store = PictureStore(tmp_path / "pictures", tmp_path / "catalogue")
    return store.add(pixels(3), metadata("a red apple")).path


def test_a_copy_in_the_original_size_keeps_every_byte(source: Path, tmp_path: Path) -> None:
    to = save_file(source, tmp_path / "new" / "x.png")
    assert to.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("factor", [4, 8])
def test_hard_pixels_become_squares_and_smooth_ones_do_not(source: Path, tmp_path: Path, factor: int) -> None:
    kept = read_pixels(source)
    hard = read_pixels(save_file(source, tmp_path / "hard.png", factor, smooth=False))
    assert (hard == kept.repeat(factor, 0).repeat(factor, 1)).all()
    smooth = read_pixels(save_file(source, tmp_path / "smooth.png", factor))
    assert smooth.shape == hard.shape
    assert (smooth != hard).any()


def test_an_enlarged_copy_keeps_its_parameters_but_is_not_a_picture_of_ours(
    source: Path, tmp_path: Path
) -> None:
    to = save_file(source, tmp_path / "x.png", 4)
    assert png.read(to).metadata is None
    with Image.open(to) as image:
        assert image.text["parameters"].startswith("a red apple")  # type: ignore[attr-defined]


def test_a_failed_save_is_reported_and_leaves_no_file(source: Path, tmp_path: Path) -> None:
    wide = np.zeros((2, MAX_SIDE_PX // 8 + 1, 3), np.uint8)
    with pytest.raises(StorageError, match="would be larger than 16,384 pixels on a side"):
        save_pixels(wide, tmp_path / "x.png", 8)
    with pytest.raises(StorageError, match="cannot be found"):
        save_file(source.with_name("gone.png"), tmp_path / "x.png")
    with pytest.raises(StorageError):
        save_file(source, source / "below.png", 4)
    assert not (tmp_path / "x.png").exists()
