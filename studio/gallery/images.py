"""The pixels of picture files: encoded with what they remember of their making, and read without trusting the file.

Whatever a file says, reading it unpacks no more than `MAX_PIXELS` pixels and the caps of `studio.gallery.png`, and
ends in pixels or in a sentence. Any thread may read. This brings numpy and Pillow, so import it where pixels are.

Small square pictures for a gallery: cut out of the middle, scaled, with round corners, ready to be painted.

Large pictures are kept reduced in a cache folder, keyed by path, time and size of the file. The cache may be deleted
at any time and is bounded. Its errors are never shown: the picture itself is read instead.
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
from studio.storage import ensure_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.gallery.metadata import PictureMetadata


MAX_PIXELS = 8192 * 8192
"""More than a request may ask for is nothing of ours; also below what Pillow itself warns of."""

# Where alpha lets something through, it is paper.
_GROUND = (255, 255, 255, 255)

# What Pillow raises for damaged files, besides OSError and SyntaxError, which it means to raise.
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
    """Return the PNG file of ``pixels``, uint8 (H, W, 3) RGB.

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
        max_side: the most pixels a side may have; a larger picture is reduced and keeps its shape. None reads it as
            it is.

    Raises:
        StorageError: the file cannot be read, is no PNG, is damaged, or is larger than `MAX_PIXELS`.
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
            raise StorageError(path, "cannot be shown: there is too little memory for it") from error
        except (OSError, *_DAMAGED) as error:
            if getattr(error, "errno", None) is not None:  # the disk's fault, and not the picture's
                raise
            raise StorageError(path, "is a damaged PNG: its pixels cannot be read") from error


def _load(path: Path, file: BinaryIO, max_side: int | None) -> Image.Image:
    size = walk(file)
    if size.width * size.height > MAX_PIXELS:
        raise StorageError(
            path, f"claims to be {size.width} x {size.height} pixels, which is more than can be shown"
        )
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as image:
        image.load()
        rgb = _rgb(image)
    if max_side is not None:
        rgb.thumbnail((max_side, max_side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return rgb


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which convert() would cut off at 255
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, _GROUND), picture)
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


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
        StorageError: as `studio.gallery.images.read_pixels`.
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
    """Delete the files of a cache that were used longest ago, until ``save_pictures`` are left. Never fails."""
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
        ensure_folder(place.parent)
        image.save(part, "PNG", compress_level=1)
        os.replace(part, place)


@functools.lru_cache(maxsize=8)
def _corners(side: int, radius: float) -> Image.Image:
    large = Image.new("L", (side * _SMOOTHER, side * _SMOOTHER))
    edge = side * _SMOOTHER - 1
    ImageDraw.Draw(large).rounded_rectangle((0, 0, edge, edge), radius * _SMOOTHER, fill=255)
    return large.resize((side, side), Image.Resampling.BOX)
