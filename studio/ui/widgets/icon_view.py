"""An icon that only shows, and takes no part in the keyboard's round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from studio.ui.theme.metrics import ICON

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from studio.ui.theme.theme import Theme


class IconView(QWidget):
    """A Lucide icon in the colour of a role."""

    def __init__(
        self, theme: Theme, icon: str, *, role: str = "dim", size: int = ICON, parent: QWidget | None = None
    ) -> None:
        """Show ``icon``, ``size`` pixels wide."""
        super().__init__(parent)
        self._theme, self._icon, self._role = theme, icon, role
        self.setFixedSize(size, size)
        theme.changed.connect(self.update)

    def set_icon(self, icon: str, role: str) -> None:
        """Show another icon."""
        self._icon, self._role = icon, role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the icon."""
        painter = QPainter(self)
        self._theme.draw_icon(painter, QRect(0, 0, self.width(), self.height()), self._icon, self._role)
