"""A list of facts: labels and what they say, in one or more columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from studio.ui.theme.metrics import GAP, SECTION
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.ui.theme.theme import Theme


class FactList(QWidget):
    """Each fact's label above what it says; as many columns as asked, filled row by row."""

    def __init__(
        self, theme: Theme, *, columns: int = 1, spacing: int = GAP, parent: QWidget | None = None
    ) -> None:
        """Start with none; ``spacing`` is between the rows."""
        super().__init__(parent)
        self._theme, self._columns = theme, columns
        self._shown: list[tuple[str, str]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SECTION)
        self._grid.setVerticalSpacing(0)
        self._spacing = spacing
        for column in range(columns):
            self._grid.setColumnStretch(column, 1)

    def set_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show other facts."""
        facts = list(facts)
        if facts == self._shown:
            return
        self._shown = facts
        while (item := self._grid.takeAt(0)) is not None:
            if (cell := item.widget()) is not None:
                cell.hide()
                cell.deleteLater()
        for place, (label, value) in enumerate(facts):
            row, column = divmod(place, self._columns)
            # Straight into the grid: around cells of their own, lines that wrap would ask for room they do not need.
            self._grid.addWidget(PlainLabel(self._theme, label, kind="label", role="dim"), 3 * row, column)
            self._grid.addWidget(self._value(label, value), 3 * row + 1, column)
            if row:
                self._grid.setRowMinimumHeight(3 * row - 1, self._spacing)

    @property
    def texts(self) -> Iterable[tuple[str, str]]:
        """The facts shown."""
        return tuple(self._shown)

    def _value(self, label: str, value: str) -> PlainLabel:
        text = PlainLabel(self._theme, value, wrap=True)
        text.setAccessibleName(f"{label}: {value}")
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        return text
