"""Buttons with an icon, a text or a state, and an icon without a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton, QWidget

from studio.ui.theme.colour import mix
from studio.ui.theme.metrics import CONTROL, GAP, GRID, ICON, INSET, RADIUS, RING, SMALL_ICON
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import draw_outline, draw_ring, fill_rounded, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent

    from studio.ui.theme.theme import Theme


class IconButton(QToolButton):
    """An icon on a raised ground ("plain"), or on none until hovered ("quiet"); in the accent colour when checked."""

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
        """Show the Lucide icon ``icon``; ``name`` is the accessible name, and the tooltip unless ``tip`` is given."""
        super().__init__(parent)
        self._theme, self._icon, self._role, self._kind, self._ring = theme, icon, role, kind, False
        self.setAccessibleName(name)
        set_tip(self, tip or name)
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(self.sizeHint())
        theme.changed.connect(self.update)

    def set_icon(self, icon: str) -> None:
        if icon != self._icon:
            self._icon = icon
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(CONTROL, CONTROL)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
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
            return "disabled"
        return "accent" if self.isChecked() else self._role


ButtonKind = Literal["plain", "primary", "quiet", "danger", "outline"]

_INK = {"plain": "text", "primary": "on_accent", "quiet": "dim", "danger": "bad", "outline": "text"}
_ICON_GAP = 6
_PRIMARY_HEIGHT = CONTROL + 2 * GRID


class TextButton(QPushButton):
    """A text on a raised ground ("plain"), or another kind.

    "primary" is the main action of a view, "quiet" has no ground until hovered, "outline" has a line around it, and
    "danger" deletes something.
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
        return self._text

    def setText(self, text: str) -> None:
        self._text = text
        super().setText(text.replace("&", "&&"))

    def set_icon(self, icon: str) -> None:
        """Show another icon; "" removes it."""
        if icon != self._icon:
            self._icon = icon
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        height = _PRIMARY_HEIGHT if self._kind == "primary" else CONTROL
        return QSize(self.width_with(self._text), height)

    def width_with(self, text: str) -> int:
        """Return the width in pixels that the button would need for ``text``."""
        width = self.fontMetrics().horizontalAdvance(text) + 2 * self._padding()
        return width + (SMALL_ICON + (_ICON_GAP if text else 0) if self._icon else 0)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        self._paint_content(painter)
        if self.hasFocus() and self._ring:
            # An accent ring would be invisible on the accent.
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
        role = _INK[self._kind] if self.isEnabled() else "disabled"
        width = self.sizeHint().width() - 2 * self._padding()
        left = self._padding() if self._kind == "quiet" else (self.width() - width) // 2
        if self._icon:
            icon = QRect(left, (self.height() - SMALL_ICON) // 2, SMALL_ICON, SMALL_ICON)
            self._theme.draw_icon(painter, icon, self._icon, role)
            left += SMALL_ICON + _ICON_GAP
        painter.setPen(self._theme.colour(role))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRect(left, 0, self.width() - left, self.height()), flags, self._text)


_HEIGHT: Final = 6 * GRID
_DOT: Final = 3.5
_SIDE: Final = GAP + 2


def fit_texts(texts: dict[TextButton, str], width: int) -> int:
    """Show the texts of a row of buttons as far as they fit; from the last button on, icons stand alone.

    Args:
        texts: the buttons and their texts, in the order of the row; each has an icon and an accessible name.
        width: available for them and the gaps after them.

    Returns:
        The width that the buttons and the gaps after them take.
    """
    widths = {button: button.width_with(text) + GAP for button, text in texts.items()}
    for button in reversed(texts):
        button.setText(texts[button] if sum(widths.values()) <= width else "")
        widths[button] = button.sizeHint().width() + GAP
    return sum(widths.values())


class Pill(QToolButton):
    """A clickable label: a dot in the colour of a role, and a word on a ground tinted with it."""

    def __init__(self, theme: Theme, text: str, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._role, self._text, self._ring = theme, role, "", False
        self.setFont(theme.font("label", bold=True))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_text(text)
        theme.changed.connect(self.update)

    def set_text(self, text: str, role: str = "") -> None:
        """Show another text; ``role`` changes the colour too."""
        self._text, self._role = text, role or self._role
        self.setText(text.replace("&", "&&"))
        self.setAccessibleName(text)
        self.setFixedSize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._text)
        return QSize(round(width + 2 * _DOT + GRID + 2 + 2 * _SIDE), _HEIGHT)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.colour(self._role if self.isEnabled() else "disabled")
        over = self.isEnabled() and self.underMouse()
        ground = mix(self._theme.palette.panel, colour.name(), 0.22 if over else 0.14)
        fill_rounded(painter, self.rect(), self.height() / 2, QColor(ground))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(_SIDE + _DOT, self.height() / 2), _DOT, _DOT)
        painter.setPen(self._theme.colour("text" if self.isEnabled() else "disabled"))
        left = round(_SIDE + 2 * _DOT + GRID + 2)
        room = QRect(left, 0, self.width() - left, self.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._text)
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), self.height() / 2, self._theme.colour("accent"))


class IconView(QWidget):
    """A Lucide icon in the colour of a role; takes no input."""

    def __init__(
        self, theme: Theme, icon: str, *, role: str = "dim", size: int = ICON, parent: QWidget | None = None
    ) -> None:
        """Show ``icon``, ``size`` pixels wide."""
        super().__init__(parent)
        self._theme, self._icon, self._role = theme, icon, role
        self.setFixedSize(size, size)
        theme.changed.connect(self.update)

    def set_icon(self, icon: str, role: str) -> None:
        self._icon, self._role = icon, role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self._theme.draw_icon(painter, QRect(0, 0, self.width(), self.height()), self._icon, self._role)
