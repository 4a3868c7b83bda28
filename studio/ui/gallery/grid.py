"""The grid of the gallery: layout of its tiles, requests for thumbnails, selection, keyboard and mouse."""

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

from studio.ui.gallery import text
from studio.ui.gallery.model import LiveRole
from studio.ui.gallery.tile_painter import TilePainter, TileState
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
"""The margin to the left and right of the tiles; it contains the scroll bar."""
TILE_PX = 180
"""The preferred width of a tile."""
RING_PX = GRID
"""How far a ring extends beyond its tile: half of the gap between two tiles."""


@dataclass(frozen=True, kw_only=True)
class TileLayout:
    """Square tiles in rows from the left, in the coordinates of the whole content.

    Attributes:
        width: the width of the content with its margins, in pixels.
        count: the number of tiles.
    """

    width: int
    count: int

    @cached_property
    def columns(self) -> int:
        """The number of tiles in a row."""
        return max(round((self._inner + GAP) / (TILE_PX + GAP)), 2)

    @cached_property
    def side(self) -> int:
        """The width and height of a tile."""
        return max((self._inner - (self.columns - 1) * GAP) // self.columns, 1)

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def pitch(self) -> int:
        """The distance from the top of one row to the top of the next."""
        return self.side + GAP

    @property
    def height(self) -> int:
        """The height of the whole content."""
        return RING_PX + self.rows * self.pitch - GAP + MARGIN if self.count else 0

    def rect(self, place: int) -> QRect:
        """Return the rectangle of a tile; the outer columns touch the margins exactly."""
        row, column = divmod(place, self.columns)
        left = MARGIN + round(column * (self._inner - self.side) / (self.columns - 1))
        return QRect(left, RING_PX + row * self.pitch, self.side, self.side)

    def cell(self, place: int) -> QRect:
        """Return the rectangle of a tile and its ring."""
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
        """Return the tiles of all rows that intersect a horizontal band of the content."""
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
_STEPS_PER_ROW = 3
"""Single steps of the scroll bar per row of tiles: a notch of the mouse wheel is three steps."""
_AHEAD = 1.0
"""How many screens of thumbnails are requested above and below the visible ones."""


class _SlimBar(QScrollBar):
    """A scroll bar that does not cover the rings of the last column."""

    def sizeHint(self) -> QSize:
        return QSize(MARGIN - RING_PX, super().sizeHint().height())


class GalleryGrid(QListView):
    """Every picture as a tile, in rows from the left, newest first, after the live tile.

    A list view with the layout of `TileLayout`: the layout of QListView's icon mode visits every item, which takes a
    quarter of a second for 100,000 items at every new picture. For selections and screen readers it stays a list.

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
        self._request_soon = QTimer(self, singleShot=True, interval=0)
        self._request_soon.timeout.connect(self._request_thumbnails)
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
        return self._layout

    def rows_in(self, top: int, bottom: int) -> range:
        """Return the rows of the model that intersect a horizontal band of the viewport."""
        offset = self.verticalOffset()
        return self._layout.between(top + offset, bottom + offset)

    def tile_rect(self, row: int) -> QRect:
        """Return the rectangle of a tile in the viewport, without its ring."""
        return self._layout.rect(row).translated(0, -self.verticalOffset())

    def visualRect(self, index: Index) -> QRect:
        """Return the rectangle of an item and its ring in the viewport."""
        if not index.isValid():
            return QRect()
        return self._layout.cell(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        place = self._layout.at(point + QPoint(0, self.verticalOffset()))
        return QModelIndex() if place is None else self.model().index(place, 0)

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def horizontalOffset(self) -> int:
        return 0

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region, rows = QRegion(), self.rows_in(0, self.viewport().height())
        for row in rows:
            if selection.contains(self.model().index(row, 0)):
                region += self.visualRect(self.model().index(row, 0))
        return region

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
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

    # ---------------------------------------------------------------------------------------------- layout and updates
    def doItemsLayout(self) -> None:
        """Do nothing: the rectangle of a tile is computed when it is needed."""
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        """Update the layout and the scroll bar for another width or number of tiles."""
        if self.model() is None:  # called by Qt's constructor
            return
        # The width of the whole widget: the tiles must not move when the scroll bar appears or disappears.
        layout = self._layout = TileLayout(width=self.width(), count=self.model().rowCount())
        bar, page = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(layout.height - page, 0))
        bar.setPageStep(page)
        bar.setSingleStep(max(layout.pitch // _STEPS_PER_ROW, 1))
        QAbstractItemView.updateGeometries(self)
        self._request_soon.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the tiles at the top visible."""
        first = self.rows_in(0, 1).start if self.verticalOffset() > 0 else 0
        QAbstractItemView.resizeEvent(self, event)
        self.updateGeometries()
        if first:
            self.scrollTo(self.model().index(first, 0), QAbstractItemView.ScrollHint.PositionAtTop)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(0, dy)
        self._request_soon.start()

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:
        """Repaint the changed tiles that are visible, and request thumbnails for entries that were read."""
        rows = self.rows_in(0, self.viewport().height())
        for row in range(max(first.row(), rows.start), min(last.row() + 1, rows.stop)):
            self.viewport().update(self.visualRect(self.model().index(row, 0)))
        if last.row() > 0 or first.data(LiveRole) is None:
            self._request_soon.start()

    @Slot()
    def _on_rows_changed(self) -> None:
        self.updateGeometries()
        self.viewport().update()

    # ---------------------------------------------------------------------------------------- keyboard and selection
    def moveCursor(self, action: _Action, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Return the item that a key moves to."""
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
            # The last row may be shorter: from the row above it, Down goes to the last tile.
            short = there > last and row // self._layout.columns < last // self._layout.columns
            there = last if short else row
        return self.model().index(min(max(there, 0), last), 0)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Remember where a selection with Shift may start."""
        self._before = QPersistentModelIndex(previous)
        super().currentChanged(current, previous)

    def setSelection(self, rect: QRect, command: _Flag) -> None:
        """Select the current item; with Shift, all items from the anchor to it."""
        if self.state() == QAbstractItemView.State.DragSelectingState:
            return
        current = self.currentIndex()
        if not (self._anchor.isValid() and self.selectionModel().isSelected(self._anchor)):
            self._anchor = self._before  # the selection was not made by mouse or keyboard
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
        """Return the selected rows in ascending order; unlike ``selectedIndexes`` this is fast for 100,000 rows."""
        selection = self.selectionModel().selection()
        spans = (selection.at(place) for place in range(selection.count()))
        return sorted(row for span in spans for row in range(span.top(), span.bottom() + 1))

    def keyboardSearch(self, search: str) -> None:
        """Do nothing: Qt would read every entry for a letter, and there is a search field."""

    def set_note(self, note: str) -> None:
        """Show a text below the tiles; "" removes it."""
        if note != self._note:
            self._note = note
            self.setAccessibleDescription(note)
            self.viewport().update()

    def hover(self, index: Index) -> None:
        """Highlight the tile under the mouse; an invalid index highlights none."""
        before = self._gallery.index(self._hovered.row())
        if index != before:
            self._hovered = QPersistentModelIndex(index)
            self.viewport().update(self.visualRect(before))
            self.viewport().update(self.visualRect(index))

    # ---------------------------------------------------------------------------------------------------- thumbnails
    @Slot()
    def _request_thumbnails(self) -> None:
        """Request the thumbnails of the visible tiles, from the top, and then of those just below and above."""
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
        super().showEvent(event)
        self._request_soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._request_soon.start()

    # ------------------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ratio = self.devicePixelRatioF()
        # From here on in device pixels, and aligned to them wherever the window is.
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
        origin = entry.metadata.origin
        return replace(
            state,
            image=image,
            origin=origin.kind if origin is not None else None,
            broken=image is None and bool(self._gallery.thumbnails.fault(entry.path)),
        )

    # ------------------------------------------------------------------------------------------- keys, mouse and menu
    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the current tile when focus comes from the keyboard, so that the focus is visible."""
        super().focusInEvent(event)
        current = self.currentIndex()
        by_key = event.reason() not in (
            Qt.FocusReason.MouseFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        )
        if by_key and current.isValid() and not self.selectionModel().hasSelection():
            self.selectionModel().select(current, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open, copy or trash the selected pictures; all other keys move or select."""
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
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self.open_requested.emit(index.row())

    @Slot()
    def enter(self) -> None:
        """Take the keyboard focus from the search field."""
        if self._gallery.rowCount():
            if not self.currentIndex().isValid():
                self.setCurrentIndex(self._gallery.index(0))
            self.setFocus(Qt.FocusReason.TabFocusReason)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Request the menu: at the mouse, or with the Menu key at the current tile."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            if self.currentIndex().isValid():
                self.scrollTo(self.currentIndex())
                center = self.visualRect(self.currentIndex()).center()
                self.menu_requested.emit(self.viewport().mapToGlobal(center))
        elif self.indexAt(event.pos()).isValid():
            self.menu_requested.emit(event.globalPos())

    def startDrag(self, actions: Qt.DropAction) -> None:
        del actions
        self.drag_requested.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Highlight the tile under the mouse; a drag that starts between tiles selects nothing."""
        self.hover(self.indexAt(event.position().toPoint()))
        if self.state() != QAbstractItemView.State.DragSelectingState:
            super().mouseMoveEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the tooltip of the tile under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            entry = self._gallery.entry_at(index.row()) if index.isValid() else None
            fault = self._gallery.thumbnails.fault(entry.path) if entry is not None else ""
            tip = text.tile_tooltip(entry, fault) if entry is not None else ""
            QToolTip.showText(event.globalPos(), plain_tip(tip), self.viewport(), self.visualRect(index))
            return True
        if event.type() == QEvent.Type.Leave:
            self.hover(QModelIndex())
        return super().viewportEvent(event)
