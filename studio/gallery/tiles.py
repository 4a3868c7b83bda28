"""Small square pictures for a gallery: cut out of the middle, scaled, with round corners, ready to be painted.

Large pictures are kept reduced in a cache folder, keyed by path, time and size of the file. The cache may be deleted
at any time, is bounded, and no fault of it is ever told: then the picture itself is read.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from studio.errors import StorageError
from studio.folders import ensure
from studio.gallery.pixels import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CACHED_SIDE_PX = 512
MAX_CACHED_FILES = 4000
_SMOOTHER = 4  # the corners are drawn this much larger and reduced


def read_tile(path: Path, side: int, radius: float, cache: Path | None = None) -> NDArray[np.uint8]:
    """Return the tile of a picture: uint8 (side, side, 4), RGBA with premultiplied alpha, read-only.

    Args:
        path: a PNG file.
        side: pixels.
        radius: of the corners, in pixels.
        cache: a folder for reduced pictures; None keeps none.

    Raises:
        StorageError: as `studio.gallery.pixels.read_pixels`.
    """
    image = _reduced(path, cache) if cache is not None and side <= CACHED_SIDE_PX else read_image(path)
    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    square = image.resize(
        (side, side),
        Image.Resampling.BICUBIC,
        box=(left, top, left + edge, top + edge),
        reducing_gap=3.0,
    )
    square.putalpha(_corners(side, radius))
    tile = np.array(square.convert("RGBa"))
    tile.flags.writeable = False
    return tile


def trim(cache: Path, keep: int = MAX_CACHED_FILES) -> None:
    """Delete the files of a cache that were used longest ago, until ``keep`` are left. Never fails."""
    with contextlib.suppress(OSError):
        with os.scandir(cache) as found:
            files = [(item.stat().st_mtime, item.path) for item in found if item.name.endswith(".png")]
        for _, path in sorted(files, reverse=True)[keep:]:
            os.unlink(path)


def _reduced(path: Path, cache: Path) -> Image.Image:
    """Return a picture that is large enough for a tile."""
    place = None
    with contextlib.suppress(OSError, ValueError):
        known = os.stat(path)
        name = f"{os.fspath(path)}\0{known.st_mtime_ns}\0{known.st_size}"
        place = cache / f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.png"
        if place.exists():
            with contextlib.suppress(StorageError):
                image = read_image(place)
                os.utime(place)
                return image
    image = read_image(path)
    if min(image.size) > CACHED_SIDE_PX:
        scale = CACHED_SIDE_PX / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
        if place is not None:
            _keep(image, place)
    return image


def _keep(image: Image.Image, place: Path) -> None:
    part = place.with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError, StorageError):
        ensure(place.parent)
        image.save(part, "PNG", compress_level=1)
        os.replace(part, place)


@functools.lru_cache(maxsize=8)
def _corners(side: int, radius: float) -> Image.Image:
    large = Image.new("L", (side * _SMOOTHER, side * _SMOOTHER))
    edge = side * _SMOOTHER - 1
    ImageDraw.Draw(large).rounded_rectangle((0, 0, edge, edge), radius * _SMOOTHER, fill=255)
    return large.resize((side, side), Image.Resampling.BOX)
