"""The steps of the picture that is looked at, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot

from studio.ui.images import to_image

if TYPE_CHECKING:
    from studio.runs.record import PictureRecord
    from studio.ui.models.run import RunModel

Index = QModelIndex | QPersistentModelIndex

StepRole = Qt.ItemDataRole.UserRole + 1
"""The `StepDone`."""
FrameRole = Qt.ItemDataRole.UserRole + 2
"""Its frame as a QImage, or None where none is there yet; asking for it has it decoded."""


class FilmstripModel(QAbstractListModel):
    """A row for each step that is kept, oldest first."""

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        """Show the steps of ``run``'s picture."""
        super().__init__(parent)
        self._run = run
        self._picture: PictureRecord | None = None
        self._thinned = 0
        self._count = 0
        run.steps_changed.connect(self._on_steps_changed)
        run.selection_changed.connect(self._on_selection_changed)
        run.frame_decoded.connect(self._on_frame_decoded)
        self._what = run.what

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        """Return how many steps there are."""
        return 0 if parent.isValid() else self._count

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Return what a role means for a step."""
        if not index.isValid() or self._picture is None or index.row() >= self._count:
            return None
        done = self._picture.steps[index.row()]
        if role == StepRole:
            return done
        if role == FrameRole:
            pixels = self._picture.frame(done, self._what)
            if pixels is None:
                self._run.request_frame(done)
                return None
            return to_image(pixels)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Step {done.step} of {done.steps}, noise level {done.sigma:.2f}"
        return None

    def row_of(self, step: int | None) -> int:
        """Return the row of a step's number; the last row for None; -1 where there is none."""
        if step is None or self._picture is None:
            return self._count - 1
        return next((row for row in range(self._count) if self._picture.steps[row].step == step), -1)

    @Slot()
    def _on_steps_changed(self) -> None:
        picture = self._run.picture
        thinned = picture.thinned if picture is not None else 0
        if picture is not self._picture or thinned != self._thinned:
            self.beginResetModel()
            self._picture, self._thinned = picture, thinned
            self._count = len(picture.steps) if picture is not None else 0
            self.endResetModel()
            return
        there = len(picture.steps) if picture is not None else 0
        if there > self._count:
            self.beginInsertRows(QModelIndex(), self._count, there - 1)
            self._count = there
            self.endInsertRows()
        elif self._count and thinned:  # a thinned record's newest step gives way to the next
            last = self.index(self._count - 1)
            self.dataChanged.emit(last, last)

    @Slot()
    def _on_selection_changed(self) -> None:
        if self._run.what != self._what:
            self._what = self._run.what
            if self._count:
                self.dataChanged.emit(self.index(0), self.index(self._count - 1))

    @Slot(int)
    def _on_frame_decoded(self, step: int) -> None:
        row = self.row_of(step)
        if row >= 0:
            self.dataChanged.emit(self.index(row), self.index(row))
