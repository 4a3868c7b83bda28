"""A list view whose items lie as `TileLayout` says.

Qt's own layout visits every item, which takes a quarter of a second for 100,000 of them at every new picture. To
the keyboard, to selections and to screen readers it stays a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QAbstractItemView, QListView, QScrollBar

from studio.ui.views.gallery_layout import MARGIN, RING_PX, TileLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QAbstractItemModel
    from PySide6.QtGui import QMouseEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

Index = QModelIndex | QPersistentModelIndex

_Action = QAbstractItemView.CursorAction
_Flag = QItemSelectionModel.SelectionFlag
_ROWS_A_NOTCH = 3
"""A notch of the wheel is three single steps, and moves one row of tiles."""


class _SlimBar(QScrollBar):
    """Leaves the rings of the last column in sight."""

    def sizeHint(self) -> QSize:
        return QSize(MARGIN - RING_PX, super().sizeHint().height())


class ArrangedView(QListView):
    """Tiles from the left, in rows, newest first.

    Signals:
        scene_changed: other items may be in sight, or the same ones elsewhere.
    """

    scene_changed = Signal()

    def __init__(self, model: QAbstractItemModel, parent: QWidget | None = None) -> None:
        """Arrange the items of ``model``."""
        super().__init__(parent)
        self._anchor = self._before = QPersistentModelIndex()
        self._layout = TileLayout(width=0, count=0)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBar(_SlimBar(Qt.Orientation.Vertical, self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setModel(model)
        for signal in (model.rowsInserted, model.rowsRemoved, model.modelReset):
            signal.connect(self._on_rows_changed)

    # ---------------------------------------------------------------------------------------------------- geometry
    @property
    def tiles(self) -> TileLayout:
        """Where the tiles lie."""
        return self._layout

    def rows_in(self, top: int, bottom: int) -> range:
        """Return the rows of the model that reach into a band of the viewport."""
        offset = self.verticalOffset()
        return self._layout.between(top + offset, bottom + offset)

    def tile_rect(self, row: int) -> QRect:
        """Return where a tile lies in the viewport, without its ring."""
        return self._layout.rect(row).translated(0, -self.verticalOffset())

    def visualRect(self, index: Index) -> QRect:
        """Return where an item and its ring lie in the viewport."""
        if not index.isValid():
            return QRect()
        return self._layout.cell(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        """Return the item at a point of the viewport."""
        place = self._layout.at(point + QPoint(0, self.verticalOffset()))
        return QModelIndex() if place is None else self.model().index(place, 0)

    def verticalOffset(self) -> int:
        """Return how far it is scrolled."""
        return self.verticalScrollBar().value()

    def horizontalOffset(self) -> int:
        """Return 0: rows are never longer than the view is wide."""
        return 0

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """Return what shows a selection."""
        region, rows = QRegion(), self.rows_in(0, self.viewport().height())
        for row in rows:
            if selection.contains(self.model().index(row, 0)):
                region += self.visualRect(self.model().index(row, 0))
        return region

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Scroll until an item is in sight."""
        if not index.isValid():
            return
        cell, bar = self._layout.cell(index.row()), self.verticalScrollBar()
        top, height = bar.value(), self.viewport().height()
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(cell.center().y() - height // 2)
        elif cell.top() < top or hint == QAbstractItemView.ScrollHint.PositionAtTop:
            bar.setValue(cell.top() if index.row() >= self._layout.columns else 0)
        elif cell.bottom() + MARGIN > top + height:
            bar.setValue(cell.bottom() + MARGIN - height)

    # ------------------------------------------------------------------------------------------------ what Qt does
    def doItemsLayout(self) -> None:
        """Lay nothing out: where a tile lies is computed when it is needed."""
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        """Arrange the tiles anew for another width or number."""
        # Of the whole widget: the tiles must not move when a scroll bar comes or goes.
        if self.model() is None:  # Qt asks while it is being built
            return
        layout = self._layout = TileLayout(width=self.width(), count=self.model().rowCount())
        bar, page = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(layout.height - page, 0))
        bar.setPageStep(page)
        bar.setSingleStep(max(layout.pitch // _ROWS_A_NOTCH, 1))
        QAbstractItemView.updateGeometries(self)
        self.scene_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what is at the top in sight."""
        first = self.rows_in(0, 1).start if self.verticalOffset() > 0 else 0
        QAbstractItemView.resizeEvent(self, event)
        self.updateGeometries()
        if first:
            self.scrollTo(self.model().index(first, 0), QAbstractItemView.ScrollHint.PositionAtTop)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move what is painted already."""
        self.viewport().scroll(0, dy)
        self.scene_changed.emit()

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:
        """Paint what changed, if it is in sight."""
        seen = self.rows_in(0, self.viewport().height())
        for row in range(max(first.row(), seen.start), min(last.row() + 1, seen.stop)):
            self.viewport().update(self.visualRect(self.model().index(row, 0)))

    @Slot()
    def _on_rows_changed(self) -> None:
        self.updateGeometries()
        self.viewport().update()

    # ---------------------------------------------------------------------------------------- keyboard and selection
    def moveCursor(self, action: _Action, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Return where a key leads."""
        last, row = self._layout.count - 1, self.currentIndex().row()
        if last < 0:
            return QModelIndex()
        page = max(self.viewport().height() // self._layout.pitch, 1) * self._layout.columns
        ways = {
            _Action.MoveLeft: row - 1,
            _Action.MovePrevious: row - 1,
            _Action.MoveRight: row + 1,
            _Action.MoveNext: row + 1,
            _Action.MoveUp: row - self._layout.columns,
            _Action.MoveDown: row + self._layout.columns,
            _Action.MovePageUp: row - page,
            _Action.MovePageDown: row + page,
            _Action.MoveHome: 0,
            _Action.MoveEnd: last,
        }
        there = ways.get(action, row) if row >= 0 else 0
        if action in (_Action.MoveUp, _Action.MoveDown) and not 0 <= there <= last:
            # Below the last full row there may be a shorter one; above the first there is nothing.
            short = there > last and row // self._layout.columns < last // self._layout.columns
            there = last if short else row
        return self.model().index(min(max(there, 0), last), 0)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Remember where a selection with Shift may begin."""
        self._before = QPersistentModelIndex(previous)
        super().currentChanged(current, previous)

    def setSelection(self, rect: QRect, command: _Flag) -> None:
        """Select what was clicked or gone to; with Shift all from where the selection began."""
        if self.state() == QAbstractItemView.State.DragSelectingState:
            return
        current = self.currentIndex()
        if not (self._anchor.isValid() and self.selectionModel().isSelected(self._anchor)):
            self._anchor = self._before  # what was selected was not by mouse or key
        if command & _Flag.Current and self._anchor.isValid() and current.isValid():
            rows = sorted((self._anchor.row(), current.row()))
        else:
            found = self.indexAt(rect.center())
            if not found.isValid():
                self.selectionModel().select(QItemSelection(), command)
                return
            self._anchor = QPersistentModelIndex(found)
            rows = [found.row(), found.row()]
        first, last = (self.model().index(row, 0) for row in rows)
        self.selectionModel().select(QItemSelection(first, last), command)

    def selected_rows(self) -> list[int]:
        """Return the selected rows, rising. Quick for a hundred thousand, unlike ``selectedIndexes``."""
        selection = self.selectionModel().selection()
        spans = (selection.at(place) for place in range(selection.count()))
        return sorted(row for span in spans for row in range(span.top(), span.bottom() + 1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what was pressed; what begins between tiles selects nothing."""
        if self.state() != QAbstractItemView.State.DragSelectingState:
            super().mouseMoveEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Do nothing: Qt would read every picture there is for a letter; there is a field to search in."""
