"""The context menu of finished pictures, and the menu of sizes in which a picture can be saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, QStandardPaths, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

from studio.engine.requests.compare import MAX_PANES
from studio.messages import message
from studio.ui.jobs.text import compare_pictures, trash_pictures
from studio.ui.language import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


COMPARE_WITH = message("Compare with…")


class PictureMenu(QMenu):
    """Open, use the settings, compare, copy, show in folder, throw away.

    Signals:
        open_requested: the picture is to be shown large.
        settings_requested: its settings are to fill the form.
        compare_requested: their recorded runs are to lie side by side.
        copy_requested: the pictures are to be copied.
        folder_requested: the picture's folder is to be shown.
        trash_requested: the pictures are to be thrown away.
    """

    open_requested = Signal()
    settings_requested = Signal()
    compare_requested = Signal()
    copy_requested = Signal()
    folder_requested = Signal()
    trash_requested = Signal()

    def __init__(self, theme: Theme, *, opens: bool, parent: QWidget | None = None) -> None:
        """Make the menu; ``opens`` offers to open a picture large."""
        super().__init__(parent)
        self._open = (
            self._add(theme, "maximize-2", tr("Open large") + "\tEnter", self._on_open) if opens else None
        )
        self._use = self._add(theme, "sliders-horizontal", tr("Use these settings"), self._on_use)
        self._compare = self._add(theme, "columns-2", tr(COMPARE_WITH), self._on_compare)
        self.addSeparator()
        self._add(theme, "copy", tr("Copy") + "\tCtrl+C", self._on_copy)
        self._folder = self._add(theme, "folder-open", tr("Show in folder"), self._on_folder)
        self.addSeparator()
        self._trash = self._add(theme, "trash-2", tr("Move to the trash") + "\tDel", self._on_trash)

    def show_for(self, count: int, where: QPoint) -> None:
        """Open at a point of the screen for that many pictures."""
        for action in (self._open, self._use, self._folder):
            if action is not None:
                action.setEnabled(count == 1)
        self._compare.setText(tr(COMPARE_WITH) if count == 1 else compare_pictures(count))
        self._compare.setEnabled(count <= MAX_PANES)
        what = tr("Move to the trash") if count == 1 else trash_pictures(count)
        self._trash.setText(f"{what}\tDel")
        self.popup(where)

    def _add(self, theme: Theme, icon: str, text: str, slot: object) -> QAction:
        action = self.addAction(theme.icon(icon, "dim"), text)
        action.triggered.connect(slot)
        return action

    @Slot()
    def _on_open(self) -> None:
        self.open_requested.emit()

    @Slot()
    def _on_use(self) -> None:
        self.settings_requested.emit()

    @Slot()
    def _on_compare(self) -> None:
        self.compare_requested.emit()

    @Slot()
    def _on_copy(self) -> None:
        self.copy_requested.emit()

    @Slot()
    def _on_folder(self) -> None:
        self.folder_requested.emit()

    @Slot()
    def _on_trash(self) -> None:
        self.trash_requested.emit()


WAYS: Final = (
    (message("As it is…"), 1, True),
    (message("4 times as large, smooth…"), 4, True),
    (message("4 times as large, hard pixels…"), 4, False),
    (message("8 times as large, smooth…"), 8, True),
    (message("8 times as large, hard pixels…"), 8, False),
)


class SaveMenu(QMenu):
    """Save the picture that is looked at.

    Signals:
        chosen: how many times as large, and whether it is smooth between the pixels.
    """

    chosen = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        """List the ways."""
        super().__init__(tr("Save this picture"), parent)
        self.ways: dict[QAction, tuple[int, bool]] = {}
        for text, factor, smooth in WAYS:
            action = self.addAction(tr(text))
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
        parent, tr("Save this picture"), str(Path(folder) / name), tr("PNG (*.png)")
    )
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix.lower() == ".png" else path.with_name(f"{path.name}.png")


def enlarged_name(stem: str, factor: int) -> str:
    """Return what a saved picture may be called."""
    return f"{stem}.png" if factor == 1 else f"{stem}-{factor}x.png"
