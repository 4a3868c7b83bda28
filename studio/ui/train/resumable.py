"""Resuming a training: the list of trainings that were stopped or interrupted, each with a button that resumes it.

It is read from the notes that the engine writes beside the state of each training (`studio.engine.training.resumable`).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.engine.training.resumable import ResumableTraining, resumable
from studio.ui.core.background import Background
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP
from studio.ui.train import text
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.errors import StudioError
    from studio.folders import Folders
    from studio.ui.theme.theme import Theme
    from studio.ui.train.run import TrainRun


class Resumables(QObject):
    """Finds unfinished trainings in the background.

    Attributes:
        trainings: newest first.

    Signals:
        changed: `trainings` has changed.
    """

    changed = Signal()

    def __init__(self, folders: Folders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.trainings: tuple[ResumableTraining, ...] = ()
        self._folders = folders
        self._background = Background(self)

    @Slot()
    def reload(self) -> None:
        self._background.do(partial(resumable, self._folders), self._on_read, self._on_failed, key="read")

    def close(self) -> None:
        self._background.close()

    def _on_read(self, trainings: tuple[ResumableTraining, ...]) -> None:
        if trainings != self.trainings:
            self.trainings = trainings
            self.changed.emit()

    def _on_failed(self, error: StudioError) -> None:
        """Keep the list: a missing disk is reported when something is read from it."""
        del error


MAX_ROWS = 6


class ResumablesView(QWidget):
    """Lists the `Resumables` that are not running or in the queue; hidden while there is none.

    Signals:
        resume_requested: resume this `ResumableTraining`.
    """

    resume_requested = Signal(object)

    def __init__(
        self, theme: Theme, resumables: Resumables, run: TrainRun, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._resumables, self._run = theme, resumables, run
        self._shown: tuple[ResumableTraining, ...] = ()
        self.rows: list[ResumableRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._column.addWidget(PlainLabel(theme, tr("Unfinished trainings"), kind="label", role="dim"))
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
        shown = tuple(one for one in self._resumables.trainings if one.name not in busy)[:MAX_ROWS]
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
    """One unfinished training: its name, its last step and Resume.

    Signals:
        resume_requested: resume this `ResumableTraining`.
    """

    resume_requested = Signal(object)

    def __init__(self, theme: Theme, training: ResumableTraining) -> None:
        super().__init__()
        self._training = training
        self.resume = TextButton(theme, tr("Resume"), icon="play")
        self.resume.setAccessibleName(text.resume_name(training.name))
        set_tip(self.resume, text.resume_tip(training.name))
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(PlainLabel(theme, training.request.title or training.name, elide=True))
        last_step = text.last_step(training, time.time())
        lines.addWidget(PlainLabel(theme, last_step, kind="label", role="dim", elide=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(lines, 1)
        row.addWidget(self.resume)
        self.resume.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        self.resume_requested.emit(self._training)
