"""The queue: the running job, and the waiting ones, which can be reordered and removed, with undo."""

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
"""The `Job` of a row."""
RunsRole = Qt.ItemDataRole.UserRole + 2
"""Whether the job of a row is running."""
_MIME = "application/x-stepwise-job"


class QueueModel(QAbstractListModel):
    """Row 0 is the running job, if there is one, and cannot be moved; the others can."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._running: Job | None = None

    @property
    def running(self) -> Job | None:
        return self._running

    @property
    def waiting(self) -> tuple[Job, ...]:
        """The waiting jobs, the next one first."""
        return tuple(self._jobs[self._first :])

    @property
    def _first(self) -> int:
        """The row of the first waiting job."""
        return 1 if self._running is not None else 0

    def add(self, job: Job) -> None:
        """Append a waiting job."""
        row = len(self._jobs)
        self.beginInsertRows(QModelIndex(), row, row)
        self._jobs.append(job)
        self.endInsertRows()

    def start_next(self) -> Job | None:
        """Make the next job the running one and return it; None if none waits or one is running."""
        if self._running is not None or not self._jobs:
            return None
        self._running = self._jobs[0]
        self.dataChanged.emit(self.index(0), self.index(0))
        return self._running

    def finish(self) -> None:
        """Remove the running job, which is over."""
        if self._running is not None:
            self._running = None
            self._remove(0)

    def remove(self, job: Job) -> bool:
        """Remove a waiting job; return False if it is not waiting."""
        if job is self._running or job not in self._jobs:
            return False
        self._remove(self._jobs.index(job))
        return True

    def clear_waiting(self) -> None:
        """Remove all waiting jobs."""
        for job in self.waiting:
            self.remove(job)

    def move(self, job: Job, place: int) -> None:
        """Move a waiting job to ``place`` among the waiting jobs, from 0."""
        if job is self._running or job not in self._jobs:
            return
        old = self._jobs.index(job)
        new = max(self._first, min(self._first + place, len(self._jobs) - 1))
        if new == old:
            return
        # Qt expects the row before which the job is inserted, counted before it is removed.
        self.beginMoveRows(QModelIndex(), old, old, QModelIndex(), new + 1 if new > old else new)
        self._jobs.insert(new, self._jobs.pop(old))
        self.endMoveRows()

    def _remove(self, row: int) -> None:
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._jobs[row]
        self.endRemoveRows()

    # ------------------------------------------------------------------------------------------------ Qt's side
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
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
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual | Qt.ItemFlag.ItemIsDragEnabled if index.row() >= self._first else usual

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        if indexes:
            data.setData(_MIME, self._jobs[indexes[0].row()].id.encode())
        return data

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        """Move the dragged job to where it was dropped.

        Returns False: after True the view would remove the dragged row, which has moved already.
        """
        del action, column
        dragged = bytes(data.data(_MIME).data()).decode(errors="replace")
        job = next((job for job in self._jobs if job.id == dragged), None)
        if job is not None:
            target = row if row >= 0 else parent.row() if parent.isValid() else len(self._jobs)
            if self._jobs.index(job) < target and not parent.isValid():
                target -= 1  # dropped between two rows, counted while the job is still above them
            self.move(job, target - self._first)
        return False


def remove_job(job: Job, queue: QueueModel, notices: Notices, then: Callable[[], None]) -> bool:
    """Remove a waiting job from the queue, with a notice that offers Undo; return False if it does not wait.

    Args:
        job: the job.
        queue: the queue.
        notices: where to post the notice.
        then: called after Undo has put the job back.
    """
    if job not in queue.waiting:
        return False
    place = queue.waiting.index(job)
    queue.remove(job)
    put_back = partial(_put_back, job, place, queue, then)
    notices.post(tr("Removed from the queue."), action=tr("Undo"), act=put_back)
    return True


def _put_back(job: Job, place: int, queue: QueueModel, then: Callable[[], None]) -> None:
    queue.add(job)
    queue.move(job, place)
    then()
