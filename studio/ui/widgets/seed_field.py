"""The seed: a whole number, with a die that rolls another and a lock that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRegularExpression, QSignalBlocker, Signal, Slot
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import labelled, named, stand_for
from studio.ui.widgets.painting import is_undo_of_the_window

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QFocusEvent

    from studio.ui.theme.theme import Theme

MAX_SEED: Final = 2**32 - 1
_SPACE: Final = "\u00a0"  # no-break


class SeedField(QWidget):
    """A seed from 0 to 2^32 - 1: grouped by threes for reading, plain digits while it is edited."""

    edited = Signal(object)  # an int: a seed is too large for the int of a Qt signal
    roll_requested = Signal()
    lock_edited = Signal(bool)

    def __init__(self, theme: Theme, label: str = "", parent: QWidget | None = None) -> None:
        """Start at seed 0, unlocked."""
        super().__init__(parent)
        label = label or tr("Seed")
        tip = tr(
            "The number of the noise a picture starts from. The same seed and settings give the same picture."
        )
        self.field = _Digits(theme)
        self.dice = IconButton(theme, "dices", tr("Roll a new seed"), role="dim")
        self.lock = IconButton(theme, "lock-open", tr("Keep this seed"), checkable=True, role="dim")
        named(self.field, label, tip)
        row = labelled(theme, self, label, tip=tip)
        row.addWidget(self.field, 1)
        row.addWidget(self.dice)
        row.addWidget(self.lock)
        stand_for(self, self.field)
        self.field.edited.connect(self.edited)
        self.dice.clicked.connect(self._on_dice_clicked)
        self.lock.clicked.connect(self._on_lock_clicked)

    @property
    def value(self) -> int:
        """The seed in force."""
        return self.field.value

    def set_value(self, value: int) -> None:
        """Show another seed without a word."""
        self.field.set_value(value)

    @property
    def locked(self) -> bool:
        """Whether the seed is kept for the next picture."""
        return self.lock.isChecked()

    def set_locked(self, locked: bool) -> None:
        """Keep the seed, or not, without a word."""
        with QSignalBlocker(self.lock):
            self.lock.setChecked(locked)
        self.lock.set_icon("lock" if locked else "lock-open")
        self.lock.update()

    @Slot()
    def _on_dice_clicked(self) -> None:
        self.roll_requested.emit()

    @Slot(bool)
    def _on_lock_clicked(self, locked: bool) -> None:
        self.lock.set_icon("lock" if locked else "lock-open")
        self.lock_edited.emit(locked)


class _Digits(QLineEdit):
    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.value = 0
        self.setFont(theme.font("body"))
        self.setFixedHeight(CONTROL)
        allowed = QRegularExpression(r"[\d\s\x{a0}\x{2009}\x{202f},._']{0,40}")
        self.setValidator(QRegularExpressionValidator(allowed, self))
        self.textEdited.connect(self._on_text_edited)
        self.editingFinished.connect(self._on_editing_finished)
        self._write()

    def set_value(self, value: int) -> None:
        value = min(max(int(value), 0), MAX_SEED)
        if value != self.value or not self.hasFocus():
            self.value = value
            self._write()

    def event(self, event: QEvent) -> bool:
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._write(grouped=False)
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._write(grouped=True)

    @Slot(str)
    def _on_text_edited(self, text: str) -> None:
        value = _read(text)
        if value is not None and value <= MAX_SEED:
            self._edit(value)

    @Slot()
    def _on_editing_finished(self) -> None:
        value = _read(self.text())
        if value is not None:
            self._edit(min(value, MAX_SEED))
        self._write()

    def _edit(self, value: int) -> None:
        if value != self.value:
            self.value = value
            self.edited.emit(value)

    def _write(self, *, grouped: bool | None = None) -> None:
        grouped = not self.hasFocus() if grouped is None else grouped
        text = f"{self.value:,}".replace(",", _SPACE) if grouped else str(self.value)
        if text != self.text():
            self.setText(text)


def _read(text: str) -> int | None:
    digits = "".join(character for character in text if character.isdecimal())
    return int(digits) if digits else None
