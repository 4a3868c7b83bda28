"""A plain surface: one colour of the palette, with a line at those edges where another surface begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from studio.ui.theme.theme import Theme

NO_EDGE = Qt.Edge(0)


class Ground(QWidget):
    """A surface that other widgets lie on."""

    def __init__(
        self,
        theme: Theme,
        role: str = "panel",
        *,
        lines: Qt.Edge = NO_EDGE,
        parent: QWidget | None = None,
    ) -> None:
        """Take the colour's role in the palette, and the edges that have a line."""
        super().__init__(parent)
        self._theme, self._role, self._lines = theme, role, lines
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill the surface."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._theme.colour(self._role))
        line, right, bottom = self._theme.colour("line"), self.width() - 1, self.height() - 1
        if self._lines & Qt.Edge.RightEdge:
            painter.fillRect(right, 0, 1, self.height(), line)
        if self._lines & Qt.Edge.LeftEdge:
            painter.fillRect(0, 0, 1, self.height(), line)
        if self._lines & Qt.Edge.TopEdge:
            painter.fillRect(0, 0, self.width(), 1, line)
        if self._lines & Qt.Edge.BottomEdge:
            painter.fillRect(0, bottom, self.width(), 1, line)
