"""What a picture file says of its making, read without decoding its pixels.

Two texts go before the pixels: ``stepwise``, our own JSON, from which everything can be rebuilt, and ``parameters``,
which other programs read. Text beyond Latin-1 goes into an iTXt chunk (UTF-8), the rest into tEXt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.errors import RequestError, StorageError
from studio.gallery.chunks import read_chunks
from studio.gallery.metadata import PictureMetadata

if TYPE_CHECKING:
    from pathlib import Path

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


def memory_of(path: Path) -> PictureMetadata:
    """Return what a picture of this program remembers.

    Raises:
        StorageError: the file cannot be read, or remembers nothing.
    """
    metadata = read(path).metadata
    if metadata is None:
        raise StorageError(path, "does not say how it was made, so it cannot be made again")
    return metadata
