"""The rail at the left edge of the window: a button for each page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QVBoxLayout

from studio.ui.language import tr
from studio.ui.shell import text
from studio.ui.theme.metrics import CARD_RADIUS, GRID, ICON, RAIL
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import set_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QEnterEvent, QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

BUTTON_HEIGHT = 52


class RailButton(QAbstractButton):
    """An icon above the name of a page; checked while the page is open."""

    def __init__(self, theme: Theme, icon: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icon = theme, icon
        self.setText(name)
        self.setAccessibleName(name)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(RAIL - 2 * GRID, BUTTON_HEIGHT)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked() or self.underMouse():
            painter.setBrush(theme.colour("raised"))
            painter.drawRoundedRect(body, CARD_RADIUS, CARD_RADIUS)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRoundedRect(body, CARD_RADIUS, CARD_RADIUS)
        role = "accent" if self.isChecked() else "dim"
        place = QRect((self.width() - ICON) // 2, 8, ICON, ICON)
        theme.draw_icon(painter, place, self._icon, role)
        painter.setFont(theme.font("label"))
        painter.setPen(theme.colour("text" if self.isChecked() else "dim"))
        words = self.rect().adjusted(0, 30, 0, -4)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self.text())


class Rail(Ground):
    """The buttons of all pages.

    Signals:
        chosen: the key of the page to open.
    """

    chosen = Signal(str)

    def __init__(
        self, theme: Theme, pages: Sequence[tuple[str, str, str]], parent: QWidget | None = None
    ) -> None:
        """Add a button for each (key, icon, shortcut); those after an empty key are at the bottom."""
        super().__init__(theme, "panel", lines=Qt.Edge.RightEdge, parent=parent)
        self.setFixedWidth(RAIL)
        self._buttons: dict[str, RailButton] = {}
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, 12, GRID, 12)
        layout.setSpacing(GRID)
        for key, icon, keys in pages:
            if not key:
                layout.addStretch()
                continue
            name = text.page(key)
            button = RailButton(theme, icon, name)
            set_tip(button, tr("{page} ({keys})", page=name, keys=keys))
            self._group.addButton(button)
            self._buttons[key] = button
            layout.addWidget(button)
        self._group.buttonClicked.connect(self._on_clicked)

    def set_current(self, key: str) -> None:
        """Check the button of a page."""
        if key in self._buttons:
            self._buttons[key].setChecked(True)

    @Slot(QAbstractButton)
    def _on_clicked(self, button: QAbstractButton) -> None:
        self.chosen.emit(next(key for key, known in self._buttons.items() if known is button))
