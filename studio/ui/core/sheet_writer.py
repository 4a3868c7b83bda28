"""Saves several pictures as one labelled sheet: the file dialog, and the writing in another thread."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths
from PySide6.QtWidgets import QFileDialog

from studio.storage import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from studio.errors import StudioError
    from studio.ui.compare.paint import RunCard
    from studio.ui.core.background import Background
    from studio.ui.core.notices import Notices


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """One picture of a sheet.

    Attributes:
        pixels: uint8 (H, W, 3), or the file that they are read from; None leaves its place empty.
        lines: what is written beneath it.
    """

    pixels: NDArray[np.uint8] | Path | None
    lines: tuple[str, ...]


class SheetWriter(QObject):
    """Writes sheets one after another, and tells how it went."""

    def __init__(self, notices: Notices, background: Background, parent: QObject | None = None) -> None:
        """Write in the ``background``, and tell by ``notices``."""
        super().__init__(parent)
        self._notices, self._background = notices, background

    def write(self, path: Path, pictures: Sequence[Labelled], columns: int, title: str) -> None:
        """Write pictures in rows of ``columns`` under a title; a file of that name is replaced."""
        work = partial(_write, path, tuple(pictures), columns, title)
        self._background.do(work, self._on_written, self._on_failed)

    def _on_written(self, path: Path) -> None:
        self._notices.post(f"Saved as {path}.")

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(f"The pictures could not be saved: {error}", kind="error")


def _write(path: Path, pictures: tuple[Labelled, ...], columns: int, title: str) -> Path:
    # By name: they bring Pillow, which the window opens without.
    sheet = importlib.import_module("studio.gallery.export")
    files = importlib.import_module("studio.gallery.images")
    side = sheet.most_side(len(pictures), columns)
    cells = []
    for one in pictures:
        pixels = files.read_pixels(one.pixels, side) if isinstance(one.pixels, Path) else one.pixels
        if pixels is None:
            pixels = sheet.empty(side)
        cells.append(sheet.Cell(pixels=pixels, lines=one.lines))
    write_file(path, sheet.draw_sheet(cells, columns, title))
    return path


SUFFIX = ".png"
_LONGEST = 60


def ask_for_sheet(parent: QWidget, words: str) -> Path | None:
    """Return where a sheet is to go, or None where nobody wants it any more.

    Args:
        parent: what the question belongs to.
        words: what the file may be called after.
    """
    plain = "".join(letter if letter.isalnum() else "-" for letter in words.lower())
    name = "-".join(filter(None, plain.split("-")))[:_LONGEST].rstrip("-") or "pictures"
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    suggested = str(Path(folder) / f"{name}{SUFFIX}")
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save as one picture", suggested, "PNG (*.png)")
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)


def labelled(faces: Iterable[RunCard]) -> list[Labelled]:
    """Return the pictures that are seen, with their words."""
    return [
        Labelled(
            pixels=face.pixels,
            lines=(face.name, face.where, ", ".join(filter(None, (face.cost, face.gap)))),
        )
        for face in faces
        if face.pixels is not None
    ]
