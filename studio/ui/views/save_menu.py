"""The menu of how large a picture is saved, and the system's own question where to put it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QStandardPaths, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

WAYS: Final = (
    ("As it is…", 1, True),
    ("4 times as large, smooth…", 4, True),
    ("4 times as large, hard pixels…", 4, False),
    ("8 times as large, smooth…", 8, True),
    ("8 times as large, hard pixels…", 8, False),
)


class SaveMenu(QMenu):
    """Save the picture that is looked at.

    Signals:
        chosen: how many times as large, and whether it is smooth between the pixels.
    """

    chosen = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        """List the ways."""
        super().__init__("Save this picture", parent)
        self.ways: dict[QAction, tuple[int, bool]] = {}
        for text, factor, smooth in WAYS:
            action = self.addAction(text)
            self.ways[action] = factor, smooth
            action.triggered.connect(self._on_triggered)

    @Slot()
    def _on_triggered(self) -> None:
        sender = self.sender()
        for action, way in self.ways.items():
            if action is sender:
                self.chosen.emit(*way)


def ask_where(parent: QWidget | None, name: str) -> Path | None:
    """Return the PNG file that the user wants a picture to be; None where none.

    Args:
        parent: who asks.
        name: of the file, as it is suggested.
    """
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    chosen, _ = QFileDialog.getSaveFileName(
        parent, "Save this picture", str(Path(folder) / name), "PNG (*.png)"
    )
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix.lower() == ".png" else path.with_name(f"{path.name}.png")


def enlarged_name(stem: str, factor: int) -> str:
    """Return what a saved picture may be called."""
    return f"{stem}.png" if factor == 1 else f"{stem}-{factor}x.png"
