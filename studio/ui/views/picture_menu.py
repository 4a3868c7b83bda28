"""The one menu of finished pictures: made once for a view, and asked anew each time for what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtWidgets import QMenu

from studio.engine.compare import MAX_PANES

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


COMPARE_WITH = "Compare with…"


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
        self._open = self._add(theme, "maximize-2", "Open large\tEnter", self._on_open) if opens else None
        self._use = self._add(theme, "sliders-horizontal", "Use these settings", self._on_use)
        self._compare = self._add(theme, "columns-2", COMPARE_WITH, self._on_compare)
        self.addSeparator()
        self._add(theme, "copy", "Copy\tCtrl+C", self._on_copy)
        self._folder = self._add(theme, "folder-open", "Show in folder", self._on_folder)
        self.addSeparator()
        self._trash = self._add(theme, "trash-2", "Move to the trash\tDel", self._on_trash)

    def show_for(self, count: int, where: QPoint) -> None:
        """Open at a point of the screen for that many pictures."""
        for action in (self._open, self._use, self._folder):
            if action is not None:
                action.setEnabled(count == 1)
        self._compare.setText(COMPARE_WITH if count == 1 else f"Compare {count} pictures")
        self._compare.setEnabled(count <= MAX_PANES)
        what = "Move to the trash" if count == 1 else f"Move {count} pictures to the trash"
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
