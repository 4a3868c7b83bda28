"""The menu of what can be made of a picture and its run, and the system's own question where to put it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QStandardPaths, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

from studio.ui.jobs.picture_menu import SaveMenu, ask_where, enlarged_name

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from studio.gallery.film import ExportKind
    from studio.ui.models.exporting import ExportModel
    from studio.ui.theme.theme import Theme

KINDS: Final[tuple[tuple[ExportKind, str, str, str], ...]] = (
    ("webp", "Animated WebP…", ".webp", "Animated WebP (*.webp)"),
    ("gif", "GIF…", ".gif", "GIF (*.gif)"),
    ("sheet", "Contact sheet…", ".png", "PNG (*.png)"),
)


class ExportMenu(QMenu):
    """Save the picture that is looked at, or export its run."""

    def __init__(self, theme: Theme, model: ExportModel, parent: QWidget | None = None) -> None:
        """Export with ``model``."""
        super().__init__(parent)
        self._model = model
        self.save = SaveMenu(self)
        self.save.setIcon(theme.icon("image", "dim"))
        self.save.chosen.connect(self._on_save)
        self.addMenu(self.save)
        self.addSeparator()
        self.kinds: dict[ExportKind, QAction] = {}
        icons = {"webp": "play", "gif": "play", "sheet": "grid-3x3"}
        for kind, text, _, _ in KINDS:
            action = self.kinds[kind] = self.addAction(theme.icon(icons[kind], "dim"), text)
            action.triggered.connect(self._on_triggered)
        self.addSeparator()
        self.captions = self.addAction("With captions")
        self.captions.setCheckable(True)
        self.captions.setChecked(True)

    @Slot()
    def _on_triggered(self) -> None:
        sender = self.sender()
        for kind, _, suffix, kind_filter in KINDS:
            if sender is self.kinds[kind]:
                self._ask(kind, suffix, kind_filter)

    @Slot(int, bool)
    def _on_save(self, factor: int, smooth: bool) -> None:
        path = ask_where(self.parentWidget(), enlarged_name(self._model.name, factor))
        if path is not None:
            self._model.save_picture(path, factor, smooth=smooth)

    def _ask(self, kind: ExportKind, suffix: str, kind_filter: str) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        suggested = str(Path(folder) / f"{self._model.name}{suffix}")
        chosen, _ = QFileDialog.getSaveFileName(self.parentWidget(), "Export run", suggested, kind_filter)
        if chosen:
            path = Path(chosen)
            path = path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)
            self._model.export(kind, path, captions=self.captions.isChecked())
