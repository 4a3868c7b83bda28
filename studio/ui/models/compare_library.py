"""The recorded runs to choose from: a list that can be searched, and the two to six that are to lie side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot

from studio.engine.compare import MAX_PANES, MIN_PANES
from studio.ui.core.background import Background
from studio.ui.jobs.recorded_runs import NOT_RECORDED
from studio.ui.models.compare_stored import comparison_of, list_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QObject

    from studio.errors import StudioError
    from studio.folders import Folders
    from studio.gallery.catalogue import Catalogue
    from studio.gallery.entry import Entry
    from studio.runs.store import RunStore
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.compare_stored import Recorded

Index = QModelIndex | QPersistentModelIndex
RecordedRole = Qt.ItemDataRole.UserRole + 1
"""The `Recorded` of a row."""
PlaceRole = Qt.ItemDataRole.UserRole + 2
"""Its place among those that are chosen, from 0; None where it is not."""


class CompareLibrary(QAbstractListModel):
    """A row for each recorded run that matches the search, newest first.

    Attributes:
        chosen: the ids of the runs that are to be compared, in the order of their panes.

    Signals:
        changed: other runs are chosen, or listed.
        opened: the chosen runs are side by side, a `Course`.
        failed: they cannot be, or no more can be chosen: a sentence.
        offered: a run is chosen and waits for others: the list is to be seen.
    """

    changed = Signal()
    opened = Signal(object)
    failed = Signal(str)
    offered = Signal()

    def __init__(
        self, store: RunStore, catalogue: Catalogue, folders: Folders, parent: QObject | None = None
    ) -> None:
        """List the runs of ``store``; nothing is read before `reload`."""
        super().__init__(parent)
        self._store, self._catalogue, self._folders = store, catalogue, folders
        self._background = Background(self)
        self._all: tuple[Recorded, ...] = ()
        self._rows: tuple[Recorded, ...] = ()
        self._text = ""
        self.loaded = False
        self.chosen: tuple[str, ...] = ()

    # ------------------------------------------------------------------------------------------------ the list's side
    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many runs match."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Return the run of a row, and what it is called."""
        if not self.checkIndex(index, QAbstractListModel.CheckIndexOption.IndexIsValid):
            return None
        found = self._rows[index.row()]
        if role == RecordedRole:
            return found
        if role == PlaceRole:
            return self.chosen.index(found.run) if found.run in self.chosen else None
        if role == Qt.ItemDataRole.DisplayRole:
            return found.request.prompt
        return None

    @property
    def text(self) -> str:
        """What is searched for; "" lists all."""
        return self._text

    @property
    def can_open(self) -> bool:
        """Whether enough runs are chosen."""
        return len(self.chosen) >= MIN_PANES

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def reload(self) -> None:
        """Read the list again."""
        work = partial(list_recorded, self._store, self._catalogue)
        self._background.do(work, self._on_listed, self._on_failed, key="list")

    @Slot(str)
    def search(self, text: str) -> None:
        """List only the runs whose prompt or model holds every word."""
        if text != self._text:
            self._text = text
            self._list()

    def choose(self, runs: Sequence[str]) -> None:
        """Choose these and no others."""
        chosen = tuple(dict.fromkeys(runs))[:MAX_PANES]
        if chosen != self.chosen:
            self.chosen = chosen
            self._announce()

    def toggle(self, row: int) -> None:
        """Choose the run of a row, or let go of it."""
        found = self._rows[row]
        if found.run in self.chosen:
            self.choose([run for run in self.chosen if run != found.run])
        elif found.fault:
            self.failed.emit(f"Run {found.number} cannot be compared. {found.fault}")
        elif len(self.chosen) == MAX_PANES:
            self.failed.emit(f"{MAX_PANES} runs at most lie side by side: let go of one first.")
        else:
            self.choose([*self.chosen, found.run])

    @Slot()
    def open(self) -> None:
        """Lay the chosen runs side by side."""
        work = partial(comparison_of, self.chosen, self._store, self._catalogue, self._folders)
        self._background.do(work, self.opened.emit, self._on_failed, key="open")

    def open_runs(self, runs: Sequence[str]) -> None:
        """Choose these and lay them side by side; one alone is offered to be compared with others."""
        self.choose(runs)
        if self.can_open:
            self.open()
        elif self.chosen:
            self.offered.emit()

    def open_pictures(self, entries: Sequence[Entry]) -> None:
        """Do so with the runs that pictures of the gallery came from."""
        work = partial(_runs_of, self._store, tuple(entry.metadata.final_sha256 for entry in entries))
        self._background.do(work, self._on_found, self._on_failed, key="find")

    def close(self) -> None:
        """Drop what was not begun."""
        self._background.close()

    # ----------------------------------------------------------------------------------------------------- answers
    def _on_found(self, runs: tuple[str | None, ...]) -> None:
        there = [run for run in runs if run is not None]
        missing = len(runs) - len(there)
        if missing == 1 and len(runs) == 1:
            self.failed.emit(NOT_RECORDED)
        elif missing:
            self.failed.emit(f"{missing} of {len(runs)} pictures have no recorded run to compare.")
        self.open_runs(there)

    def _on_listed(self, found: tuple[Recorded, ...]) -> None:
        self.loaded, self._all = True, found
        self._list()

    def _on_failed(self, error: StudioError) -> None:
        self.failed.emit(str(error))

    def _list(self) -> None:
        words = self._text.casefold().split()
        self.beginResetModel()
        self._rows = tuple(one for one in self._all if all(word in _words(one) for word in words))
        self.endResetModel()
        self.changed.emit()

    def _announce(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1), [PlaceRole])
        self.changed.emit()


def _words(one: Recorded) -> str:
    return f"{one.request.prompt}\n{one.request.model}\n{one.request.sampler}\nrun {one.number}".casefold()


def _runs_of(store: RunStore, finals: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(store.of_picture(final) for final in finals)


def course_runs(course: Course | None) -> tuple[str, ...]:
    """Return the recorded runs of a comparison, in the order of its panes; none where one is not recorded."""
    if course is None or not course.over or len(course.run_ids) < course.count:
        return ()
    return tuple(course.run_ids[place] for place in range(course.count))
