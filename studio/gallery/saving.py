"""A picture saved where its maker wants it, as it is or enlarged."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.parameters import parameters_text
from studio.gallery.pixels import read_pixels
from studio.storage import as_storage_error, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MOST_SIDE_PX = 16_384


def save_file(source: Path, to: Path, factor: int = 1, *, smooth: bool = True) -> Path:
    """Save a picture of the gallery once more, and return where.

    As it is, every byte is kept. Enlarged, it says how it was made to other programs, and is no picture of the gallery.

    Args:
        source: its file.
        to: the new file; one of that name is replaced.
        factor: how many times as wide and high.
        smooth: between the pixels, or each a square.

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
    """Save a picture that is in no file yet, uint8 (H, W, 3), as `save_file` does."""
    height, width, _ = pixels.shape
    if max(height, width) * factor > MOST_SIDE_PX:
        raise StorageError(to, f"would be larger than {MOST_SIDE_PX:,} pixels on a side")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if factor > 1:
        how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
        image = image.resize((width * factor, height * factor), how)
    packed = io.BytesIO()
    image.save(packed, "PNG", pnginfo=info)
    write_file(to, packed.getvalue())
    return to
