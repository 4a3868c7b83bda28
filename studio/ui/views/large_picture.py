"""The picture itself, shown large: it can be dragged out, and has a menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QApplication

from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from PySide6.QtGui import QContextMenuEvent, QMouseEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


class LargePicture(PictureView):
    """One finished picture.

    Signals:
        drag_requested: it is being dragged out.
        menu_requested: its menu is wanted, at a point of the screen.
        double_clicked: twice.
    """

    drag_requested = Signal()
    menu_requested = Signal(QPoint)
    double_clicked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without a picture."""
        super().__init__(theme, "Picture", parent)
        self._pressed: QPoint | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a drag may begin."""
        on_it = self.picture_rect().contains(event.position())
        self._pressed = (
            event.position().toPoint() if on_it and event.button() == Qt.MouseButton.LeftButton else None
        )

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Begin a drag, once the mouse went far enough."""
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() >= QApplication.startDragDistance():
            self._pressed = None
            self.drag_requested.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell of it."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu."""
        keyboard = event.reason() == event.Reason.Keyboard
        self.menu_requested.emit(self.mapToGlobal(self.rect().center()) if keyboard else event.globalPos())
