"""The pictograms a starter model learns: their list, their drawings, and how a drawing meets a background.

The list is read by ``studio.training.pictograms.pictogram_list``. The drawings come from the bitmap build of Noto Color
Emoji (136 x 128 pixels a glyph). Needs numpy and Pillow, not torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from studio.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from studio.training.pictograms.pictogram_list import Pictogram

FONT_FILE = "NotoColorEmoji.ttf"
FAMILY = "Noto Color Emoji"
STRIKE = 109
"""The one size at which the bitmap build of the font can be drawn."""
CANVAS = 192
"""Side in pixels of the canvas a glyph is drawn on; every glyph fits with room to spare."""
FILL = 52 / 64
"""The longer side of a drawing as a part of the picture's side; what is left takes the shifts."""


def find_font(override: Path | None = None) -> Path:
    """Return the path of Noto Color Emoji on this machine.

    Args:
        override: the font file to take instead of looking for one.

    Raises:
        RecipeError: the file is not there; the sentence says which package or file is needed.
    """
    if override is not None:
        if not override.is_file():
            raise RecipeError("pictograms.json", f"needs a font, and there is no file {override}")
        return override
    for folder in _font_folders():
        for found in (folder / FONT_FILE, *_deeper(folder)):
            if found.is_file():
                return found
    raise RecipeError(
        "pictograms.json",
        f"needs the font {FONT_FILE}, which is not on this machine; on Debian and Ubuntu install the package "
        "fonts-noto-color-emoji, elsewhere put the file from the folder fonts of the project "
        "googlefonts/noto-emoji into your fonts folder",
    )


def draw_pictograms(
    pictograms: Sequence[Pictogram], font: Path, size: int = 64, *, fill: float = FILL
) -> NDArray[np.uint8]:
    """Draw each pictogram once, centred.

    The colours are **premultiplied** by alpha: where alpha is 0 they are 0. That is what resizing needs (the
    colour of a transparent pixel must not bleed into an edge) and what composing needs.

    Args:
        pictograms: what to draw.
        font: the font file, as ``find_font`` returns it.
        size: side of the pictures in pixels.
        fill: the longer side of a drawing as a part of the picture's.

    Returns:
        Array (N, size, size, 4), red, green, blue, alpha.

    Raises:
        RecipeError: the file is no font of this kind, or lacks one of the pictograms.
    """
    face = _open_font(font)
    drawings = np.zeros((len(pictograms), size, size, 4), dtype=np.uint8)
    for drawing, pictogram in zip(drawings, pictograms, strict=True):
        glyph = _draw_glyph(pictogram.char, face)
        rows, columns = np.flatnonzero(glyph[..., 3].any(1)), np.flatnonzero(glyph[..., 3].any(0))
        if not rows.size:
            wanted = f"{pictogram.names[0]!r} (U+{pictogram.code})"
            raise RecipeError("pictograms.json", f"needs the pictogram {wanted}, which {font} does not draw")
        _fit(glyph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], drawing, fill)
    return drawings


