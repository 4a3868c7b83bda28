from __future__ import annotations

import io

import numpy as np
from PIL import Image

from studio.gallery.sheet import GAP, LEAST_SIDE, LINE, Cell, draw_sheet


def plain(value: int, height: int = 64, width: int = 64) -> Cell:
    return Cell(
        pixels=np.full((height, width, 3), value, np.uint8), lines=("ddim, 20 steps", "40 model calls")
    )


def drawn(cells: list[Cell], columns: int, title: str = "a fox") -> Image.Image:
    return Image.open(io.BytesIO(draw_sheet(cells, columns, title)), formats=("PNG",))


def test_pictures_lie_in_rows_enlarged_to_whole_pixels() -> None:
    sheet = drawn([plain(50), plain(100), plain(200)], 2)
    assert sheet.width == GAP + 2 * (LEAST_SIDE + GAP)
    top, below = GAP + 2 * LINE, LEAST_SIDE + 2 * LINE + 2 * GAP
    right = GAP + LEAST_SIDE + GAP
    for left, high, value in ((GAP, top, 50), (right, top, 100), (GAP, top + below, 200)):
        whole = sheet.crop((left, high, left + LEAST_SIDE, high + LEAST_SIDE))
        assert whole.getextrema() == ((value, value),) * 3
    assert sheet.height == top + 2 * below


def test_large_pictures_are_as_they_are_and_each_has_the_largest_ones_room() -> None:
    sheet = drawn([plain(50, 300, 400), plain(100)], 2)
    assert sheet.getpixel((GAP + 399, GAP + 2 * LINE + 299)) == (50, 50, 50)
    assert sheet.getpixel((GAP + 400 + GAP, GAP + 2 * LINE)) == (100, 100, 100)


def test_titles_and_labels_are_written_and_any_text_can_be_one() -> None:
    title = "a prompt \n\u202e without end 🦊 " * 50
    sheet = drawn([Cell(pixels=plain(0).pixels, lines=(title, ""))], 1, title)
    assert sheet.width == 2 * GAP + LEAST_SIDE
    beneath = sheet.crop((GAP, GAP + 2 * LINE + LEAST_SIDE, sheet.width - GAP, sheet.height))
    assert max(high for _, high in beneath.getextrema()) > 200
    assert sheet.crop((sheet.width - GAP, 0, sheet.width, sheet.height)).getextrema() == (
        (22, 22),
        (23, 23),
        (28, 28),
    )
