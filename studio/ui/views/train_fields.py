"""What the form of trainings is made of: a line of text, and a field with a sentence on what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from studio.ui.theme.metrics import CONTROL, GRID
from studio.ui.widgets.labels import PlainLabel, labelled, named, stand_for
from studio.ui.widgets.painting import is_undo_of_the_window

if TYPE_CHECKING:
    from PySide6.QtGui import QInputMethodEvent

    from studio.ui.theme.theme import Theme

MOST_LETTERS = 48


class _Edit(QLineEdit):
    composed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._composing = ""

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        super().inputMethodEvent(event)
        self._composing = event.preeditString()
        self.composed.emit()

    def shown(self) -> str:
        """Return the text with what an input method is still composing."""
        units, at = (
            self.text().encode("utf-16-le", "surrogatepass"),
            2 * self.cursorPosition(),
        )  # Qt counts in UTF-16
        composing = self._composing.encode("utf-16-le", "surrogatepass")
        return (units[:at] + composing + units[at:]).decode("utf-16-le", "surrogatepass")

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the window."""
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)


class TextField(QWidget):
    """A label and a line of text."""

    edited = Signal(str)

    def __init__(self, theme: Theme, label: str, *, tip: str = "", parent: QWidget | None = None) -> None:
        """Show ``label`` above the line."""
        super().__init__(parent)
        self.line = _Edit()
        self.line.setFont(theme.font("body"))
        self.line.setFixedHeight(CONTROL)
        self.line.setMaxLength(MOST_LETTERS)
        named(self.line, label, tip)
        labelled(theme, self, label, tip=tip).addWidget(self.line)
        stand_for(self, self.line)
        self._text = ""
        self.line.textEdited.connect(self._on_edited)
        self.line.composed.connect(self._on_edited)

    def set_value(self, text: str) -> None:
        """Show another text, without a word."""
        if text != self._text:
            self._text = text
            self.line.setText(text)

    @Slot()
    def _on_edited(self) -> None:
        text = self.line.shown()[:MOST_LETTERS]
        if text != self._text:
            self._text = text
            self.edited.emit(text)


class FieldFault(PlainLabel):
    """Says beneath a field what is wrong with it; takes no room where nothing is."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Say nothing yet."""
        super().__init__(theme, kind="label", role="bad", wrap=True, parent=parent)
        self.hide()

    def say(self, sentence: str) -> None:
        """Say what is wrong; "" for nothing."""
        self.setText(sentence)
        self.setVisible(bool(sentence))


def stacked(*widgets: QWidget, gap: int = GRID) -> QWidget:
    """Return the widgets, one beneath the other."""
    held = QWidget()
    column = QVBoxLayout(held)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(gap)
    for widget in widgets:
        column.addWidget(widget)
    return held
