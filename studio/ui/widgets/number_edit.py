"""The field in which a number is typed: it takes typing, arrow keys and, when focused, the wheel; it clamps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QRegularExpression, Qt, Signal, Slot
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QLineEdit

from studio.ui.theme.metrics import CONTROL
from studio.ui.widgets.painting import is_undo_of_the_window

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_PAGE = 10


class NumberEdit(QLineEdit):
    """A number between two limits.

    What is typed counts at once if it lies within the limits; if not, it is moved into them when the field is left, so
    that a shortcut pressed while typing never works with an older number.
    """

    edited = Signal(float)

    def __init__(
        self,
        theme: Theme,
        *,
        minimum: float,
        maximum: float,
        step: float,
        decimals: int,
        parent: QWidget | None = None,
    ) -> None:
        """Take numbers from ``minimum`` to ``maximum`` with ``decimals`` places; an arrow key moves by ``step``."""
        super().__init__(parent)
        self._minimum, self._maximum, self._step, self._decimals = minimum, maximum, step, decimals
        self._value = minimum
        self.setFont(theme.font("body"))
        self.setFixedHeight(CONTROL)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        places = rf"([.,]\d{{0,{decimals}}})?" if decimals else ""
        sign = "-?" if minimum < 0 else ""
        pattern = QRegularExpression(rf"\s*{sign}\d{{0,9}}{places}\s*")
        self.setValidator(QRegularExpressionValidator(pattern, self))
        self.textEdited.connect(self._on_text_edited)
        self.editingFinished.connect(self._on_editing_finished)
        self._write()

    @property
    def value(self) -> float:
        """The number in force."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show another number, moved into the limits, without a word."""
        value = self._clamped(value)
        if value != self._value or not self.hasFocus():
            self._value = value
            self._write()

    def set_limits(self, minimum: float, maximum: float) -> None:
        """Allow other numbers; the one in force moves into them without a word."""
        self._minimum, self._maximum = minimum, maximum
        self.set_value(self._value)

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the window."""
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step with the arrow and page keys; Escape takes back what was typed and not taken."""
        steps = {
            Qt.Key.Key_Up: 1,
            Qt.Key.Key_Down: -1,
            Qt.Key.Key_PageUp: _PAGE,
            Qt.Key.Key_PageDown: -_PAGE,
        }.get(Qt.Key(event.key()))
        if steps is not None:
            self.step_by(steps)
        elif event.key() == Qt.Key.Key_Escape and self.text() != self.shown(self._value):
            self._write()
            self.selectAll()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step if focused; if not, the wheel scrolls what the field lies in."""
        notches = event.angleDelta().y()
        if not self.hasFocus() or not notches:
            event.ignore()
            return
        self.step_by(1 if notches > 0 else -1)
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the number when the keyboard comes, so that typing replaces it."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.selectAll()

    def step_by(self, steps: int) -> None:
        """Move by whole steps, as the user's own edit."""
        self._edit(self._value + steps * self._step)
        self._write()
        self.selectAll()

    def shown(self, value: float) -> str:
        """Return how a number is written here."""
        return f"{value:.{self._decimals}f}"

    @Slot(str)
    def _on_text_edited(self, text: str) -> None:
        value = self._read(text)
        if value is not None and self._minimum <= value <= self._maximum:
            self._edit(value)

    @Slot()
    def _on_editing_finished(self) -> None:
        value = self._read(self.text())
        if value is not None:
            self._edit(value)
        self._write()

    def _edit(self, value: float) -> None:
        value = self._clamped(value)
        if value != self._value:
            self._value = value
            self.edited.emit(value)

    def _clamped(self, value: float) -> float:
        if not math.isfinite(value):
            return self._value
        return round(min(max(value, self._minimum), self._maximum), self._decimals)

    def _read(self, text: str) -> float | None:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            return None
        return round(value, self._decimals)

    def _write(self) -> None:
        text = self.shown(self._value)
        if text != self.text():
            self.setText(text)
