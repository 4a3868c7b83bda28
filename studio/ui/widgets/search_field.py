"""The field that searches pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

from studio.ui.language import tr
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import is_undo_of_the_window

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

PAUSE_MS = 150
"""Pause after the last letter before the search starts."""
MAX_LENGTH = 200


class SearchField(QLineEdit):
    """A line for search words.

    Signals:
        search_requested: search for this text: after a pause in typing, or on Enter.
        left: the focus should move to the results.
    """

    search_requested = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask)
        self.setFont(theme.font("body"))
        self.setMaxLength(MAX_LENGTH)
        self.setPlaceholderText(tr("Search prompts"))
        self.setAccessibleName(tr("Search pictures"))
        set_tip(
            self, tr("Finds pictures whose prompt or model name contains every word; parts of words count.")
        )
        self.addAction(theme.icon("search", "faint"), QLineEdit.ActionPosition.LeadingPosition)
        self._clear = self.addAction(theme.icon("x", "dim"), QLineEdit.ActionPosition.TrailingPosition)
        self._clear.setText(tr("Clear the search"))
        self._clear.setVisible(False)
        self._clear.triggered.connect(self._on_clear)
        self.textChanged.connect(self._on_text_changed)
        self.textEdited.connect(self._pause.start)

    def set_text(self, text: str) -> None:
        """Show the text of a search that is already active."""
        if text != self.text():
            self.setText(text)

    def event(self, event: QEvent) -> bool:
        """Reserve Esc while there is text to clear; leave Undo to the window."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if is_undo_of_the_window(event):
                event.ignore()
                return False
            if event.key() == Qt.Key.Key_Escape and self.text():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Search at once on Enter, and move to the results on Enter or Down."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self._ask()
            self.left.emit()
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self._on_clear()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _ask(self) -> None:
        self._pause.stop()
        self.search_requested.emit(self.text())

    @Slot()
    def _on_clear(self) -> None:
        self.clear()
        self._ask()

    @Slot(str)
    def _on_text_changed(self, text: str) -> None:
        self._clear.setVisible(bool(text))
