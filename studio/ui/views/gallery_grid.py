"""The tiles of the gallery: painted, asked for, opened, dragged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QHelpEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView, QToolTip

from studio.ui.models.gallery import LiveRole
from studio.ui.models.gallery_words import tile_tip
from studio.ui.theme.metrics import CARD_RADIUS
from studio.ui.views.gallery_arrangement import ArrangedView, Index
from studio.ui.views.gallery_tiles import TilePainter, TileState
from studio.ui.widgets.tips import plain_tip

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QHideEvent, QKeyEvent, QMouseEvent, QPaintEvent, QShowEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.models.gallery import GalleryModel
    from studio.ui.theme.theme import Theme

_AHEAD = 1.0
"""How many screens of tiles are made beyond what is in sight."""


class GalleryGrid(ArrangedView):
    """Every picture as a tile.

    Signals:
        open_requested: a row is to be shown large.
        copy_requested: the selected pictures are to be copied.
        trash_requested: the selected pictures are to be thrown away.
        menu_requested: the menu of the selected pictures is wanted, at a point of the screen.
        drag_requested: the selected pictures are dragged out.
    """

    open_requested = Signal(int)
    copy_requested = Signal()
    trash_requested = Signal()
    menu_requested = Signal(QPoint)
    drag_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        model: GalleryModel,
        *,
        opens_on_click: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Show the rows of ``model``; ``opens_on_click`` opens one with a single click, else it takes two."""
        super().__init__(model, parent)
        self._opens_on_click = opens_on_click
        self._gallery, self._theme = model, theme
        self._painter = TilePainter(theme)
        self._hovered = QPersistentModelIndex()
        self._in_sight: dict[Path, int] = {}
        self._ask_soon = QTimer(self)
        self._ask_soon.setSingleShot(True)
        self._ask_soon.setInterval(0)
        self._ask_soon.timeout.connect(self._ask)
        self.setAccessibleName("Pictures")
        self.setMouseTracking(True)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.scene_changed.connect(self._ask_soon.start)
        self.clicked.connect(self._on_clicked)
        model.thumbnails.made.connect(self._on_made)
        theme.changed.connect(self.viewport().update)

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
        self._in_sight.clear()
        keys: list[tuple[Path, int]] = []
        for row in (*seen, *range(seen.stop, near.stop), *reversed(range(near.start, seen.start))):
            entry = self._gallery.entry_at(row)
            if entry is not None:
                keys.append((entry.path, side))
                if row in seen:
                    self._in_sight[entry.path] = row
        self._gallery.thumbnails.want(self, keys, CARD_RADIUS * self.devicePixelRatioF())

    @Slot(object)
    def _on_made(self, path: Path) -> None:
        row = self._in_sight.get(path)
        if row is not None:
            self.viewport().update(self.visualRect(self._gallery.index(row)))

    def _side_px(self) -> int:
        return round(self.tiles.side * self.devicePixelRatioF())

    def dataChanged(self, first: Index, last: Index, roles: Any = ()) -> None:  # noqa: ANN401 - Qt's
        """Paint what changed; an entry that was read has a thumbnail to ask for."""
        super().dataChanged(first, last, roles)
        if last.row() > 0 or first.data(LiveRole) is None:
            self._ask_soon.start()

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
        painter.end()

    def _state(self, row: int, side: int, selected: bool) -> TileState:
        state = TileState(
            selected=selected,
            current=self.hasFocus() and row == self.currentIndex().row(),
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

    # ----------------------------------------------------------------------------------------------- mouse and keys
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
        """Open a picture large, unless the first click did."""
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid() and not self._opens_on_click:
            self.open_requested.emit(index.row())

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        """Open what was clicked, where one click is enough and it did not add to a selection."""
        alone = QGuiApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier
        if self._opens_on_click and alone:
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
        """Follow the mouse."""
        self._hover(self.indexAt(event.position().toPoint()))
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
            self._hover(QModelIndex())
        return super().viewportEvent(event)

    def _hover(self, index: QModelIndex) -> None:
        before = self._gallery.index(self._hovered.row())
        if index != before:
            self._hovered = QPersistentModelIndex(index)
            self.viewport().update(self.visualRect(before))
            self.viewport().update(self.visualRect(index))
