"""A notice about something that just happened, in a strip of its own; it covers nothing and never takes the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout

from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, INSET
from studio.ui.widgets.buttons import IconButton, IconView, TextButton
from studio.ui.widgets.cards import KIND_ICONS, KIND_ROLES, Card
from studio.ui.widgets.collapsible import Details
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_INFO_MS: Final = 6_000
_ACTION_MS: Final = 12_000


class Toast(Card):
    """One notice at a time: the next replaces it. It waits for mouse and focus; errors stay until closed."""

    closed = Signal()
    acted = Signal()
    """The button was pressed; what it does is done right after."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self._act: Callable[[], None] | None = None
        self._transient = True
        self._icon = IconView(theme, "info")
        self._sentence = PlainLabel(theme, wrap=True)
        self.action = TextButton(theme, "")
        self.close_button = IconButton(theme, "x", tr("Close"), kind="quiet", role="dim")
        self.details = Details(theme)
        self.details.setContentsMargins(0, 0, 0, GAP)
        self.lifetime = QTimer(self, singleShot=True)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._sentence, 1)
        row.addWidget(self.action)
        row.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(INSET, 0, GRID, 0)
        column.setSpacing(GRID)
        column.addLayout(row)
        column.addWidget(self.details)
        self.hide()
        self.lifetime.timeout.connect(self._on_lifetime_over)
        self.close_button.clicked.connect(self._close)
        self.action.clicked.connect(self._on_action_clicked)

    def show_notice(
        self,
        sentence: str,
        *,
        kind: str = "info",
        action: str = "",
        act: Callable[[], None] | None = None,
        details: str = "",
    ) -> None:
        """Tell ``sentence``; ``action`` is the text of a button that calls ``act``."""
        self._act = act
        self._icon.set_icon(KIND_ICONS.get(kind, "info"), KIND_ROLES.get(kind, "dim"))
        self._sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self.details.set_details(sentence, details)
        self.lifetime.stop()
        self._transient = kind != "error"
        if self._transient:
            self.lifetime.start(_ACTION_MS if action or kind == "warn" or details else _INFO_MS)
        self.show()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, sentence))

    def leaveEvent(self, event: QEvent) -> None:
        """Stay a little longer after the mouse was here."""
        super().leaveEvent(event)
        if self._transient and self.isVisible():
            self.lifetime.start(_INFO_MS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close with Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self._close()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _on_lifetime_over(self) -> None:
        focused = QApplication.focusWidget()
        if self.underMouse() or (focused is not None and self.isAncestorOf(focused)):
            self.lifetime.start(_INFO_MS)
        else:
            self._close()

    @Slot()
    def _close(self) -> None:
        self.lifetime.stop()
        self.hide()
        self.closed.emit()

    @Slot()
    def _on_action_clicked(self) -> None:
        act = self._act
        self.acted.emit()
        self._close()
        if act is not None:
            act()
