"""Shows notices one at a time, errors until they are closed, and remembers those that offer Undo."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from studio.ui.language import tr

if TYPE_CHECKING:
    from studio.ui.core.notices import Notice, Notices
    from studio.ui.widgets.cards import Toast

MOST = 50
"""Largest number of notices that wait behind an error, and of actions that can be undone; the oldest are dropped."""


def _undoes(notice: Notice) -> bool:
    return notice.action in ("Undo", tr("Undo"))


class NoticeBoard(QObject):
    """Shows what is posted in a `Toast`, one notice at a time."""

    def __init__(self, toast: Toast, notices: Notices) -> None:
        super().__init__(toast)
        self.toast = toast
        self._shown: Notice | None = None
        self._waiting: deque[Notice] = deque(maxlen=MOST)
        self._undoable: deque[Notice] = deque(maxlen=MOST)
        self.toast.closed.connect(self._on_closed)
        self.toast.acted.connect(self._on_acted)
        notices.posted.connect(self._on_posted)

    def undo(self) -> bool:
        """Undo the latest notice that offers Undo; False if there is none."""
        if not self._undoable:
            return False
        notice = self._undoable[-1]
        self._forget(notice)
        if notice is self._shown and self.toast.isVisible():
            self.toast.close_button.click()
        if notice.act is not None:
            notice.act()
        return True

    @Slot(object)
    def _on_posted(self, notice: Notice) -> None:
        """Show a notice at once; while an error is shown, only one that offers Undo replaces it."""
        if _undoes(notice):
            self._undoable.append(notice)
        current = self._shown if self.toast.isVisible() else None
        if current is None or current.kind != "error":
            self._show(notice)
        elif _undoes(notice):
            self._waiting.appendleft(current)
            self._show(notice)
        elif notice.sentence not in (current.sentence, *(other.sentence for other in self._waiting)):
            self._waiting.append(notice)

    @Slot()
    def _on_closed(self) -> None:
        if self._waiting:
            self._show(self._waiting.popleft())

    @Slot()
    def _on_acted(self) -> None:
        if self._shown is not None:
            self._forget(self._shown)

    def _forget(self, notice: Notice) -> None:
        if notice in self._undoable:
            self._undoable.remove(notice)

    def _show(self, notice: Notice) -> None:
        self._shown = notice
        self.toast.show_notice(
            notice.sentence,
            kind=notice.kind,
            action=notice.action,
            act=notice.act,
            details=notice.details,
        )
