"""The list of keys, over the window while it is open (F1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import CARD_RADIUS, GAP, SECTION
from studio.ui.views.actions import ACTIONS, ActionInfo
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from studio.ui.theme.theme import Theme

COLUMNS = 3


def shown_keys(action: ActionInfo) -> str:
    """Return an action's keys as this system writes them."""
    keys = action.keys if action.where != "window" or action.name == "redo" else action.keys[:1]
    native = QKeySequence.SequenceFormat.NativeText
    return "  ".join(QKeySequence(key).toString(native) for key in keys)


class ShortcutsView(QWidget):
    """Dims the window and lists every key.

    Signals:
        closed: it is to go away.
    """

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """List `ACTIONS`."""
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName("Keys")
        self._card = QWidget(self)
        close = IconButton(theme, "x", "Close the list of keys", kind="quiet")
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.addWidget(PlainLabel(theme, "Keys", kind="title"), 1)
        head.addWidget(close)
        columns = QHBoxLayout()
        columns.setSpacing(2 * SECTION)
        groups = list(dict.fromkeys(action.group for action in ACTIONS))
        for start in range(COLUMNS):
            column = QVBoxLayout()
            column.setSpacing(GAP)
            for group in groups[start::COLUMNS]:
                self._add_group(column, group)
            column.addStretch()
            columns.addLayout(column)
        layout = QVBoxLayout(self._card)
        layout.setContentsMargins(SECTION, 16, SECTION, SECTION)
        layout.setSpacing(16)
        layout.addLayout(head)
        layout.addLayout(columns)
        outer = QGridLayout(self)
        outer.addWidget(self._card, 0, 0, Qt.AlignmentFlag.AlignCenter)
        theme.changed.connect(self.update)

    def _add_group(self, column: QVBoxLayout, group: str) -> None:
        theme, grid = self._theme, QGridLayout()
        grid.setHorizontalSpacing(SECTION)
        grid.setVerticalSpacing(6)
        column.addWidget(PlainLabel(theme, group, kind="label", role="dim"))
        for row, action in enumerate(action for action in ACTIONS if action.group == group):
            grid.addWidget(PlainLabel(theme, action.text), row, 0)
            keys = PlainLabel(theme, shown_keys(action), role="dim")
            keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(keys, row, 1)
        column.addLayout(grid)
        column.addSpacing(GAP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go away when the mouse presses beside the card."""
        if not self._card.geometry().contains(event.position().toPoint()):
            self.closed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dim the window, and draw the card."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 140 if self._theme.dark else 70))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._theme.colour("line"))
        painter.setBrush(self._theme.colour("panel"))
        painter.drawRoundedRect(self._card.geometry(), CARD_RADIUS, CARD_RADIUS)
