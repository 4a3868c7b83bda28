"""A small rounded button that states something, such as "live"; pressing it goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QToolButton

from studio.ui.theme.colour import mix
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.painting import draw_ring, fill_rounded, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_HEIGHT: Final = 6 * GRID
_DOT: Final = 3.5
_SIDE: Final = GAP + 2


class Pill(QToolButton):
    """A dot and a word in the colour of a role, on a ground tinted with it."""

    def __init__(self, theme: Theme, text: str, role: str, parent: QWidget | None = None) -> None:
        """Show ``text`` in the colour ``role``."""
        super().__init__(parent)
        self._theme, self._role, self._text, self._ring = theme, role, "", False
        self.setFont(theme.font("label", bold=True))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_text(text)
        theme.changed.connect(self.update)

    def set_text(self, text: str, role: str = "") -> None:
        """Show another text, and another colour if one is named."""
        self._text, self._role = text, role or self._role
        self.setText(text.replace("&", "&&"))
        self.setAccessibleName(text)
        self.setFixedSize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        """The dot, the text, and room around them."""
        width = self.fontMetrics().horizontalAdvance(self._text)
        return QSize(round(width + 2 * _DOT + GRID + 2 + 2 * _SIDE), _HEIGHT)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the pill when the keyboard came to it."""
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw ground, dot, text and ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.colour(self._role if self.isEnabled() else "faint")
        over = self.isEnabled() and self.underMouse()
        ground = mix(self._theme.palette.panel, colour.name(), 0.22 if over else 0.14)
        fill_rounded(painter, self.rect(), self.height() / 2, QColor(ground))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(_SIDE + _DOT, self.height() / 2), _DOT, _DOT)
        painter.setPen(self._theme.colour("text" if self.isEnabled() else "faint"))
        left = round(_SIDE + 2 * _DOT + GRID + 2)
        room = QRect(left, 0, self.width() - left, self.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._text)
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), self.height() / 2, self._theme.colour("accent"))
