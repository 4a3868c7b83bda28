"""Pictures as PNG: encoded in memory with what they remember of their making, and that read back.

Two texts go before the pixels: ``stepwise``, our own JSON, from which everything can be rebuilt, and ``parameters``,
which other programs read. Text beyond Latin-1 goes into an iTXt chunk (UTF-8), the rest into tEXt.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import RequestError, StorageError
from studio.gallery.chunks import read_chunks
from studio.gallery.metadata import PictureMetadata
from studio.gallery.parameters import parameters_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OWN_KEYWORD = "stepwise"
SHARED_KEYWORD = "parameters"


@dataclass(frozen=True, kw_only=True)
class PngPicture:
    """What a picture file says of itself.

    Attributes:
        width: pixels.
        height: pixels.
        metadata: how it was made; None for a picture that another program made.
    """

    width: int
    height: int
    metadata: PictureMetadata | None


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


def read(path: Path) -> PngPicture:
    """Return what the PNG at ``path`` says of itself, without decoding its pixels.

    Raises:
        StorageError: it cannot be read, is no proper PNG, or its metadata cannot be used.
    """
    found = read_chunks(path)
    own = [text for keyword, text in found.texts if keyword == OWN_KEYWORD]
    if len(own) > 1:
        raise StorageError(path, "holds two descriptions of how it was made, so neither can be trusted")
    try:
        metadata = PictureMetadata.from_json(own[0]) if own else None
    except RequestError as error:
        said = f"{error.field} {error.reason}"
        raise StorageError(
            path, f"holds a description of how it was made that cannot be used: {said}"
        ) from error
    return PngPicture(width=found.width, height=found.height, metadata=metadata)


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
