"""The overlays of the window: the queue and the list of shortcuts; and the notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from studio.ui.jobs.queue_view import QueuePanel
from studio.ui.shell.actions import ShortcutsView
from studio.ui.shell.notice_board import NoticeBoard
from studio.ui.theme.metrics import GAP

if TYPE_CHECKING:
    from studio.ui.shell.models import Models
    from studio.ui.shell.status_bar import StatusBar
    from studio.ui.theme.theme import Theme


class Overlays(QObject):
    """Opens, positions and closes the overlays over ``ground``."""

    def __init__(self, theme: Theme, models: Models, ground: QWidget, status: StatusBar) -> None:
        """Make the overlays, hidden; ``status`` has the button above which the queue opens, and the notices."""
        super().__init__(ground)
        self._theme, self._ground, self._status = theme, ground, status
        self.board = NoticeBoard(status.toast, models.notices)
        self.toast = self.board.toast
        self._focused_before: dict[QWidget, QWidget | None] = {}
        self.queue = QueuePanel(theme, models.queue, ground)
        self.queue.hide()
        self.queue.closed.connect(self._on_closed)
        self.shortcuts: ShortcutsView | None = None
        ground.installEventFilter(self)
        self.queue.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Reposition when the window or the queue changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    @Slot()
    def toggle_queue(self) -> None:
        """Show or hide the queue; the focus returns to where it was."""
        if self.queue.isVisible():
            self._hide(self.queue)
        else:
            self._show(self.queue)
            self.queue.list.setFocus()

    @Slot()
    def _on_closed(self) -> None:
        overlay = self.sender()
        if isinstance(overlay, QWidget):
            self._hide(overlay)

    def _show(self, overlay: QWidget) -> None:
        self._focused_before[overlay] = QApplication.focusWidget()
        overlay.show()
        self._place()
        overlay.raise_()

    def _hide(self, overlay: QWidget) -> None:
        before = self._focused_before.pop(overlay, None)
        within = overlay.isAncestorOf(QApplication.focusWidget() or self._ground)
        if within and before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        overlay.hide()

    @Slot()
    def toggle_shortcuts(self) -> None:
        """Show or hide the list of shortcuts."""
        if self.shortcuts is None:
            self.shortcuts = ShortcutsView(self._theme, self._ground)
            self.shortcuts.closed.connect(self._on_closed)
            self.shortcuts.hide()
        if self.shortcuts.isVisible():
            self._hide(self.shortcuts)
        else:
            self._show(self.shortcuts)

    def close_one(self) -> bool:
        """Close the topmost overlay; return False if none is open."""
        for overlay in (self.shortcuts, self.queue):
            if overlay is not None and overlay.isVisible():
                self._hide(overlay)
                return True
        return False

    def _place(self) -> None:
        size = self._ground.size()
        self.queue.adjustSize()
        button = self._status.queue_button
        middle = button.mapTo(self._ground, button.rect().center()).x()
        left = max(GAP, min(middle - self.queue.width() // 2, size.width() - GAP - self.queue.width()))
        self.queue.move(left, size.height() - self._status.height() - GAP - self.queue.height())
        if self.shortcuts is not None:
            self.shortcuts.setGeometry(self._ground.rect())
