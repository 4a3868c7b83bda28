"""A folder of the program: what it is for, where it is, and a button that opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.errors import StorageError
from studio.folders import ensure
from studio.ui.theme.metrics import PADDING
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.text_button import TextButton

if TYPE_CHECKING:
    from pathlib import Path

    from studio.ui.theme.theme import Theme


def open_folder(path: Path) -> str:
    """Show a folder in the system's file manager; it is made if need be.

    Returns:
        Why it cannot be shown, a sentence; "" where it is.
    """
    try:
        ensure(path)
    except StorageError as error:
        return str(error)
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        return f"This system has no program that shows folders; this one is {path}."
    return ""


class FolderRow(QWidget):
    """One folder."""

    failed = Signal(str)
    """It cannot be shown: a sentence; "" once it can."""

    def __init__(self, theme: Theme, label: str, path: Path, parent: QWidget | None = None) -> None:
        """Name the folder and its place."""
        super().__init__(parent)
        self._path = path
        self.place = PlainLabel(theme, str(path), wrap=True)
        self.place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.place.setAccessibleName(f"{label}: {path}")
        self.open = TextButton(theme, "Open", icon="folder-open")
        self.open.setAccessibleName(f"Open the folder of {label.lower()}")
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(PlainLabel(theme, label, kind="label", role="dim"))
        words.addWidget(self.place)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(PADDING)
        row.addLayout(words, 1)
        row.addWidget(self.open, 0, Qt.AlignmentFlag.AlignVCenter)
        self.open.clicked.connect(self._on_open_clicked)

    @Slot()
    def _on_open_clicked(self) -> None:
        self.failed.emit(open_folder(self._path))
