"""What lies over the window for a while: notices, the queue, the list of keys."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Slot

from studio.ui.theme.metrics import GAP
from studio.ui.views.queue import QueuePanel
from studio.ui.views.shortcuts import ShortcutsView
from studio.ui.views.status import HEIGHT
from studio.ui.widgets.toast import Toast

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.models.models import Models
    from studio.ui.models.notices import Notice
    from studio.ui.theme.theme import Theme

MOST_WAITING = 50
"""Notices that wait for an error to be closed; the oldest give way."""


class Overlays(QObject):
    """Keeps them where they belong over ``ground``."""

    def __init__(self, theme: Theme, models: Models, ground: QWidget, queue_button: QWidget) -> None:
        """Make them, hidden; the queue belongs above its button."""
        super().__init__(ground)
        self._theme, self._ground, self._queue_button = theme, ground, queue_button
        self.toast = Toast(theme, ground, foot=HEIGHT)
        self.toast.closed.connect(self._on_toast_closed)
        self._shown: Notice | None = None
        self._waiting: deque[Notice] = deque(maxlen=MOST_WAITING)
        self.queue = QueuePanel(theme, models.queue, ground)
        self.queue.hide()
        self.queue.closed.connect(self.queue.hide)
        self.shortcuts: ShortcutsView | None = None
        ground.installEventFilter(self)
        self.queue.installEventFilter(self)
        models.notices.posted.connect(self._on_posted)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size, and the queue's own."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    @Slot()
    def toggle_queue(self) -> None:
        """Show or hide the queue."""
        self.queue.setVisible(not self.queue.isVisible())
        if self.queue.isVisible():
            self._place()
            self.queue.raise_()
            self.queue.list.setFocus()

    @Slot()
    def toggle_shortcuts(self) -> None:
        """Show or hide the list of keys; it is made when it is first wanted."""
        if self.shortcuts is None:
            self.shortcuts = ShortcutsView(self._theme, self._ground)
            self.shortcuts.closed.connect(self.shortcuts.hide)
            self.shortcuts.hide()
        self.shortcuts.setVisible(not self.shortcuts.isVisible())
        self._place()
        self.shortcuts.raise_()

    def close_one(self) -> bool:
        """Close what lies on top; False where nothing does."""
        for widget in (self.shortcuts, self.queue):
            if widget is not None and widget.isVisible():
                widget.hide()
                return True
        return False

    @Slot(object)
    def _on_posted(self, notice: Notice) -> None:
        """Show a notice at once, unless an error stands there that nobody has closed yet."""
        stands = self._shown if self.toast.isVisible() else None
        if stands is None or stands.kind != "error":
            self._show(notice)
        elif notice.sentence not in (stands.sentence, *(other.sentence for other in self._waiting)):
            self._waiting.append(notice)

    @Slot()
    def _on_toast_closed(self) -> None:
        if self._waiting:
            self._show(self._waiting.popleft())

    def _show(self, notice: Notice) -> None:
        self._shown = notice
        self.toast.show_notice(
            notice.sentence,
            kind=notice.kind,
            action=notice.action,
            act=notice.act,
            details=notice.details,
        )
        self.toast.raise_()

    def _place(self) -> None:
        size = self._ground.size()
        self.queue.adjustSize()
        button = self._queue_button
        middle = button.mapTo(self._ground, button.rect().center()).x()
        left = max(GAP, min(middle - self.queue.width() // 2, size.width() - GAP - self.queue.width()))
        self.queue.move(left, size.height() - HEIGHT - GAP - self.queue.height())
        if self.shortcuts is not None:
            self.shortcuts.setGeometry(self._ground.rect())
