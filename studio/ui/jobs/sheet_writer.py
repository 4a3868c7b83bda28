"""Saves several pictures as one labelled PNG, a sheet: the file dialog, and the writing in another thread."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths
from PySide6.QtWidgets import QFileDialog

from studio.storage import write_file
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from studio.errors import StudioError
    from studio.ui.core.background import Background
    from studio.ui.core.notices import Notices


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """One picture of a sheet.

    Attributes:
        pixels: uint8 (H, W, 3), or the file to read them from; None leaves an empty cell.
        lines: the texts below the picture.
    """

    pixels: NDArray[np.uint8] | Path | None
    lines: tuple[str, ...]


class SheetWriter(QObject):
    """Writes sheets one after another and posts a notice for each."""

    def __init__(self, notices: Notices, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notices, self._background = notices, background

    def write(self, path: Path, pictures: Sequence[Labelled], columns: int, title: str) -> None:
        """Write pictures in rows of ``columns`` below a title; an existing file is replaced."""
        work = partial(_write, path, tuple(pictures), columns, title)
        self._background.do(work, self._on_written, self._on_failed)

    def _on_written(self, path: Path) -> None:
        self._notices.post(tr("Saved as {path}.", path=path))

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(tr("The pictures could not be saved: {error}", error=error.message), kind="error")


def _write(path: Path, pictures: tuple[Labelled, ...], columns: int, title: str) -> Path:
    # By name: they bring Pillow, which the window opens without.
    sheet = importlib.import_module("studio.gallery.export")
    files = importlib.import_module("studio.gallery.images")
    side = sheet.max_picture_side(len(pictures), columns)
    cells = []
    for one in pictures:
        pixels = files.read_pixels(one.pixels, side) if isinstance(one.pixels, Path) else one.pixels
        if pixels is None:
            pixels = sheet.placeholder(side)
        cells.append(sheet.Cell(pixels=pixels, lines=one.lines))
    write_file(path, sheet.draw_sheet(cells, columns, title))
    return path


SUFFIX = ".png"
_MAX_NAME = 60


def ask_for_sheet(parent: QWidget, title: str) -> Path | None:
    """Ask for the file of a sheet; return None if the dialog is cancelled.

    Args:
        parent: parent of the dialog.
        title: text that the suggested file name is made from.
    """
    plain = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
    name = "-".join(filter(None, plain.split("-")))[:_MAX_NAME].rstrip("-") or "pictures"
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    suggested = str(Path(folder) / f"{name}{SUFFIX}")
    chosen, _ = QFileDialog.getSaveFileName(parent, tr("Save as one picture"), suggested, tr("PNG (*.png)"))
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
