"""A button with a text, and an icon if it helps. The text is shown as it is: an ampersand is an ampersand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QPushButton, QSizePolicy

from studio.ui.theme.metrics import CONTROL, GAP, GRID, INSET, RADIUS, RING, SMALL_ICON
from studio.ui.widgets.painting import draw_outline, draw_ring, fill_rounded, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

ButtonKind = Literal["plain", "primary", "quiet", "danger", "outline"]

_INK = {"plain": "text", "primary": "on_accent", "quiet": "dim", "danger": "bad", "outline": "text"}
_ICON_GAP = 6
_PRIMARY_HEIGHT = CONTROL + 2 * GRID


class TextButton(QPushButton):
    """A raised ground and a text ("plain"), or another kind.

    "primary" is the one action of a view, "quiet" has no ground until the mouse is over it, "outline" has a line around
    it, "danger" takes something away.
    """

    def __init__(
        self,
        theme: Theme,
        text: str,
        *,
        kind: ButtonKind = "plain",
        icon: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Show ``text`` after the Lucide icon ``icon`` ("" for none)."""
        super().__init__(parent)
        self._theme, self._kind, self._icon, self._ring = theme, kind, icon, False
        self._text = ""
        self.setFont(theme.font("body", bold=kind == "primary"))
        self.setText(text)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoDefault(False)
        theme.changed.connect(self.update)

    def text(self) -> str:
        """Return the text shown."""
        return self._text

    def setText(self, text: str) -> None:
        """Show another text."""
        self._text = text
        super().setText(text.replace("&", "&&"))

    def set_icon(self, icon: str) -> None:
        """Show another icon, "" for none."""
        if icon != self._icon:
            self._icon = icon
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """The text with room on both sides; the primary button is taller."""
        height = _PRIMARY_HEIGHT if self._kind == "primary" else CONTROL
        return QSize(self.width_with(self._text), height)

    def width_with(self, text: str) -> int:
        """Return how wide the button is with a text."""
        width = self.fontMetrics().horizontalAdvance(text) + 2 * self._padding()
        return width + (SMALL_ICON + (_ICON_GAP if text else 0) if self._icon else 0)

    def minimumSizeHint(self) -> QSize:
        """A button never cuts its text."""
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the button when the keyboard came to it."""
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw ground, icon, text and ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        self._paint_content(painter)
        if self.hasFocus() and self._ring:
            # A ring in the accent would not be seen on the accent.
            primary = self._kind == "primary" and self.isEnabled()
            colour = self._theme.colour("on_accent" if primary else "accent")
            draw_ring(painter, self.rect(), RADIUS, colour, inset=RING if primary else 0)

    def _padding(self) -> int:
        return GAP if self._kind == "quiet" else INSET

    def _paint_ground(self, painter: QPainter) -> None:
        over = self.isEnabled() and (self.underMouse() or self.isDown())
        if self._kind == "primary" and self.isEnabled():
            colour = self._theme.colour("accent")
            if over:
                colour = colour.darker(112) if self.isDown() else colour.lighter(106)
        elif over:
            colour = self._theme.colour("line" if self.isDown() else "hover")
        elif self._kind == "outline":
            draw_outline(painter, self.rect(), RADIUS, self._theme.colour("line"))
            return
        elif self._kind == "quiet":
            return
        else:
            colour = self._theme.colour("raised")
        fill_rounded(painter, self.rect(), RADIUS, colour)

    def _paint_content(self, painter: QPainter) -> None:
        role = _INK[self._kind] if self.isEnabled() else "faint"
        width = self.sizeHint().width() - 2 * self._padding()
        left = self._padding() if self._kind == "quiet" else (self.width() - width) // 2
        if self._icon:
            icon = QRect(left, (self.height() - SMALL_ICON) // 2, SMALL_ICON, SMALL_ICON)
            self._theme.draw_icon(painter, icon, self._icon, role)
            left += SMALL_ICON + _ICON_GAP
        painter.setPen(self._theme.colour(role))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRect(left, 0, self.width() - left, self.height()), flags, self._text)
