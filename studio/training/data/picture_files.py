"""Untrusted picture files, decoded to a small square or refused with a reason. Needs numpy and Pillow, not torch."""

from __future__ import annotations

import os
import stat
import struct
import warnings
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.messages import Message

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
UNREADABLE_SUFFIXES = (
    ".heic",
    ".heif",
    ".avif",
    ".jxl",
    ".svg",
    ".psd",
    ".xcf",
    ".dng",
    ".cr2",
    ".nef",
    ".arw",
)
"""Common picture formats that this program does not read."""
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 64_000_000
"""Larger pictures are refused: a small file can ask for any amount of memory (a decompression bomb)."""
MIN_SIDE = 8

# O_NONBLOCK: without it, opening a named pipe would wait for its other end.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What Pillow raises for damaged files, besides its own errors.
_DAMAGED = (
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    AttributeError,
    struct.error,
    zlib.error,
)


class UnusablePictureError(Exception):
    """A picture file that cannot be used; ``reason`` is a clause such as "is damaged"."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


def picture_size(path: Path) -> tuple[int, int]:
    """Return the width and height of a usable picture; only its header is read.

    Raises:
        UnusablePictureError: it cannot be used.
    """
    with _opened(path) as image:
        return image.size


def read_square(path: Path, size: int) -> NDArray[np.uint8]:
    """Return the central square of a picture, resized; of an animation, that of its first frame.

    Transparency is composed on white, and the EXIF orientation is applied.

    Args:
        path: the file.
        size: side of the square in pixels.

    Returns:
        uint8 (3, size, size), contiguous.

    Raises:
        UnusablePictureError: it cannot be used.
    """
    with _opened(path) as image:
        image.draft("RGB", (2 * size, 2 * size))  # JPEG: decodes at a reduced size
        upright = ImageOps.exif_transpose(image)
        side = min(upright.size)
        left, top = (upright.width - side) // 2, (upright.height - side) // 2
        # Cropped and reduced first: with alpha, a large picture takes four times the memory.
        square = _eight_bit(upright.crop((left, top, left + side, top + side)))
        square = square.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
        if square.mode == "RGBA":
            square = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
        return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert a picture to RGB, or RGBA if it has transparency; 16 bits are scaled, while Pillow would clip them."""
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        scale = 1.0 if values.max(initial=0.0) <= 255 else 1 / 257
        image = Image.fromarray(np.clip(values * scale, 0, 255).round().astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        descriptor = os.open(path, _FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnusablePictureError(message("is not a regular file"))
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(file, formats=FORMATS)
            with image:
                _check_size(*image.size)
                yield image
    except UnusablePictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusablePictureError(
            message("has more than {millions} million pixels", millions=MAX_PIXELS // 10**6)
        ) from error
    except UnidentifiedImageError as error:
        raise UnusablePictureError(message("is not a picture, or damaged")) from error
    except MemoryError as error:
        raise UnusablePictureError(message("does not fit into memory")) from error
    except (FileNotFoundError, PermissionError) as error:
        if isinstance(error, FileNotFoundError):
            raise UnusablePictureError(message("no longer exists")) from error
        raise UnusablePictureError(message("cannot be read: no permission")) from error
    except (OSError, *_DAMAGED) as error:
        raise UnusablePictureError(message("is damaged or truncated")) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnusablePictureError(
            message(
                "has {width:,} x {height:,} pixels; at most {millions} million are supported",
                width=width,
                height=height,
                millions=MAX_PIXELS // 10**6,
            )
        )
    if min(width, height) < MIN_SIDE:
        raise UnusablePictureError(
            message(
                "has only {width} x {height} pixels; at least {least} x {least} are needed",
                width=width,
                height=height,
                least=MIN_SIDE,
            )
        )
