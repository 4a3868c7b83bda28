"""A word on the training that goes on, at the window's foot; it leads to its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from studio.ui.train import text as words
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.labels import set_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme
    from studio.ui.train.model import TrainRun


class TrainStatus(TextButton):
    """Seen while a training runs, or waits for a picture."""

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        """Tell of ``run``."""
        super().__init__(theme, "", kind="quiet", parent=parent)
        self._run = run
        self.setFont(theme.font("label"))
        set_tip(self, "Show the training (Ctrl+5)")
        run.changed.connect(self._on_changed)
        run.stepped.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        run = self._run
        self.setVisible(not run.over)
        if not run.over:
            text = words.running_status(run)
            if text != self.text():
                self.setText(text)
                self.updateGeometry()
                self.update()