def compose(
    drawing: NDArray[np.uint8], color: Sequence[int], shift: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """Lay one premultiplied drawing (H, W, 4) on a plain colour; see ``compose_batch``.

    Returns:
        Array (3, H, W) in [-1, 1].
    """
    picture: NDArray[np.float32] = compose_batch(drawing[None], np.asarray([color]), np.asarray([shift]))[0]
    return picture


def compose_batch(
    drawings: NDArray[np.uint8], colors: NDArray[np.integer], shifts: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Lay premultiplied drawings on plain colours: ``drawing + (1 - alpha) * color``, in floating point.

    Integer arithmetic would round each soft edge twice and put a faint ring around every drawing.

    Args:
        drawings: (B, H, W, 4), premultiplied, as ``draw_pictograms`` returns them.
        colors: (B, 3), red, green, blue, each 0 to 255.
        shifts: (B, 2), whole pixels to the right and down; what leaves the picture is gone.

    Returns:
        Array (B, 3, H, W) in [-1, 1].
    """
    batch, height, width, _ = drawings.shape
    moved = np.zeros((batch, 4, height, width), dtype=np.float32)
    channels_first = drawings.transpose(0, 3, 1, 2)
    for target, source, (right, down) in zip(moved, channels_first, shifts.tolist(), strict=True):
        (to_y, from_y), (to_x, from_x) = _overlap(down, height), _overlap(right, width)
        target[:, to_y, to_x] = source[:, from_y, from_x]
    picture, alpha = moved[:, :3], moved[:, 3:]
    ground = np.asarray(colors, dtype=np.float32)[:, :, None, None] / np.float32(127.5)
    picture *= np.float32(1 / 127.5)
    picture += alpha * (ground * np.float32(-1 / 255)) + (ground - 1)
    return picture


def _overlap(shift: int, length: int) -> tuple[slice, slice]:
    """Return where pixels go to and come from on an axis of ``length`` pixels moved by ``shift``."""
    shift = max(-length, min(length, shift))
    return slice(max(0, shift), length + min(0, shift)), slice(max(0, -shift), length - max(0, shift))


def _open_font(font: Path) -> ImageFont.FreeTypeFont:
    try:
        # The basic layout: the other one depends on how Pillow was built, and lone characters need none.
        face = ImageFont.truetype(str(font), STRIKE, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        reason = f"needs the bitmap build of the font {FAMILY}, and {font} is not that ({error})"
        raise RecipeError("pictograms.json", reason) from error
    if face.getname()[0] != FAMILY:
        raise RecipeError("pictograms.json", f"needs the font {FAMILY}, and {font} is {face.getname()[0]}")
    return face


def _draw_glyph(char: str, face: ImageFont.FreeTypeFont) -> NDArray[np.float32]:
    """Draw one glyph; return (CANVAS, CANVAS, 4), premultiplied, 0 to 255.

    It is drawn on black and on white: the black one is the premultiplied colour itself, and what the white
    one gained is 255 minus alpha. This holds however Pillow blends into a transparent picture.
    """
    on_black, on_white = (
        np.asarray(_draw_on(char, face, ground), dtype=np.float32) for ground in ((0, 0, 0), (255, 255, 255))
    )
    alpha = 255 - (on_white - on_black).mean(axis=2, keepdims=True)
    return np.concatenate([np.minimum(on_black, alpha), alpha], axis=2)


def _draw_on(char: str, face: ImageFont.FreeTypeFont, ground: tuple[int, int, int]) -> Image.Image:
    canvas = Image.new("RGB", (CANVAS, CANVAS), ground)
    ImageDraw.Draw(canvas).text((24, 24), char, font=face, embedded_color=True)
    return canvas


def _fit(glyph: NDArray[np.float32], drawing: NDArray[np.uint8], fill: float) -> None:
    """Resize a cropped glyph (h, w, 4) and write it into the middle of ``drawing`` (size, size, 4)."""
    size = drawing.shape[0]
    scale = size * fill / max(glyph.shape[:2])
    height, width = (max(1, round(side * scale)) for side in glyph.shape[:2])
    # Hamming is nearly as sharp as Lanczos but does not overshoot into bright and dark rings.
    images = [Image.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(glyph, 2, 0)]
    channels = [np.asarray(image.resize((width, height), Image.Resampling.HAMMING)) for image in images]
    resized = np.clip(np.rint(np.stack(channels, axis=2)), 0, 255).astype(np.uint8)
    resized[..., :3] = np.minimum(resized[..., :3], resized[..., 3:])
    top, left = (size - height) // 2, (size - width) // 2
    drawing[top : top + height, left : left + width] = resized


def _font_folders() -> list[Path]:
    """Return the folders in which systems keep fonts, the likeliest first."""
    home = Path.home()
    folders = [
        Path("/usr/share/fonts/truetype/noto"),  # Debian, Ubuntu
        Path("/usr/share/fonts/noto"),  # Arch, Alpine
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".local/share/fonts",
        home / ".fonts",
        home / "Library/Fonts",  # macOS
        Path("/Library/Fonts"),
        Path("/opt/homebrew/share/fonts"),
    ]
    for variable, rest in (("LOCALAPPDATA", "Microsoft/Windows/Fonts"), ("WINDIR", "Fonts")):
        if os.environ.get(variable):
            folders.append(Path(os.environ[variable]) / rest)
    return folders


def _deeper(folder: Path) -> list[Path]:
    """Return the font's files below ``folder``; an unreadable folder holds none."""
    try:
        return sorted(folder.rglob(FONT_FILE))
    except OSError:
        return []
