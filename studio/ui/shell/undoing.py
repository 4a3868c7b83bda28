"""What Undo and Redo mean where the keyboard is: a form's own, or else what was thrown away last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from PySide6.QtGui import QUndoStack

    from studio.ui.shell.models import Models
    from studio.ui.shell.overlays import Overlays
    from studio.ui.shell.pages import Pages


class Undoing(QObject):
    """One undo for the whole window."""

    def __init__(self, models: Models, pages: Pages, overlays: Overlays, parent: QObject) -> None:
        """Take everything in which something can be undone."""
        super().__init__(parent)
        self._models, self._pages, self._overlays = models, pages, overlays

    @Slot()
    def undo(self) -> None:
        """Undo in the form where that is at hand, else what was thrown away last."""
        stack = self._stack()
        if stack is not None and (stack.canUndo() or not self._pages.is_comparing):
            stack.undo()
        else:
            self._overlays.board.undo()

    @Slot()
    def redo(self) -> None:
        """Redo what is set up on the open page: a comparison, a training, else the form of pictures."""
        (self._stack() or self._models.form.undo_stack).redo()

    def _stack(self) -> QUndoStack | None:
        focus, page = QApplication.focusWidget(), self._pages.create_page
        overlays = (self._overlays.queue, self._overlays.toast)
        elsewhere = (page.column, page.stack.large, *overlays)
        if any(part.isVisible() and focus is not None and part.isAncestorOf(focus) for part in elsewhere):
            return None
        if self._pages.currentWidget() is page:
            return self._models.form.undo_stack
        if self._pages.is_training:
            return self._models.train.form.undo_stack
        # That of the page of comparisons: to name its class would be to import it, and numpy with it.
        return getattr(self._pages.currentWidget(), "undo_stack", None)
