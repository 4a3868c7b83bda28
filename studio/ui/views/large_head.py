"""Above a picture that is shown large: what it is of, which one of how many, and the ways on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.theme.metrics import GRID, PADDING
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme


class LargeHead(QWidget):
    """One line.

    Signals:
        closed: the picture is to be left.
        newer: the picture before it is wanted.
        older: the picture after it is wanted.
    """

    closed = Signal()
    newer = Signal()
    older = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without a picture."""
        super().__init__(parent)
        self._title = PlainLabel(theme, kind="title", elide=True)
        self._place = PlainLabel(theme, role="dim")
        close = IconButton(theme, "x", "Close", tip="Close (Esc)", kind="quiet")
        self._newer = IconButton(
            theme, "chevron-left", "Newer picture", tip="Newer picture (Left)", kind="quiet"
        )
        self._older = IconButton(
            theme, "chevron-right", "Older picture", tip="Older picture (Right)", kind="quiet"
        )
        close.clicked.connect(self.closed)
        self._newer.clicked.connect(self.newer)
        self._older.clicked.connect(self.older)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GRID)
        line.addWidget(self._title, 1)
        line.addSpacing(PADDING)
        line.addWidget(self._newer)
        line.addWidget(self._place)
        line.addWidget(self._older)
        line.addSpacing(PADDING)
        line.addWidget(close)

    @property
    def place(self) -> str:
        """Which picture of how many, as it is shown."""
        return self._place.text()

    def set_title(self, title: str) -> None:
        """Show what the picture is of."""
        self._title.setText(title)

    def set_place(self, place: int | None, count: int) -> None:
        """Show which picture this is, from 0; None where it is not listed."""
        self._place.setText("" if place is None else f"{place + 1:,} of {count:,}")
        self._newer.setEnabled(place is not None and place > 0)
        self._older.setEnabled(place is not None and place + 1 < count)
