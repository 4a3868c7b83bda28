"""The context menu of finished pictures, and the menu that saves a picture in a larger size."""

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
    from collections.abc import Callable, Mapping

    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


COMPARE_WITH = message("Compare with…")


class PictureMenu(QMenu):
    """Open, use the settings, compare, copy, show in folder, move to the trash."""

    def __init__(
        self, theme: Theme, slots: Mapping[str, Callable[[], object]], parent: QWidget | None = None
    ) -> None:
        """List the entries that ``slots`` has, by name: "open", "use", "compare", "copy", "folder", "trash"."""
        super().__init__(parent)
        self._actions: dict[str, QAction] = {}
        for name, icon, label, keys in (
            ("open", "maximize-2", tr("Open large"), "Enter"),
            ("use", "sliders-horizontal", tr("Use these settings"), ""),
            ("compare", "columns-2", tr(COMPARE_WITH), ""),
            ("", "", "", ""),
            ("copy", "copy", tr("Copy"), "Ctrl+C"),
            ("folder", "folder-open", tr("Show in folder"), ""),
            ("", "", "", ""),
            ("trash", "trash-2", tr("Move to the trash"), "Del"),
        ):
            if not name:
                self.addSeparator()
            elif name in slots:
                action = self.addAction(theme.icon(icon, "dim"), f"{label}\t{keys}" if keys else label)
                action.triggered.connect(slots[name])
                self._actions[name] = action

    def show_for(self, count: int, where: QPoint) -> None:
        """Open at a point of the screen for that many pictures."""
        for name in {"open", "use", "folder"} & self._actions.keys():
            self._actions[name].setEnabled(count == 1)
        self._actions["compare"].setText(tr(COMPARE_WITH) if count == 1 else compare_pictures(count))
        self._actions["compare"].setEnabled(count <= MAX_PANES)
        trash = tr("Move to the trash") if count == 1 else trash_pictures(count)
        self._actions["trash"].setText(f"{trash}\tDel")
        self.popup(where)


WAYS: Final = (
    (message("As it is…"), 1, True),
    (message("4 times as large, smooth…"), 4, True),
    (message("4 times as large, hard pixels…"), 4, False),
    (message("8 times as large, smooth…"), 8, True),
    (message("8 times as large, hard pixels…"), 8, False),
)


class SaveMenu(QMenu):
    """Saves a picture, enlarged on request.

    Signals:
        chosen: the factor of enlargement, and whether it is smooth.
    """

    chosen = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
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
    """Ask where to save a picture; return the path of the PNG file, or None if the user cancelled.

    Args:
        parent: the parent of the dialog.
        name: the suggested name of the file.
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
    """Return the suggested file name of a picture enlarged ``factor`` times."""
    return f"{stem}.png" if factor == 1 else f"{stem}-{factor}x.png"
