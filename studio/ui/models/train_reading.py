"""Pictures of a training folder as training sees them. Any thread may read; numpy and Pillow come when one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QImage, QPainter

from studio.errors import StorageError
from studio.ui.core.images import to_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def read_square(path: Path, side: int) -> NDArray[np.uint8]:
    """Return a picture's middle square, resized: uint8 (side, side, 3), read-only.

    Raises:
        StorageError: there is nothing to learn from it; the sentence says why.
    """
    # Late, as everywhere in the window: they bring numpy and Pillow.
    import numpy as np  # noqa: PLC0415

    from studio.training import picture_files  # noqa: PLC0415

    try:
        pixels = np.ascontiguousarray(picture_files.read_square(path, side).transpose(1, 2, 0))
    except picture_files.UnusablePictureError as error:
        raise StorageError(path, str(error)) from error
    pixels.flags.writeable = False
    return pixels


def make_tile(path: Path, side: int, radius: float) -> QImage | str:
    """Return the tile of a picture with round corners, or a sentence on why there is none."""
    try:
        picture = to_image(read_square(path, side))
    except StorageError as error:
        return str(error)
    tile = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(picture))
    painter.drawRoundedRect(tile.rect(), radius, radius)
    painter.end()
    return tile
