"""Saving what is seen as one sheet: what is on it, and the system's own question where it is to go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog

from studio.ui.core.sheet_writer import Labelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtWidgets import QWidget

    from studio.ui.compare.paint import Face

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


def labelled(faces: Iterable[Face]) -> list[Labelled]:
    """Return the pictures that are seen, with their words."""
    return [
        Labelled(
            pixels=face.pixels,
            lines=(face.name, face.where, ", ".join(filter(None, (face.cost, face.gap)))),
        )
        for face in faces
        if face.pixels is not None
    ]
