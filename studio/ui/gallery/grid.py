"""The grid of the gallery: where its tiles lie, which thumbnails are wanted, keyboard, selection and mouse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeySequence,
    QPainter,
    QRegion,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QScrollBar, QToolTip

from studio.ui.gallery.model import LiveRole
from studio.ui.gallery.tile_painter import TilePainter, TileState
from studio.ui.jobs.picture_text import tile_tip
from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, SECTION
from studio.ui.widgets.labels import plain_tip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtGui import (
        QFocusEvent,
        QHideEvent,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QResizeEvent,
        QShowEvent,
    )
    from PySide6.QtWidgets import QWidget

    from studio.ui.gallery.model import GalleryModel
    from studio.ui.theme.theme import Theme


MARGIN = 12
"""Beside the tiles; the scroll bar lies in it."""
TILE_PX = 180
"""How wide a tile likes to be."""
RING_PX = GRID
"""How far a ring reaches beyond its tile: half of the gap between two."""


@dataclass(frozen=True, kw_only=True)
class TileLayout:
    """Square tiles in rows from the left, in the coordinates of the whole content.

    Attributes:
        width: of the content, margins and all.
        count: how many tiles.
    """

    width: int
    count: int

    @cached_property
    def columns(self) -> int:
        """How many tiles lie in a row."""
        return max(round((self._inner + GAP) / (TILE_PX + GAP)), 2)

    @cached_property
    def side(self) -> int:
        """How wide and high a tile is."""
        return max((self._inner - (self.columns - 1) * GAP) // self.columns, 1)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return -(-self.count // self.columns)

    @property
    def pitch(self) -> int:
        """From the top of one row to the top of the next."""
        return self.side + GAP

    @property
    def height(self) -> int:
        """Of the whole content."""
        return RING_PX + self.rows * self.pitch - GAP + MARGIN if self.count else 0

    def rect(self, place: int) -> QRect:
        """Return where a tile lies; the outer columns touch the margins exactly."""
        row, column = divmod(place, self.columns)
        left = MARGIN + round(column * (self._inner - self.side) / (self.columns - 1))
        return QRect(left, RING_PX + row * self.pitch, self.side, self.side)

    def cell(self, place: int) -> QRect:
        """Return where a tile and its ring lie."""
        return self.rect(place).adjusted(-RING_PX, -RING_PX, RING_PX, RING_PX)

    def at(self, point: QPoint) -> int | None:
        """Return the tile at a point; None between tiles."""
        row = (point.y() - RING_PX) // self.pitch
        if row < 0:
            return None
        for place in range(row * self.columns, min((row + 1) * self.columns, self.count)):
            if self.rect(place).contains(point):
                return place
        return None

    def between(self, top: int, bottom: int) -> range:
        """Return the tiles of all rows that reach into a band of the content."""
        first = max((top - RING_PX) // self.pitch, 0)
        last = (bottom + RING_PX) // self.pitch
        return range(
            min(first * self.columns, self.count), max(min((last + 1) * self.columns, self.count), 0)
        )

    @property
    def _inner(self) -> int:
        return max(self.width - 2 * MARGIN, 2)


Index = QModelIndex | QPersistentModelIndex

_Action = QAbstractItemView.CursorAction
_Flag = QItemSelectionModel.SelectionFlag
_ROWS_A_NOTCH = 3
"""A notch of the wheel is three single steps, and moves one row of tiles."""
_AHEAD = 1.0
"""How many screens of thumbnails are made beyond the visible ones."""


class _SlimBar(QScrollBar):
    """Leaves the rings of the last column in sight."""

    def sizeHint(self) -> QSize:
        return QSize(MARGIN - RING_PX, super().sizeHint().height())


class GalleryGrid(QListView):
    """Every picture as a tile, in rows from the left, newest first; the live tile comes before them.

    A list view whose items lie as `TileLayout` says: Qt's own layout visits every item, which takes a quarter of a
    second for 100,000 of them at every new picture. To the keyboard, selections and screen readers it stays a list.

    Signals:
        open_requested: show this row in the viewer.
        copy_requested: copy the selected pictures.
        trash_requested: move the selected pictures to the trash.
        menu_requested: open the menu of the selected pictures at this point of the screen.
        drag_requested: drag the selected pictures out.
    """

    open_requested = Signal(int)
    copy_requested = Signal()
    trash_requested = Signal()
    menu_requested = Signal(QPoint)
    drag_requested = Signal()

    def __init__(self, theme: Theme, model: GalleryModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gallery, self._theme = model, theme
        self._anchor = self._before = QPersistentModelIndex()
        self._layout = TileLayout(width=0, count=0)
        self._painter = TilePainter(theme)
        self._note = ""
        self._hovered = QPersistentModelIndex()
        self._visible: dict[Path, int] = {}
        self._ask_soon = QTimer(self, singleShot=True, interval=0)
        self._ask_soon.timeout.connect(self._ask)
        self.setAccessibleName(tr("Pictures"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBar(_SlimBar(Qt.Orientation.Vertical, self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setModel(model)
        for signal in (model.rowsInserted, model.rowsRemoved, model.modelReset):
            signal.connect(self._on_rows_changed)
        model.thumbnails.made.connect(self._on_made)
        theme.changed.connect(self.viewport().update)

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
        self._ask_soon.start()

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
        self._ask_soon.start()

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:
        """Paint what changed, if it is visible; an entry that was read has a thumbnail to ask for."""
        rows = self.rows_in(0, self.viewport().height())
        for row in range(max(first.row(), rows.start), min(last.row() + 1, rows.stop)):
            self.viewport().update(self.visualRect(self.model().index(row, 0)))
        if last.row() > 0 or first.data(LiveRole) is None:
            self._ask_soon.start()

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

    def keyboardSearch(self, search: str) -> None:
        """Do nothing: Qt would read every picture there is for a letter; there is a field to search in."""

    def set_note(self, note: str) -> None:
        """Say something below the tiles; "" says nothing."""
        if note != self._note:
            self._note = note
            self.viewport().update()

    def hover(self, index: Index) -> None:
        """Show that the mouse is over a tile, or over none."""
        before = self._gallery.index(self._hovered.row())
        if index != before:
            self._hovered = QPersistentModelIndex(index)
            self.viewport().update(self.visualRect(before))
            self.viewport().update(self.visualRect(index))

    # ---------------------------------------------------------------------------------------------------- thumbnails
    @Slot()
    def _ask(self) -> None:
        """Have the tiles in sight made, from the top, and then those one would scroll to next."""
        if not self.isVisible():
            self._gallery.thumbnails.want(self, [], 0)
            return
        side, height = self._side_px(), self.viewport().height()
        seen = self.rows_in(0, height)
        near = self.rows_in(-round(_AHEAD * height), height + round(_AHEAD * height))
        self._visible.clear()
        keys: list[tuple[Path, int]] = []
        for row in (*seen, *range(seen.stop, near.stop), *reversed(range(near.start, seen.start))):
            entry = self._gallery.entry_at(row)
            if entry is not None:
                keys.append((entry.path, side))
                if row in seen:
                    self._visible[entry.path] = row
        self._gallery.thumbnails.want(self, keys, CARD_RADIUS * self.devicePixelRatioF())

    @Slot(object)
    def _on_made(self, path: Path) -> None:
        row = self._visible.get(path)
        if row is not None:
            self.viewport().update(self.visualRect(self._gallery.index(row)))

    def _side_px(self) -> int:
        return round(self.tiles.side * self.devicePixelRatioF())

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what is in sight now."""
        super().showEvent(event)
        self._ask_soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask for nothing more."""
        super().hideEvent(event)
        self._ask_soon.start()

    # ------------------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tiles that need it."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ratio = self.devicePixelRatioF()
        # In device pixels from here on, and on whole ones, wherever the window lies.
        painter.scale(1 / ratio, 1 / ratio)
        origin = painter.deviceTransform()
        painter.translate(round(origin.dx()) - origin.dx(), round(origin.dy()) - origin.dy())
        side, chosen = self._side_px(), self.selectionModel()
        for row in self.rows_in(event.rect().top(), event.rect().bottom()):
            rect = self.tile_rect(row)
            if event.rect().intersects(rect.adjusted(-4, -4, 4, 4)):
                place = QRect(round(rect.left() * ratio), round(rect.top() * ratio), side, side)
                index = self._gallery.index(row)
                self._painter.paint(painter, place, ratio, self._state(row, side, chosen.isSelected(index)))
        if self._note:
            self._paint_note(painter)
        painter.end()

    def _paint_note(self, painter: QPainter) -> None:
        below = self.viewport().rect().adjusted(0, self.tiles.height - self.verticalOffset(), 0, 0)
        painter.resetTransform()
        painter.setFont(self._theme.font("body"))
        painter.setPen(self._theme.colour("dim"))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(below.adjusted(MARGIN, SECTION, -MARGIN, 0), flags, self._note)

    def _state(self, row: int, side: int, selected: bool) -> TileState:
        state = TileState(
            selected=selected,
            current=row == self.currentIndex().row(),
            focused=self.hasFocus(),
            hovered=row == self._hovered.row(),
        )
        live = self._gallery.live
        if live is not None and row == 0:
            return replace(state, live=live)
        entry = self._gallery.entry_at(row)
        if entry is None:
            return state
        image = self._gallery.thumbnails.image(entry.path, side)
        return replace(
            state,
            image=image,
            broken=image is None and bool(self._gallery.thumbnails.fault(entry.path)),
        )

    # ------------------------------------------------------------------------------------------- keys, mouse and menu
    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select a tile when the keyboard comes, so that it can be seen where it is."""
        super().focusInEvent(event)
        current = self.currentIndex()
        by_key = event.reason() not in (
            Qt.FocusReason.MouseFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        )
        if by_key and current.isValid() and not self.selectionModel().hasSelection():
            self.selectionModel().select(current, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open, copy or throw away what is selected; all else moves or selects."""
        alone = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and alone:
            if self.currentIndex().isValid():
                self.open_requested.emit(self.currentIndex().row())
        elif event.matches(QKeySequence.StandardKey.Delete):
            self.trash_requested.emit()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit()
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open a picture large."""
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self.open_requested.emit(index.row())

    @Slot()
    def enter(self) -> None:
        """Take the keyboard, from the search."""
        if self._gallery.rowCount():
            if not self.currentIndex().isValid():
                self.setCurrentIndex(self._gallery.index(0))
            self.setFocus(Qt.FocusReason.TabFocusReason)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu: at the mouse, or with the Menu key at the current tile."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            if self.currentIndex().isValid():
                self.scrollTo(self.currentIndex())
                center = self.visualRect(self.currentIndex()).center()
                self.menu_requested.emit(self.viewport().mapToGlobal(center))
        elif self.indexAt(event.pos()).isValid():
            self.menu_requested.emit(event.globalPos())

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Have the selected pictures dragged out."""
        del actions
        self.drag_requested.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show the tile under the mouse; a drag that starts between tiles selects nothing."""
        self.hover(self.indexAt(event.position().toPoint()))
        if self.state() != QAbstractItemView.State.DragSelectingState:
            super().mouseMoveEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Tell of the picture under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            entry = self._gallery.entry_at(index.row()) if index.isValid() else None
            text = tile_tip(entry, self._gallery.thumbnails.fault(entry.path)) if entry is not None else ""
            QToolTip.showText(event.globalPos(), plain_tip(text), self.viewport(), self.visualRect(index))
            return True
        if event.type() == QEvent.Type.Leave:
            self.hover(QModelIndex())
        return super().viewportEvent(event)
