"""A square button that shows an icon and says its name to those who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QToolButton

from studio.ui.theme.metrics import CONTROL, ICON, RADIUS
from studio.ui.widgets.painting import draw_ring, fill_rounded, ring_after
from studio.ui.widgets.tips import tip as set_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


class IconButton(QToolButton):
    """An icon on a raised ground ("plain"), or on none until the mouse is over it ("quiet"); accent when checked."""

    def __init__(
        self,
        theme: Theme,
        icon: str,
        name: str,
        *,
        tip: str = "",
        checkable: bool = False,
        role: str = "text",
        kind: Literal["plain", "quiet"] = "plain",
        parent: QWidget | None = None,
    ) -> None:
        """Show the Lucide icon ``icon``; ``name`` is what the button does, and its tooltip where there is no other."""
        super().__init__(parent)
        self._theme, self._icon, self._role, self._kind, self._ring = theme, icon, role, kind, False
        self.setAccessibleName(name)
        set_tip(self, tip or name)
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(self.sizeHint())
        theme.changed.connect(self.update)

    def set_icon(self, icon: str) -> None:
        """Show another icon."""
        if icon != self._icon:
            self._icon = icon
            self.update()

    def sizeHint(self) -> QSize:
        """Square, as high as every control."""
        return QSize(CONTROL, CONTROL)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the button when the keyboard came to it."""
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw ground, icon and ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = self._ground()
        if ground:
            fill_rounded(painter, self.rect(), RADIUS, self._theme.colour(ground))
        side = (self.width() - ICON) // 2, (self.height() - ICON) // 2
        self._theme.draw_icon(painter, QRect(*side, ICON, ICON), self._icon, self._ink())
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), RADIUS, self._theme.colour("accent"))

    def _ground(self) -> str:
        if self.isEnabled() and (self.isDown() or self.underMouse()):
            return "line" if self.isDown() else "hover"
        return "raised" if self._kind == "plain" else ""

    def _ink(self) -> str:
        if not self.isEnabled():
            return "faint"
        return "accent" if self.isChecked() else self._role
