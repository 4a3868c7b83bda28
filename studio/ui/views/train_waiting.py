"""The trainings that come after the one that runs, each with a button that takes it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from studio.ui.core.job import Training
    from studio.ui.models.train_run import TrainRun
    from studio.ui.theme.theme import Theme


class WaitingView(QWidget):
    """Shows the trainings that wait.

    Signals:
        removed: this `Training` is not wanted any more.
    """

    removed = Signal(object)

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        """Show those of ``run``."""
        super().__init__(parent)
        self._theme, self._run = theme, run
        self._shown: tuple[Training, ...] = ()
        self.rows: list[_Row] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)
        run.changed.connect(self._on_changed)
        self.hide()
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        waiting = self._run.waiting
        self.setVisible(bool(waiting))
        if waiting == self._shown:
            return
        self._shown = waiting
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [_Row(self._theme, training) for training in waiting]
        for row in self.rows:
            row.removed.connect(self.removed)
            self._column.addWidget(row)


class _Row(QWidget):
    removed = Signal(object)

    def __init__(self, theme: Theme, training: Training) -> None:
        super().__init__()
        self._training = training
        name = training.request.title or training.request.name
        self.remove = IconButton(theme, "x", f"Do not train {name}", kind="quiet", role="dim")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(PlainLabel(theme, "Next", kind="label", role="dim"))
        row.addWidget(PlainLabel(theme, f"{name}, when this training is over", elide=True), 1)
        row.addWidget(self.remove)
        self.remove.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        self.removed.emit(self._training)
