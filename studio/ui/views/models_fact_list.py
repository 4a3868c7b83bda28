"""A list of facts: labels and what they say, in one or more columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, SECTION
from studio.ui.widgets.plain_label import PlainLabel

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
        self._grid.setVerticalSpacing(spacing)
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
            self._grid.addWidget(self._cell(label, value), *divmod(place, self._columns))

    @property
    def texts(self) -> Iterable[tuple[str, str]]:
        """The facts shown."""
        return tuple(self._shown)

    def _cell(self, label: str, value: str) -> QWidget:
        cell = QWidget()
        column = QVBoxLayout(cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        text = PlainLabel(self._theme, value, wrap=True)
        text.setAccessibleName(f"{label}: {value}")
        column.addWidget(PlainLabel(self._theme, label, kind="label", role="dim"))
        column.addWidget(text)
        column.addStretch()
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        return cell
