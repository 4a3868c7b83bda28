"""A sentence across the top of a view that stays until it is dealt with or closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout

from studio.ui.theme.metrics import CONTROL, GAP, INSET
from studio.ui.widgets.card import KIND_ICONS, KIND_ROLES, Card
from studio.ui.widgets.icon_button import IconButton
from studio.ui.widgets.icon_view import IconView
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.text_button import TextButton

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


class Banner(Card):
    """An icon, a sentence, at most one thing to do about it, and Close."""

    action_clicked = Signal()
    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        sentence: str = "",
        *,
        kind: Literal["info", "good", "warn", "error"] = "warn",
        action: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Tell ``sentence``; ``action`` is the text of a button, "" for none."""
        super().__init__(theme, parent=parent)
        self._sentence = PlainLabel(theme, sentence, wrap=True)
        self.action = TextButton(theme, action)
        self.action.setVisible(bool(action))
        self.close_button = IconButton(theme, "x", "Close", kind="quiet", role="dim")
        self.setAccessibleName(sentence)
        row = QHBoxLayout(self)
        row.setContentsMargins(INSET, GAP, GAP, GAP)
        row.setSpacing(GAP)
        row.addWidget(
            IconView(theme, KIND_ICONS[kind], role=KIND_ROLES[kind]), 0, Qt.AlignmentFlag.AlignVCenter
        )
        row.addWidget(self._sentence, 1)
        row.addWidget(self.action)
        row.addWidget(self.close_button)
        self.setMinimumHeight(CONTROL + 2 * GAP)
        self.action.clicked.connect(self._on_action_clicked)
        self.close_button.clicked.connect(self._on_close_clicked)

    def set_sentence(self, sentence: str, action: str = "") -> None:
        """Tell something else."""
        self._sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.action.setText(action)
        self.action.setVisible(bool(action))

    @Slot()
    def _on_action_clicked(self) -> None:
        self.action_clicked.emit()

    @Slot()
    def _on_close_clicked(self) -> None:
        self.hide()
        self.closed.emit()
