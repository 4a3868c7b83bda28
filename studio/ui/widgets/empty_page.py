"""What stands in the place of something before there is any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP
from studio.ui.widgets.icon_view import IconView
from studio.ui.widgets.plain_label import PlainLabel

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme


class EmptyPage(QWidget):
    """An icon, what will be here, and how to get it."""

    def __init__(self, theme: Theme, icon: str, title: str, how: str, parent: QWidget | None = None) -> None:
        """Show the Lucide icon ``icon`` over two lines."""
        super().__init__(parent)
        lines = QVBoxLayout(self)
        lines.setSpacing(GAP)
        lines.addStretch()
        lines.addWidget(IconView(theme, icon, role="faint", size=40), 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (
            PlainLabel(theme, title, kind="title", wrap=True),
            PlainLabel(theme, how, role="dim", wrap=True),
        ):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            lines.addWidget(label)
        self._actions = QHBoxLayout()
        self._actions.addStretch()
        self._actions.addStretch()
        lines.addSpacing(GAP)
        lines.addLayout(self._actions)
        lines.addStretch()

    def add_action(self, button: QWidget) -> None:
        """Show a button beneath the lines."""
        self._actions.insertWidget(self._actions.count() - 1, button)
