"""The trainings that were stopped or cut off and can go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.resumable import ResumableTraining, resumable
from studio.ui.core.background import Background

if TYPE_CHECKING:
    from studio.errors import StudioError
    from studio.folders import Folders


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
