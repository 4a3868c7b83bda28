"""The form's texts: prompt, with ideas for it, and negative prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.jobs import text as words
from studio.ui.jobs.run_settings import takes_text
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.views.ideas_popover import IdeasPopover
from studio.ui.views.prompt_completion import PromptCompletion
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.prompt_field import PromptField

if TYPE_CHECKING:
    from studio.ui.models.form import FormModel
    from studio.ui.models.ideas import IdeasModel
    from studio.ui.theme.theme import Theme


class TextRows(QWidget):
    """What to make, and what to keep away from."""

    def __init__(
        self, theme: Theme, form: FormModel, ideas: IdeasModel, parent: QWidget | None = None
    ) -> None:
        """Edit the texts of ``form``; ``ideas`` help with the prompt."""
        super().__init__(parent)
        self._form, self._ideas = form, ideas
        self.prompt = PromptField(
            theme, "Prompt", placeholder="What to make", hint="Ctrl+Enter makes it", lines=3
        )
        self.ideas = TextButton(theme, "Ideas", kind="quiet", icon="lightbulb")
        set_tip(self.ideas, words.IDEAS_TIP)
        self.prompt.editor.set_corner(self.ideas)
        self.completion = PromptCompletion(theme, self.prompt, form, ideas)
        self.popover = IdeasPopover(theme, ideas, self.ideas)
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
        self.ideas.clicked.connect(self._on_ideas)
        self.popover.example_chosen.connect(self._write)
        self.popover.name_chosen.connect(self._on_name)
        self.popover.left.connect(self.prompt.editor.setFocus)
        ideas.changed.connect(self._on_ideas_changed)
        self._on_ideas_changed()
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

    @Slot()
    def _on_ideas_changed(self) -> None:
        self.ideas.setVisible(self._ideas.available)

    @Slot()
    def _on_ideas(self) -> None:
        """Open the ideas at the right of the prompt, or close them."""
        if self.popover.isVisible():
            self.popover.hide()
            return
        editor = self.prompt.editor
        corner = editor.mapTo(self.window(), QPoint(editor.width() + PADDING + GAP, 0))
        self.popover.open(corner, adds=self._is_being_written())

    def _is_being_written(self) -> bool:
        """Whether the cursor stands behind a space, where a name is missing."""
        before, _ = self.prompt.editor.around_cursor()
        return bool(before.strip()) and before[-1:].isspace()

    @Slot(str)
    def _on_name(self, name: str) -> None:
        if not self._is_being_written():
            self._write(name)
            return
        before, after = self.prompt.editor.around_cursor()
        self._write(before + name, f" {after.lstrip()}" if after.strip() else "")

    @Slot(str)
    def _write(self, before: str, after: str = "") -> None:
        """Make a prompt of two parts, with the cursor between them, as one step of undo."""
        self._form.write_prompt(before + after)
        self.prompt.put(before + after, before)
        self.prompt.editor.setFocus(Qt.FocusReason.OtherFocusReason)
