"""One picture of the gallery that is looked at, and its neighbours, whatever comes, goes and is searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QObject, Signal, Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.gallery.entry import Entry
    from studio.ui.models.gallery import GalleryModel


class GalleryPlace(QObject):
    """Where in the list one picture is.

    Attributes:
        entry: the picture; None where there is none.

    Signals:
        moved: another picture is looked at, an `Entry`.
        left: the picture is gone, and there is no other in its place.
        changed: its place among the others is another.
    """

    moved = Signal(object)
    left = Signal()
    changed = Signal()

    def __init__(self, model: GalleryModel, parent: QObject | None = None) -> None:
        """Look at pictures of ``model``."""
        super().__init__(parent)
        self._model = model
        self.entry: Entry | None = None
        self._row = self._waits_for = -1
        self._text = ""  # what was searched for when the picture was opened
        model.thrown.connect(self._on_thrown)
        model.count_changed.connect(self._on_count_changed)
        model.dataChanged.connect(self._on_data_changed)

    @property
    def place(self) -> int | None:
        """Which picture it is, from 0; None where it is not listed."""
        return None if self._row < 0 else self._row + self.count - self._model.rowCount()

    @property
    def count(self) -> int:
        """How many pictures are listed."""
        return self._model.pictures

    def go_to(self, entry: Entry) -> None:
        """Look at a picture."""
        self.entry, self._waits_for = entry, -1
        self._text = self._model.text
        self.moved.emit(entry)
        self._find()

    @Slot()
    def go_newer(self) -> None:
        """Look at the picture before this one."""
        self._go(self._row - 1)

    @Slot()
    def go_older(self) -> None:
        """Look at the picture after this one."""
        self._go(self._row + 1)

    def _go(self, row: int) -> None:
        if self._model.id_at(row) is None:
            return
        if (entry := self._model.entry_at(row)) is None:
            self._waits_for = row  # it is being read
        else:
            self.go_to(entry)

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= self._waits_for <= last.row():
            self._go(self._waits_for)

    @Slot()
    def _on_count_changed(self) -> None:
        """Stay with the picture, also where a search leaves it out; one that is gone gives way to the next."""
        listed = self.entry is not None and self._model.row_of(self.entry) is not None
        if listed or self._model.text != self._text:
            self._find()
        elif self.entry is not None:
            self._go_on()

    @Slot(object)
    def _on_thrown(self, entries: Sequence[Entry]) -> None:
        if self.entry is not None and self.entry.path in {entry.path for entry in entries}:
            self._go_on()

    def _go_on(self) -> None:
        """Look at what is in the place of the picture now, or leave."""
        self.entry = None
        for row in (self._row, self._row - 1):
            if self._model.id_at(row) is not None:
                self._go(row)
                return
        self.left.emit()

    def _find(self) -> None:
        row = None if self.entry is None else self._model.row_of(self.entry)
        self._row = -1 if row is None else row
        self.changed.emit()
