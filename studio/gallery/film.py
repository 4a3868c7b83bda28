"""A run as something to send to others: an animation of its steps, or all of them on one sheet."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image, ImageDraw

from studio.gallery.lettering import draw_line
from studio.gallery.sheet import DIM, GAP, GROUND, LABEL_PX, LINE, Cell, draw_sheet, enlarged
from studio.storage import write_file as write

__all__ = ["MOST_FRAMES", "SUFFIXES", "ExportKind", "Shot", "chosen", "draw", "write"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

ExportKind = Literal["webp", "gif", "sheet"]

SUFFIXES: dict[ExportKind, str] = {"webp": ".webp", "gif": ".gif", "sheet": ".png"}
MOST_FRAMES: dict[ExportKind, int] = {"webp": 120, "gif": 120, "sheet": 24}
"""How many steps of a long run are taken, evenly chosen."""
FRAME_MS, LAST_MS = 80, 1500
_QUALITY = 90
_COLOURS = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One step.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        caption: one line on it.
    """

    pixels: NDArray[np.uint8]
    caption: str


def chosen(count: int, most: int) -> tuple[int, ...]:
    """Return the places of at most so many of ``count`` things, evenly spread, the first and the last among them."""
    if count <= most:
        return tuple(range(count))
    return tuple(round(place * (count - 1) / (most - 1)) for place in range(most))


def draw(shots: Sequence[Shot], kind: ExportKind, title: str, *, captions: bool) -> bytes:
    """Return the file.

    Args:
        shots: the steps, at least one, all of one size.
        kind: what becomes of them.
        title: what the run is of; on a sheet with captions.
        captions: whether steps are named.
    """
    if kind == "sheet":
        return _sheet(shots, title, captions=captions)
    frames = [_frame(shot, captions=captions) for shot in shots]
    pauses = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    packed = io.BytesIO()
    if kind == "webp":
        frames[0].save(
            packed,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=pauses,
            loop=0,
            quality=_QUALITY,
        )
        return packed.getvalue()
    # Against a palette of its own each frame is dithered; quantised by itself its smooth parts would have steps.
    dither = Image.Dither.FLOYDSTEINBERG
    coloured = [frame.quantize(palette=frame.quantize(_COLOURS), dither=dither) for frame in frames]
    coloured[0].save(
        packed, "GIF", save_all=True, append_images=coloured[1:], duration=pauses, loop=0, optimize=False
    )
    return packed.getvalue()


def _frame(shot: Shot, *, captions: bool) -> Image.Image:
    picture = enlarged(shot.pixels)
    if not captions:
        return picture
    framed = Image.new("RGB", (picture.width, picture.height + LINE + GAP // 2), GROUND)
    framed.paste(picture, (0, 0))
    at, width = (GAP // 2, picture.height + 4), picture.width - GAP
    draw_line(ImageDraw.Draw(framed), at, shot.caption, width=width, size=LABEL_PX, fill=DIM)
    return framed


def _sheet(shots: Sequence[Shot], title: str, *, captions: bool) -> bytes:
    columns = math.ceil(math.sqrt(len(shots) * 1.5))
    cells = [Cell(pixels=shot.pixels, lines=(shot.caption,) if captions else ()) for shot in shots]
    data = draw_sheet(cells, columns, title)
    if captions:
        return data
    whole = Image.open(io.BytesIO(data), formats=("PNG",))
    packed = io.BytesIO()
    whole.crop((0, 2 * LINE, whole.width, whole.height)).save(packed, "PNG")  # without the title's lines
    return packed.getvalue()
