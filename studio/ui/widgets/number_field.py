"""A labelled number that is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.ui.widgets.labelled import labelled, named, stand_for
from studio.ui.widgets.number_edit import NumberEdit

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme


class NumberField(QWidget):
    """A label and a field for a number."""

    edited = Signal(float)

    def __init__(
        self,
        theme: Theme,
        label: str,
        *,
        minimum: float,
        maximum: float,
        step: float = 1,
        decimals: int = 0,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Take numbers from ``minimum`` to ``maximum`` with ``decimals`` places; an arrow key moves by ``step``."""
        super().__init__(parent)
        self.field = NumberEdit(theme, minimum=minimum, maximum=maximum, step=step, decimals=decimals)
        named(self.field, label, tip)
        labelled(theme, self, label, tip=tip).addWidget(self.field)
        stand_for(self, self.field)
        self.field.edited.connect(self.edited)

    @property
    def value(self) -> float:
        """The number in force."""
        return self.field.value

    def set_value(self, value: float) -> None:
        """Show another number, moved into the limits, without a word."""
        self.field.set_value(value)

    def set_limits(self, minimum: float, maximum: float) -> None:
        """Allow other numbers."""
        self.field.set_limits(minimum, maximum)
