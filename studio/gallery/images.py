"""The pixels of picture files: encoding with metadata, reading without trusting the file, and thumbnails.

**Reading** decodes at most `MAX_PIXELS` pixels and the limits of `studio.gallery.png`, whatever the file says; the
result is pixels or a StorageError. Any thread may read. This module imports numpy and Pillow, so import it late.

**Thumbnails** are the square middle of a picture, scaled, with rounded corners, ready to be painted. Large pictures are
kept reduced in a cache folder, by the path, time and size of their files. The cache is limited in size and may be
deleted at any time. Its errors are never shown: the picture itself is read instead.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery.metadata import parameters_text
from studio.gallery.png import OWN_KEYWORD, SHARED_KEYWORD, opened, walk
from studio.messages import message
from studio.storage import ensure_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.gallery.metadata import PictureMetadata


MAX_PIXELS = 8192 * 8192
"""The most pixels of a picture; no request may ask for more, and it is less than what Pillow warns of."""

_BACKGROUND = (255, 255, 255, 255)
"""Drawn behind transparent pixels."""

# Pillow documents OSError and SyntaxError for damaged files; it raises the others too.
_DAMAGED = (
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def encode(pixels: NDArray[np.uint8], metadata: PictureMetadata) -> bytes:
    """Return ``pixels``, uint8 (H, W, 3) RGB, as a PNG file with metadata.

    Raises:
        ValueError: ``pixels`` have another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"pixels must be uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    height, width, _ = pixels.shape
    texts = PngInfo()
    for keyword, text in (
        (OWN_KEYWORD, metadata.to_json()),
        (SHARED_KEYWORD, parameters_text(metadata, width, height)),
    ):
        if _is_latin_1(text):
            texts.add_text(keyword, text)
        else:
            texts.add_itxt(keyword, text)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def read_pixels(path: Path, max_side: int | None = None) -> NDArray[np.uint8]:
    """Return the picture in a PNG file, uint8 (H, W, 3) RGB, read-only.

    Args:
        path: the file.
        max_side: the maximum width and height in pixels; a larger picture is reduced in proportion. None keeps its
            size.

    Raises:
        StorageError: the file cannot be read, is not a PNG, is damaged, or has more than `MAX_PIXELS`.
    """
    pixels = np.array(read_image(path, max_side))
    pixels.flags.writeable = False
    return pixels


def read_image(path: Path, max_side: int | None = None) -> Image.Image:
    """Return what `read_pixels` does as a loaded Pillow image of mode RGB. Raises StorageError likewise."""
    with opened(path) as file:
        try:
            return _load(path, file, max_side)
        except MemoryError as error:
            raise StorageError(path, message("cannot be shown: there is too little memory for it")) from error
        except (OSError, *_DAMAGED) as error:
            if getattr(error, "errno", None) is not None:  # an error of the disk, not of the picture
                raise
            raise StorageError(path, message("is a damaged PNG: its pixels cannot be read")) from error


def _load(path: Path, file: BinaryIO, max_side: int | None) -> Image.Image:
    size = walk(file)
    if size.width * size.height > MAX_PIXELS:
        reason = message(
            "claims to be {width} x {height} pixels, which is more than can be shown",
            width=size.width,
            height=size.height,
        )
        raise StorageError(path, reason)
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as image:
        image.load()
        rgb = _rgb(image)
    if max_side is not None:
        rgb.thumbnail((max_side, max_side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return rgb


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip at 255
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, _BACKGROUND), picture)
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


CACHED_SIDE_PX = 512
MAX_CACHED_FILES = 4000
_OVERSAMPLING = 4
"""Rounded corners are drawn this many times larger, and reduced."""


def read_tile(path: Path, side: int, radius: float, cache: Path | None = None) -> NDArray[np.uint8]:
    """Return the thumbnail of a picture: uint8 (side, side, 4), RGBA with premultiplied alpha, read-only.

    Args:
        path: a PNG file.
        side: the width and height in pixels.
        radius: the radius of the corners in pixels.
        cache: a folder for reduced pictures; None uses no cache.

    Raises:
        StorageError: as for `read_pixels`.
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
    """Delete the least recently used files of a cache until ``keep`` are left. Never fails."""
    with contextlib.suppress(OSError):
        with os.scandir(cache) as found:
            files = [(item.stat().st_mtime, item.path) for item in found if item.name.endswith(".png")]
        for _, path in sorted(files, reverse=True)[keep:]:
            os.unlink(path)


def _reduced(path: Path, cache: Path) -> Image.Image:
    """Return a picture whose shorter side has at most `CACHED_SIDE_PX` pixels, from the cache if it is there."""
    place = None
    with contextlib.suppress(OSError, ValueError):
        known = os.stat(path)
        name = f"{os.fspath(path)}\0{known.st_mtime_ns}\0{known.st_size}"
        place = cache / f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.png"
        if place.exists():
            with contextlib.suppress(StorageError):
                image = read_image(place)
                os.utime(place)  # it counts as used
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
        ensure_folder(place.parent)
        image.save(part, "PNG", compress_level=1)
        os.replace(part, place)


@functools.lru_cache(maxsize=8)
def _corners(side: int, radius: float) -> Image.Image:
    large = Image.new("L", (side * _OVERSAMPLING, side * _OVERSAMPLING))
    edge = side * _OVERSAMPLING - 1
    ImageDraw.Draw(large).rounded_rectangle((0, 0, edge, edge), radius * _OVERSAMPLING, fill=255)
    return large.resize((side, side), Image.Resampling.BOX)
