"""Renders pictograms from the bitmap build of Noto Color Emoji, and composes them with plain backgrounds.

The glyphs have 136 x 128 pixels. Needs numpy and Pillow, not torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from studio.errors import RecipeError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from studio.training.pictograms.pictogram_list import Pictogram

LIST = "pictograms.json"
FONT_FILE = "NotoColorEmoji.ttf"
FAMILY = "Noto Color Emoji"
STRIKE = 109
"""The only size at which the bitmap build of the font can be rendered."""
CANVAS = 192
"""Side in pixels of the canvas that a glyph is rendered on; larger than any glyph."""
FILL = 52 / 64
"""The longer side of a drawing as a fraction of the picture's side; the rest leaves room for shifts."""


def find_font(override: Path | None = None) -> Path:
    """Return the path of Noto Color Emoji on this machine.

    Args:
        override: a font file to use instead of searching for one.

    Raises:
        RecipeError: there is no such file; the sentence names the package or file that is needed.
    """
    if override is not None:
        if not override.is_file():
            raise RecipeError(LIST, message("needs a font, but there is no file {path}", path=override))
        return override
    for folder in _font_folders():
        for found in (folder / FONT_FILE, *_below(folder)):
            if found.is_file():
                return found
    reason = message(
        "needs the font {font}, which is not on this machine; on Debian and Ubuntu install the package "
        "fonts-noto-color-emoji, elsewhere put the file from the folder fonts of the project "
        "googlefonts/noto-emoji into your fonts folder",
        font=FONT_FILE,
    )
    raise RecipeError(LIST, reason)


def draw_pictograms(
    pictograms: Sequence[Pictogram], font: Path, size: int = 64, *, fill: float = FILL
) -> NDArray[np.uint8]:
    """Render each pictogram, centred.

    The colours are **premultiplied** by alpha: where alpha is 0 they are 0. Resizing needs this, so that the colour of
    a transparent pixel does not bleed into an edge, and so does compositing.

    Args:
        pictograms: the N pictograms.
        font: the font file, as ``find_font`` returns it.
        size: side of the pictures in pixels.
        fill: the longer side of a drawing as a fraction of the picture's side.

    Returns:
        (N, size, size, 4): red, green, blue, alpha.

    Raises:
        RecipeError: the file is no font of this kind, or lacks one of the pictograms.
    """
    face = _open_font(font)
    drawings = np.zeros((len(pictograms), size, size, 4), dtype=np.uint8)
    for drawing, pictogram in zip(drawings, pictograms, strict=True):
        glyph = _draw_glyph(pictogram.char, face)
        rows, columns = np.flatnonzero(glyph[..., 3].any(1)), np.flatnonzero(glyph[..., 3].any(0))
        if not rows.size:
            reason = message(
                "needs the pictogram {name} (U+{code}), which {font} does not contain",
                name=repr(pictogram.names[0]),
                code=pictogram.code,
                font=font,
            )
            raise RecipeError(LIST, reason)
        _fit(glyph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], drawing, fill)
    return drawings


def compose(
    drawing: NDArray[np.uint8], color: Sequence[int], shift: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """Compose one premultiplied drawing (H, W, 4) with a plain colour; returns (3, H, W), see ``compose_batch``."""
    picture: NDArray[np.float32] = compose_batch(drawing[None], np.asarray([color]), np.asarray([shift]))[0]
    return picture


def compose_batch(
    drawings: NDArray[np.uint8], colors: NDArray[np.integer], shifts: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Compose premultiplied drawings with plain colours: ``drawing + (1 - alpha) * color``, in floating point.

    Integer arithmetic would round each soft edge twice and leave a faint ring around every drawing.

    Args:
        drawings: (B, H, W, 4), premultiplied, as ``draw_pictograms`` returns them.
        colors: (B, 3), red, green, blue, each 0 to 255.
        shifts: (B, 2), whole pixels to the right and down; what leaves the picture is cut off.

    Returns:
        (B, 3, H, W) in [-1, 1].
    """
    batch, height, width, _ = drawings.shape
    moved = np.zeros((batch, 4, height, width), dtype=np.float32)
    channels_first = drawings.transpose(0, 3, 1, 2)
    for target, source, (right, down) in zip(moved, channels_first, shifts.tolist(), strict=True):
        (to_y, from_y), (to_x, from_x) = _overlap(down, height), _overlap(right, width)
        target[:, to_y, to_x] = source[:, from_y, from_x]
    picture, alpha = moved[:, :3], moved[:, 3:]
    background = np.asarray(colors, dtype=np.float32)[:, :, None, None] / np.float32(127.5)
    picture *= np.float32(1 / 127.5)
    picture += alpha * (background * np.float32(-1 / 255)) + (background - 1)
    return picture


def _overlap(shift: int, length: int) -> tuple[slice, slice]:
    """Return the target and source ranges of an axis of ``length`` pixels that is shifted by ``shift``."""
    shift = max(-length, min(length, shift))
    return slice(max(0, shift), length + min(0, shift)), slice(max(0, -shift), length - max(0, shift))


def _open_font(font: Path) -> ImageFont.FreeTypeFont:
    try:
        # The basic layout engine: the other one depends on how Pillow was built, and single characters do not need it.
        face = ImageFont.truetype(str(font), STRIKE, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        reason = message(
            "needs the bitmap build of the font {family}, but {font} is not that build ({fault})",
            family=FAMILY,
            font=font,
            fault=error,
        )
        raise RecipeError(LIST, reason) from error
    if face.getname()[0] != FAMILY:
        reason = message(
            "needs the font {family}, but {font} is {other}",
            family=FAMILY,
            font=font,
            other=face.getname()[0],
        )
        raise RecipeError(LIST, reason)
    return face


def _draw_glyph(char: str, face: ImageFont.FreeTypeFont) -> NDArray[np.float32]:
    """Render one glyph; return (CANVAS, CANVAS, 4), premultiplied, 0 to 255.

    It is rendered on black and on white: on black it is the premultiplied colour itself, and the difference of the two
    is 255 minus alpha. This does not depend on how Pillow blends into a transparent picture.
    """
    on_black, on_white = (
        np.asarray(_draw_on(char, face, color), dtype=np.float32) for color in ((0, 0, 0), (255, 255, 255))
    )
    alpha = 255 - (on_white - on_black).mean(axis=2, keepdims=True)
    return np.concatenate([np.minimum(on_black, alpha), alpha], axis=2)


def _draw_on(char: str, face: ImageFont.FreeTypeFont, color: tuple[int, int, int]) -> Image.Image:
    canvas = Image.new("RGB", (CANVAS, CANVAS), color)
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
    """Return the font folders of common systems, the most likely first."""
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


def _below(folder: Path) -> list[Path]:
    """Return the font's files in subfolders of ``folder``; none if it cannot be read."""
    try:
        return sorted(folder.rglob(FONT_FILE))
    except OSError:
        return []
