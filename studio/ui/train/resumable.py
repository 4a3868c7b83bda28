"""The trainings that were stopped or cut off and can go on.

The trainings that can go on, each with a button.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.engine.training.resumable import ResumableTraining, resumable
from studio.ui.core.background import Background
from studio.ui.theme.metrics import GAP
from studio.ui.train import text as words
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.errors import StudioError
    from studio.folders import Folders
    from studio.ui.theme.theme import Theme
    from studio.ui.train.model import TrainRun


class Resumables(QObject):
    """Looks for them in the background.

    Attributes:
        trainings: the latest first.

    Signals:
        changed: there are others.
    """

    changed = Signal()

    def __init__(self, folders: Folders, parent: QObject | None = None) -> None:
        """Begin with none known."""
        super().__init__(parent)
        self.trainings: tuple[ResumableTraining, ...] = ()
        self._folders = folders
        self._background = Background(self)

    @Slot()
    def reload(self) -> None:
        """Look again."""
        self._background.do(partial(resumable, self._folders), self._on_read, self._on_failed, key="read")

    def close(self) -> None:
        """Look no more."""
        self._background.close()

    def _on_read(self, trainings: tuple[ResumableTraining, ...]) -> None:
        if trainings != self.trainings:
            self.trainings = trainings
            self.changed.emit()

    def _on_failed(self, error: StudioError) -> None:
        """Leave the list as it is: that a disk is gone is told where something is to be read from it."""
        del error


MOST = 6


class ResumablesView(QWidget):
    """Shows `Resumables` but for those that run or wait already.

    Signals:
        resume_requested: this `ResumableTraining` is to go on.
    """

    resume_requested = Signal(object)

    def __init__(
        self, theme: Theme, resumables: Resumables, run: TrainRun, parent: QWidget | None = None
    ) -> None:
        """Show nothing as long as there is none."""
        super().__init__(parent)
        self._theme, self._resumables, self._run = theme, resumables, run
        self._shown: tuple[ResumableTraining, ...] = ()
        self.rows: list[ResumableRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._column.addWidget(PlainLabel(theme, "Unfinished trainings", kind="label", role="dim"))
        resumables.changed.connect(self._on_changed)
        run.changed.connect(self._on_changed)
        self.hide()
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        run = self._run
        busy = {training.request.name for training in run.waiting}
        if run.training is not None and not run.over:
            busy.add(run.training.request.name)
        shown = tuple(one for one in self._resumables.trainings if one.name not in busy)[:MOST]
        self.setVisible(bool(shown))
        if shown == self._shown:
            return
        self._shown = shown
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [ResumableRow(self._theme, training) for training in shown]
        for row in self.rows:
            row.resume_requested.connect(self.resume_requested)
            self._column.addWidget(row)


class ResumableRow(QWidget):
    """One of them.

    Signals:
        resume_requested: the `ResumableTraining` is to go on.
    """

    resume_requested = Signal(object)

    def __init__(self, theme: Theme, training: ResumableTraining) -> None:
        """Tell where it stands."""
        super().__init__()
        self._training = training
        self.resume = TextButton(theme, "Resume", icon="play")
        self.resume.setAccessibleName(f"Resume {training.name}")
        set_tip(self.resume, f"Go on training {training.name} where it stands")
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(PlainLabel(theme, training.request.title or training.name, elide=True))
        stands = words.stands(training, time.time())
        lines.addWidget(PlainLabel(theme, stands, kind="label", role="dim", elide=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(lines, 1)
        row.addWidget(self.resume)
        self.resume.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        self.resume_requested.emit(self._training)
