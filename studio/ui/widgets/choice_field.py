"""A labelled choice from a list; each row has a text, and a dim detail at its right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from studio.ui.widgets.choice_box import DETAIL_ROLE, KEY_ROLE, ChoiceBox
from studio.ui.widgets.labelled import labelled, named, stand_for
from studio.ui.widgets.tips import plain_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.ui.theme.theme import Theme


class ChoiceField(QWidget):
    """One of several named things."""

    edited = Signal(str)

    def __init__(self, theme: Theme, label: str, *, tip: str = "", parent: QWidget | None = None) -> None:
        """Show ``label`` above the choice; `set_items` fills it."""
        super().__init__(parent)
        self._value = ""
        self.box = ChoiceBox(theme)
        named(self.box, label, tip)
        labelled(theme, self, label, tip=tip).addWidget(self.box)
        stand_for(self, self.box)
        self.box.activated.connect(self._on_activated)

    @property
    def value(self) -> str:
        """The key of the choice in force, "" if there is none."""
        return self._value

    def set_value(self, key: str) -> None:
        """Put another choice in force without a word; an unknown key leaves nothing chosen."""
        number = self.box.findData(key, KEY_ROLE) if key else -1
        self._value = key if number >= 0 else ""
        if number != self.box.currentIndex():
            with QSignalBlocker(self.box):
                self.box.setCurrentIndex(number)
            self.box.update()

    def set_items(self, items: Sequence[tuple[str, str, str, str]]) -> None:
        """Offer ``items`` of (key, text, detail, tooltip); what was chosen stays so if it is among them."""
        before = self._value
        with QSignalBlocker(self.box):
            self.box.clear()
            for number, (key, text, detail, tip) in enumerate(items):
                self.box.addItem(text)
                self.box.setItemData(number, key, KEY_ROLE)
                self.box.setItemData(number, detail, DETAIL_ROLE)
                self.box.setItemData(number, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
                spoken = f"{text}, {detail}" if detail else text
                self.box.setItemData(number, spoken, Qt.ItemDataRole.AccessibleTextRole)
            self.box.setCurrentIndex(-1)
        self.set_value(before)
        self.box.updateGeometry()
        self.box.update()

    @Slot(int)
    def _on_activated(self, number: int) -> None:
        key = self.box.itemData(number, KEY_ROLE)
        if isinstance(key, str) and key != self._value:
            self._value = key
            self.edited.emit(key)
