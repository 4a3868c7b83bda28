"""The tiles of the gallery in the user's hands: gone through, opened, dragged, asked what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QHelpEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QToolTip

from studio.ui.jobs.picture_text import tile_tip
from studio.ui.views.gallery_surface import TileSurface
from studio.ui.widgets.labels import plain_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.models.gallery import GalleryModel
    from studio.ui.theme.theme import Theme


class GalleryGrid(TileSurface):
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

    def __init__(self, theme: Theme, model: GalleryModel, parent: QWidget | None = None) -> None:
        """Show the rows of ``model``."""
        super().__init__(theme, model, parent)
        self.setAccessibleName("Pictures")
        self.setMouseTracking(True)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)

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
        """Follow the mouse."""
        self.hover(self.indexAt(event.position().toPoint()))
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
