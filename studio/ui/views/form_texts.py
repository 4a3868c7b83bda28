"""The form's texts: prompt and negative prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.models.form_rules import takes_text
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.views import form_words as words
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.prompt_field import PromptField

if TYPE_CHECKING:
    from studio.ui.models.form import FormModel
    from studio.ui.theme.theme import Theme


class TextRows(QWidget):
    """What to make, and what to keep away from."""

    def __init__(self, theme: Theme, form: FormModel, parent: QWidget | None = None) -> None:
        """Edit the texts of ``form``."""
        super().__init__(parent)
        self._form = form
        self.prompt = PromptField(
            theme, "Prompt", placeholder="What to make", hint="Ctrl+Enter makes it", lines=3
        )
        self.no_text = PlainLabel(theme, words.NO_TEXT, kind="label", role="dim", wrap=True)
        self.negative = PromptField(theme, "", placeholder="What to keep away from", lines=2)
        self.negative.editor.setAccessibleName("Negative prompt")
        self.no_guidance = PlainLabel(theme, words.NO_GUIDANCE, kind="label", role="dim", wrap=True)
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(GRID)
        inside.addWidget(self.negative)
        inside.addWidget(self.no_guidance)
        self.disclosure = Collapsible(theme, "Negative prompt", content)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        for widget in (self.prompt, self.no_text, self.disclosure):
            column.addWidget(widget)
        self.prompt.edited.connect(self._on_prompt_edited)
        self.negative.edited.connect(self._on_negative_edited)
        self._had_negative = False

    def synchronise(self) -> None:
        """Show the form's values."""
        values, card = self._form.values, self._form.card
        text = takes_text(card)
        self.prompt.set_text(values.prompt)
        self.negative.set_text(values.negative)
        self.prompt.setEnabled(text)
        self.no_text.setVisible(not text)
        self.disclosure.setVisible(text)
        guided = values.guidance != 1.0
        self.negative.setEnabled(guided)
        self.no_guidance.setVisible(not guided)
        if bool(values.negative) != self._had_negative:
            self._had_negative = bool(values.negative)
            if self._had_negative:  # what counts must be seen
                self.disclosure.set_open(True)

    @Slot(str)
    def _on_prompt_edited(self, text: str) -> None:
        self._form.edit(prompt=text)

    @Slot(str)
    def _on_negative_edited(self, text: str) -> None:
        self._form.edit(negative=text)
