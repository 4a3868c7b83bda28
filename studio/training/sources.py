"""Where captioned pictures come from.

A source draws a batch from a random generator and nothing else, so a batch depends on the generator's key alone and a
resumed run sees what an unbroken one would have seen. numpy and Pillow only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from studio.errors import RecipeError
from studio.training.pictograms import compose_batch, draw_pictograms, find_font

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.training.pictogram_list import Pictogram, Pictograms

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 64_000_000  # of a picture that is read; more is taken for an attack
ON_WHITE = ("{name}", "{name}", "{name}", "{a} {name}", "{name} on a white background")
ON_COLOR = (
    "{name} on {a_color} {color} background",
    "{a} {name} on {a_color} {color} background",
    "{name}, {color} background",
    "{a_color} {color} background with {a} {name}",
)


class Source(Protocol):
    """Draws captioned pictures."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw ``count`` pictures, (count, 3, H, W) in [-1, 1], and their captions."""
        ...


class PictogramSource:
    """Pictograms on plain backgrounds, shifted a little, called by one of their names."""

    def __init__(self, pictograms: Pictograms, size: int, *, white: float, shift: int) -> None:
        """Draw every pictogram once.

        Args:
            pictograms: the list.
            size: side of the pictures in pixels.
            white: share of pictures on white, 0 to 1; the others take one of the other colours.
            shift: pixels by which a drawing is moved at most, along each axis.

        Raises:
            RecipeError: the font is not there.
        """
        self.pictograms, self.white, self.shift = pictograms, white, shift
        self.drawings = draw_pictograms(pictograms.entries, find_font(), size)
        self.colors = [name for name in pictograms.colors if name != "white"]

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures; pairs that are held out never come."""
        which = rng.integers(len(self.drawings), size=count)
        captions, colors = [], []
        for index in which.tolist():
            entry = self.pictograms.entries[index]
            color = "white" if rng.random() < self.white else self._other_color(entry, rng)
            colors.append(self.pictograms.colors[color])
            captions.append(caption(entry, color, rng))
        shifts = rng.integers(-self.shift, self.shift + 1, size=(count, 2))
        return compose_batch(self.drawings[which], np.asarray(colors), shifts), captions

    def _other_color(self, entry: Pictogram, rng: np.random.Generator) -> str:
        allowed = [color for color in self.colors if (entry.code, color) not in self.pictograms.held_out]
        return allowed[int(rng.integers(len(allowed)))]


def caption(entry: Pictogram, color: str, rng: np.random.Generator) -> str:
    """Word a caption: the first name half of the time, else any; the background is named unless it is white."""
    name = entry.names[0] if rng.random() < 0.5 else entry.names[int(rng.integers(len(entry.names)))]
    forms = ON_WHITE if color == "white" else ON_COLOR
    form = forms[int(rng.integers(len(forms)))]
    return form.format(name=name, color=color, a=_article(name), a_color=_article(color))


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


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
