"""Picture files of strangers, read without trust: a small square comes out, or a sentence that says why not.

numpy and Pillow only.
"""

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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

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
"""Pictures that people keep and that this program does not read."""
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 64_000_000
"""Of a picture that is read; more is taken for an attack."""
MIN_SIDE = 8

_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)  # a pipe would wait for its end
# What Pillow raises for damaged files, besides what it means to raise.
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
    """A file is no picture to learn from; ``str(error)`` is a clause such as "is damaged"."""


def picture_size(path: Path) -> tuple[int, int]:
    """Return the width and height of a picture that its header allows to be used; nothing else is read.

    Raises:
        UnusablePictureError: it cannot be used.
    """
    with _opened(path) as image:
        return image.size


def read_square(path: Path, size: int) -> NDArray[np.uint8]:
    """Return the middle square of a picture, resized; of an animation that of its first frame.

    What is transparent lies on white; a picture that a camera turned is turned upright.

    Args:
        path: the file.
        size: side of the square in pixels.

    Returns:
        uint8 (3, size, size), contiguous.

    Raises:
        UnusablePictureError: it cannot be used.
    """
    with _opened(path) as image:
        image.draft("RGB", (2 * size, 2 * size))  # JPEG: reads as little as that needs
        upright = ImageOps.exif_transpose(image)
        side = min(upright.size)
        left, top = (upright.width - side) // 2, (upright.height - side) // 2
        # Cropped and reduced first: an enormous picture is enormous four times over once it has alpha.
        square = _eight_bit(upright.crop((left, top, left + side, top + side)))
        square = square.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
        if square.mode == "RGBA":
            square = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
        return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return a picture as RGB, or RGBA where it is; one of 16 bits is scaled where Pillow would cut it off."""
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
                raise UnusablePictureError("is not a regular file")
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(file, formats=FORMATS)
            with image:
                _check_size(*image.size)
                yield image
    except UnusablePictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusablePictureError(f"has more than {MAX_PIXELS // 10**6} million pixels") from error
    except UnidentifiedImageError as error:
        raise UnusablePictureError("is not a picture, or damaged") from error
    except MemoryError as error:
        raise UnusablePictureError("does not fit into memory") from error
    except (FileNotFoundError, PermissionError) as error:
        gone = isinstance(error, FileNotFoundError)
        raise UnusablePictureError("is gone" if gone else "cannot be read: no permission") from error
    except (OSError, *_DAMAGED) as error:
        raise UnusablePictureError("is damaged or cut off") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnusablePictureError(
            f"has {width:,} x {height:,} pixels; at most {MAX_PIXELS // 10**6} million are read"
        )
    if min(width, height) < MIN_SIDE:
        raise UnusablePictureError(
            f"has only {width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed"
        )
