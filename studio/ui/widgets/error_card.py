"""What went wrong, in the place where its result was expected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.card import Card
from studio.ui.widgets.details import Details
from studio.ui.widgets.icon_view import IconView
from studio.ui.widgets.plain_label import PlainLabel

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


class ErrorCard(Card):
    """The first sentence says what happened, the others what to do; details and Copy for a report."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(theme, parent=parent)
        self.happened = PlainLabel(theme, bold=True, wrap=True)
        self.remedy = PlainLabel(theme, role="dim", wrap=True)
        self.details = Details(theme)
        for label in (self.happened, self.remedy):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        texts = QVBoxLayout()
        texts.setSpacing(GRID)
        texts.addWidget(self.happened)
        texts.addWidget(self.remedy)
        texts.addSpacing(GRID)
        texts.addWidget(self.details)
        row = QHBoxLayout(self)
        row.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        row.setSpacing(GAP)
        row.addWidget(IconView(theme, "circle-alert", role="bad"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(texts, 1)

    def set_error(self, sentence: str, details: str = "") -> None:
        """Tell ``sentence`` (one or more of them); ``details`` is for a report."""
        happened, *remedy = _SENTENCE_END.split(sentence, maxsplit=1)
        self.happened.setText(happened)
        self.remedy.setText("".join(remedy))
        self.remedy.setVisible(bool(remedy))
        self.details.set_details(sentence, details)
        self.setAccessibleName(sentence)
