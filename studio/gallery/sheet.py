"""Several pictures on one labelled sheet."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from studio.gallery.lettering import draw_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GROUND, TEXT, DIM = (22, 23, 28), (233, 233, 238), (150, 152, 164)
GAP = 16
LEAST_SIDE = 256
MOST_SHEET = 8192
"""Pixels of a sheet's longer side, about; the pictures of a larger one are reduced."""
TITLE_PX, LABEL_PX, LINE = 17, 14, 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One picture of a sheet.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        lines: what is written beneath it; the first is brighter.
    """

    pixels: NDArray[np.uint8]
    lines: tuple[str, ...]


def most_side(count: int, columns: int) -> int:
    """Return how many pixels a side of each of so many pictures may have on one sheet."""
    return max(MOST_SHEET // max(columns, math.ceil(count / columns)) - 4 * LINE, 2 * LINE)


def empty(most: int) -> NDArray[np.uint8]:
    """Return what stands in the place of a picture that there is none of."""
    side = min(LEAST_SIDE, most)
    return np.full((side, side, 3), GROUND, np.uint8)


def draw_sheet(cells: Sequence[Cell], columns: int, title: str) -> bytes:
    """Return a PNG of all cells, in rows of ``columns``, under a title.

    Small pictures are enlarged by a whole number, so that every pixel stays one, as long as the sheet does not become
    too large; all cells are of the largest's size.
    """
    most = most_side(len(cells), columns)
    shown = [enlarged(cell.pixels, most) for cell in cells]
    width, height = max(one.width for one in shown), max(one.height for one in shown)
    lines = max(len(cell.lines) for cell in cells)
    rows = math.ceil(len(cells) / columns)
    across, down = width + GAP, height + lines * LINE + GAP
    head = GAP + 2 * LINE
    size = (columns * across + GAP, head + rows * (down + GAP))
    sheet = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(sheet)
    draw_line(draw, (GAP, GAP), title, width=size[0] - 2 * GAP, size=TITLE_PX, fill=TEXT)
    for place, (cell, picture) in enumerate(zip(cells, shown, strict=True)):
        left, top = GAP + place % columns * across, head + place // columns * (down + GAP)
        sheet.paste(picture, (left, top))
        for number, line in enumerate(cell.lines):
            at = (left, top + height + 6 + number * LINE)
            draw_line(draw, at, line, width=width, size=LABEL_PX, fill=DIM if number else TEXT)
    packed = io.BytesIO()
    sheet.save(packed, "PNG")
    return packed.getvalue()


def enlarged(pixels: NDArray[np.uint8], most: int = MOST_SHEET) -> Image.Image:
    """Return a picture, a small one enlarged by a whole number, a side of more than ``most`` pixels reduced."""
    picture = Image.fromarray(pixels)
    if max(picture.size) > most:
        picture.thumbnail((most, most), Image.Resampling.BICUBIC)
        return picture
    factor = max(1, min(math.ceil(LEAST_SIDE / max(picture.size)), most // max(picture.size)))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
