"""Where captioned pictures come from.

A source draws a batch from a random generator and nothing else, so a batch depends on the generator's key alone and a
resumed run sees what an unbroken one would have seen. numpy and Pillow only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from studio.errors import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 64_000_000  # of a picture that is read; more is taken for an attack


class Source(Protocol):
    """Draws captioned pictures."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw ``count`` pictures, (count, 3, H, W) in [-1, 1], and their captions."""
        ...


class FolderSource:
    """Pictures of a folder, cropped to squares; captions from a ``.txt`` beside each, else from its name."""

    def __init__(self, folder: Path, size: int) -> None:
        """Read every picture once.

        Args:
            folder: holds PNG, JPEG or WebP files.
            size: side of the pictures in pixels.

        Raises:
            RecipeError: the folder holds no picture that can be read, or cannot be read itself.
        """
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        except OSError as error:
            raise RecipeError(folder, f"cannot be read: {error.strerror}") from error
        found = [(picture, _caption_of(path)) for path in paths if (picture := _read(path, size)) is not None]
        if not found:
            raise RecipeError(folder, "holds no picture that can be read (PNG, JPEG and WebP files are)")
        self.refused = len(paths) - len(found)
        self.pictures = np.stack([picture for picture, _ in found])
        self.captions = [text for _, text in found]

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures, each as likely as any other."""
        which = rng.integers(len(self.pictures), size=count)
        pictures = self.pictures[which].astype(np.float32) / np.float32(127.5) - 1
        return pictures, [self.captions[index] for index in which.tolist()]


def _read(path: Path, size: int) -> NDArray[np.uint8] | None:
    """Return a picture as (3, size, size), its middle square resized; None where it cannot be read."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            rgba = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    flat = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    side = min(flat.size)
    left, top = (flat.width - side) // 2, (flat.height - side) // 2
    square = flat.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))


def _caption_of(path: Path) -> str:
    try:
        return path.with_suffix(".txt").read_text(encoding="utf-8").strip()[:2000]
    except (OSError, UnicodeDecodeError):
        return path.stem.replace("_", " ").replace("-", " ").strip()
