"""Files to share: labelled sheets of pictures, a run as an animation or a sheet, and enlarged copies of a picture."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.images import read_pixels
from studio.gallery.lettering import draw_line
from studio.gallery.metadata import parameters_text
from studio.messages import message
from studio.storage import as_storage_error, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


BACKGROUND, TEXT, DIM = (22, 23, 28), (233, 233, 238), (150, 152, 164)
"""The colours of the background, of titles and of labels."""
GAP = 16
MIN_SIDE = 256
"""Smaller pictures are enlarged to about this side."""
MAX_SHEET_SIDE = 8192
"""About the longest side of a sheet in pixels; if it would be longer, its pictures are reduced."""
TITLE_PX, LABEL_PX, LINE = 17, 14, 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One picture of a sheet.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        lines: the text below it; the first line is brighter.
    """

    pixels: NDArray[np.uint8]
    lines: tuple[str, ...]


def max_picture_side(count: int, columns: int) -> int:
    """Return the longest side in pixels that each of ``count`` pictures may have on one sheet."""
    return max(MAX_SHEET_SIDE // max(columns, math.ceil(count / columns)) - 4 * LINE, 2 * LINE)


def placeholder(max_side: int) -> NDArray[np.uint8]:
    """Return the placeholder for a picture that is missing, uint8 (side, side, 3)."""
    side = min(MIN_SIDE, max_side)
    return np.full((side, side, 3), BACKGROUND, np.uint8)


def draw_sheet(cells: Sequence[Cell], columns: int, title: str) -> bytes:
    """Return a PNG of all cells, in rows of ``columns``, below a title.

    Small pictures are enlarged by a whole factor, so that pixels stay sharp, unless the sheet would become too large.
    All cells have the size of the largest picture.
    """
    max_side = max_picture_side(len(cells), columns)
    shown = [enlarged(cell.pixels, max_side) for cell in cells]
    width, height = max(one.width for one in shown), max(one.height for one in shown)
    lines = max(len(cell.lines) for cell in cells)
    rows = math.ceil(len(cells) / columns)
    across, down = width + GAP, height + lines * LINE + GAP
    head = GAP + 2 * LINE
    size = (columns * across + GAP, head + rows * (down + GAP))
    sheet = Image.new("RGB", size, BACKGROUND)
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


def enlarged(pixels: NDArray[np.uint8], max_side: int = MAX_SHEET_SIDE) -> Image.Image:
    """Return a picture, enlarged by a whole factor if it is small, reduced if a side is above ``max_side``."""
    picture = Image.fromarray(pixels)
    if max(picture.size) > max_side:
        picture.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        return picture
    factor = max(1, min(math.ceil(MIN_SIDE / max(picture.size)), max_side // max(picture.size)))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


ExportKind = Literal["webp", "gif", "sheet"]

SUFFIXES: dict[ExportKind, str] = {"webp": ".webp", "gif": ".gif", "sheet": ".png"}
MAX_FRAMES: dict[ExportKind, int] = {"webp": 120, "gif": 120, "sheet": 24}
"""The most frames of an export; of a longer run evenly spaced steps are chosen."""
FRAME_MS, LAST_MS = 80, 1500
_QUALITY = 90
_COLOURS = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class RunFrame:
    """One step of a run.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        caption: one line of text.
    """

    pixels: NDArray[np.uint8]
    caption: str


def evenly_spaced(count: int, limit: int) -> tuple[int, ...]:
    """Return at most ``limit`` evenly spaced indices of ``count`` items, including the first and the last."""
    if count <= limit:
        return tuple(range(count))
    return tuple(round(place * (count - 1) / (limit - 1)) for place in range(limit))


def draw_run(frames: Sequence[RunFrame], kind: ExportKind, title: str, *, captions: bool) -> bytes:
    """Return an animation or a sheet of a run as a file.

    Args:
        frames: the steps, at least one, all of the same size.
        kind: the kind of file.
        title: the title of a sheet with captions.
        captions: whether captions are drawn.
    """
    if kind == "sheet":
        return _sheet(frames, title, captions=captions)
    images = [_with_caption(frame, captions=captions) for frame in frames]
    pauses = [FRAME_MS] * (len(images) - 1) + [LAST_MS]
    packed = io.BytesIO()
    if kind == "webp":
        images[0].save(
            packed,
            "WEBP",
            save_all=True,
            append_images=images[1:],
            duration=pauses,
            loop=0,
            quality=_QUALITY,
        )
        return packed.getvalue()
    # quantize() dithers only with a given palette; without dithering, gradients would have bands.
    dither = Image.Dither.FLOYDSTEINBERG
    coloured = [frame.quantize(palette=frame.quantize(_COLOURS), dither=dither) for frame in images]
    coloured[0].save(
        packed, "GIF", save_all=True, append_images=coloured[1:], duration=pauses, loop=0, optimize=False
    )
    return packed.getvalue()


def _with_caption(frame: RunFrame, *, captions: bool) -> Image.Image:
    picture = enlarged(frame.pixels)
    if not captions:
        return picture
    framed = Image.new("RGB", (picture.width, picture.height + LINE + GAP // 2), BACKGROUND)
    framed.paste(picture, (0, 0))
    at, width = (GAP // 2, picture.height + 4), picture.width - GAP
    draw_line(ImageDraw.Draw(framed), at, frame.caption, width=width, size=LABEL_PX, fill=DIM)
    return framed


def _sheet(frames: Sequence[RunFrame], title: str, *, captions: bool) -> bytes:
    columns = math.ceil(math.sqrt(len(frames) * 1.5))
    cells = [Cell(pixels=frame.pixels, lines=(frame.caption,) if captions else ()) for frame in frames]
    data = draw_sheet(cells, columns, title)
    if captions:
        return data
    whole = Image.open(io.BytesIO(data), formats=("PNG",))
    packed = io.BytesIO()
    whole.crop((0, 2 * LINE, whole.width, whole.height)).save(packed, "PNG")  # without the space of the title
    return packed.getvalue()


MAX_SIDE_PX = 16_384


def save_file(source: Path, to: Path, factor: int = 1, *, smooth: bool = True) -> Path:
    """Save a copy of a picture, and return its path.

    A copy at its own size has the same bytes. An enlarged copy has the text for other programs, but not our metadata,
    so that the gallery does not list it.

    Args:
        source: the file of the picture.
        to: the new file; a file of that name is replaced.
        factor: the factor of enlargement.
        smooth: interpolate (bicubic), or repeat pixels (nearest).

    Raises:
        StorageError: it cannot be read or written, or would be too large.
    """
    if factor == 1:
        with as_storage_error(source):
            data = source.read_bytes()
        write_file(to, data)
        return to
    info, metadata = PngInfo(), png.read(source).metadata
    pixels = read_pixels(source)
    if metadata is not None:
        height, width, _ = pixels.shape
        info.add_itxt(png.SHARED_KEYWORD, parameters_text(metadata, width, height))
    return save_pixels(pixels, to, factor, smooth=smooth, info=info)


def save_pixels(
    pixels: NDArray[np.uint8], to: Path, factor: int = 1, *, smooth: bool = True, info: PngInfo | None = None
) -> Path:
    """Save pixels, uint8 (H, W, 3) RGB, as `save_file` does; ``info`` holds the texts of the PNG."""
    height, width, _ = pixels.shape
    if max(height, width) * factor > MAX_SIDE_PX:
        raise StorageError(to, message("would be larger than {limit:,} pixels on a side", limit=MAX_SIDE_PX))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if factor > 1:
        how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
        image = image.resize((width * factor, height * factor), how)
    packed = io.BytesIO()
    image.save(packed, "PNG", pnginfo=info)
    write_file(to, packed.getvalue())
    return to
