"""A rounded panel with a hairline around it, on which something is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame

from studio.ui.theme.metrics import CARD_RADIUS
from studio.ui.widgets.painting import draw_outline, fill_rounded

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

KIND_ROLES = {"info": "dim", "good": "good", "warn": "warn", "error": "bad"}
KIND_ICONS = {"info": "info", "good": "circle-check", "warn": "triangle-alert", "error": "circle-alert"}


class Card(QFrame):
    """The ground that toasts, banners and error cards share."""

    def __init__(self, theme: Theme, *, ground: str = "panel", parent: QWidget | None = None) -> None:
        """Paint the ``ground`` colour of ``theme``."""
        super().__init__(parent)
        self.theme, self._ground = theme, ground
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground and its hairline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self.theme.colour(self._ground))
        draw_outline(painter, self.rect(), CARD_RADIUS, self.theme.colour("line"))
