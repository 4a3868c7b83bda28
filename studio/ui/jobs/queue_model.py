"""The queue: the running job and the waiting ones, which can be moved, removed and restored."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt

from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.ui.core.job import Job
    from studio.ui.core.notices import Notices


Index = QModelIndex | QPersistentModelIndex

JobRole = Qt.ItemDataRole.UserRole + 1
"""The `Job`."""
RunsRole = Qt.ItemDataRole.UserRole + 2
"""Whether it is the one that runs."""
_MIME = "application/x-stepwise-job"


class QueueModel(QAbstractListModel):
    """Row 0 is the running job, if there is one; it stays where it is. The others can be reordered."""

    def __init__(self, parent: QObject | None = None) -> None:
        """Begin empty."""
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._running: Job | None = None

    @property
    def running(self) -> Job | None:
        """The job that runs."""
        return self._running

    @property
    def waiting(self) -> tuple[Job, ...]:
        """The jobs that wait, the next one first."""
        return tuple(self._jobs[self._first :])

    @property
    def _first(self) -> int:
        """The row of the first job that waits."""
        return 1 if self._running is not None else 0

    def add(self, job: Job) -> None:
        """Have a job wait behind the others."""
        row = len(self._jobs)
        self.beginInsertRows(QModelIndex(), row, row)
        self._jobs.append(job)
        self.endInsertRows()

    def start_next(self) -> Job | None:
        """Make the next job the running one and return it; None where none waits or one runs already."""
        if self._running is not None or not self._jobs:
            return None
        self._running = self._jobs[0]
        self.dataChanged.emit(self.index(0), self.index(0))
        return self._running

    def finish(self) -> None:
        """The running job is over."""
        if self._running is not None:
            self._running = None
            self._remove(0)

    def remove(self, job: Job) -> bool:
        """Take a job that waits out; False where it does not wait (any more)."""
        if job is self._running or job not in self._jobs:
            return False
        self._remove(self._jobs.index(job))
        return True

    def clear_waiting(self) -> None:
        """Take out every job that waits."""
        for job in self.waiting:
            self.remove(job)

    def move(self, job: Job, place: int) -> None:
        """Put a job that waits at a place among those that wait, from 0."""
        if job is self._running or job not in self._jobs:
            return
        old = self._jobs.index(job)
        new = max(self._first, min(self._first + place, len(self._jobs) - 1))
        if new == old:
            return
        # Qt counts the row before which it goes, while the old one is still there.
        self.beginMoveRows(QModelIndex(), old, old, QModelIndex(), new + 1 if new > old else new)
        self._jobs.insert(new, self._jobs.pop(old))
        self.endMoveRows()

    def _remove(self, row: int) -> None:
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._jobs[row]
        self.endRemoveRows()

    # ------------------------------------------------------------------------------------------------ Qt's side
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        """Return how many jobs there are."""
        return 0 if parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Return what a role means for a job."""
        if not index.isValid() or index.row() >= len(self._jobs):
            return None
        job = self._jobs[index.row()]
        if role == JobRole:
            return job
        if role == RunsRole:
            return job is self._running
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return job.lead.prompt or tr("(no prompt)")
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a row: jobs that wait can be dragged."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual | Qt.ItemFlag.ItemIsDragEnabled if index.row() >= self._first else usual

    def supportedDropActions(self) -> Qt.DropAction:
        """Return that jobs are moved, never copied."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """Return what a dragged job is."""
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Return the id of the job that is dragged."""
        data = QMimeData()
        if indexes:
            data.setData(_MIME, self._jobs[indexes[0].row()].id.encode())
        return data

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        """Move the dragged job to where it was dropped.

        Always False: after True the view removes the row that was dragged, which has only moved.
        """
        del action, column
        dragged = bytes(data.data(_MIME).data()).decode(errors="replace")
        job = next((job for job in self._jobs if job.id == dragged), None)
        if job is not None:
            target = row if row >= 0 else parent.row() if parent.isValid() else len(self._jobs)
            if self._jobs.index(job) < target and not parent.isValid():
                target -= 1  # between two rows, counted while it still stands before them
            self.move(job, target - self._first)
        return False


def take_out(job: Job, queue: QueueModel, notices: Notices, then: Callable[[], None]) -> bool:
    """Take a job that waits out of the queue, and tell with a way back; False where it does not wait.

    Args:
        job: the job.
        queue: where it waits.
        notices: where to tell.
        then: what is to be done once it is back.
    """
    if job not in queue.waiting:
        return False
    place = queue.waiting.index(job)
    queue.remove(job)
    put_back = partial(_put_back, job, place, queue, then)
    notices.post(tr("Taken out of the queue."), action=tr("Undo"), act=put_back)
    return True


def _put_back(job: Job, place: int, queue: QueueModel, then: Callable[[], None]) -> None:
    queue.add(job)
    queue.move(job, place)
    then()
