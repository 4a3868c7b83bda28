"""The settings of one run of a comparison."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout

from studio.engine.requests import MAX_GUIDANCE, MAX_SEED
from studio.ui.jobs import text as form_words
from studio.ui.jobs.option_fields import OptionControls
from studio.ui.jobs.run_settings import most_steps, takes_text
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.views import compare_words as words
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.numbers import NumberField
from studio.ui.widgets.prompt_field import PromptField
from studio.ui.widgets.seed_field import SeedField

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.engine.option_values import OptionValue
    from studio.ui.core.catalog import Catalog
    from studio.ui.models.compare_columns import CompareColumns
    from studio.ui.theme.theme import Theme


class ColumnView(Card):
    """Edits one column."""

    def __init__(
        self,
        theme: Theme,
        columns: CompareColumns,
        catalog: Catalog,
        place: int,
        parent: QWidget | None = None,
    ) -> None:
        """Edit the column at ``place``, from 0."""
        super().__init__(theme, parent=parent)
        self._columns, self._catalog, self._place = columns, catalog, place
        self._model_items: list[form_words.Item] = []
        self._sampler_items: list[form_words.Item] = []
        self.setAccessibleName(f"Run {place + 1}")
        self.remove = IconButton(theme, "x", f"Take run {place + 1} away", kind="quiet", role="dim")
        self.prompt = PromptField(theme, "Prompt", lines=2, tip=words.PROMPT_TIP)
        self.prompt.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.sampler = ChoiceField(theme, "Sampler", tip=form_words.SAMPLER_TIP)
        self.steps = NumberField(theme, "Steps", minimum=1, maximum=1000, tip=form_words.STEPS_TIP)
        self.guidance = NumberField(
            theme,
            "Guidance",
            minimum=0,
            maximum=MAX_GUIDANCE,
            step=0.5,
            decimals=1,
            tip=form_words.GUIDANCE_TIP,
        )
        self.seed = SeedField(theme)
        self.seed.lock.hide()
        self.seed.dice.setVisible(place == 0)
        set_tip(self.seed.field, words.SEED_TIP)
        self.model = ChoiceField(theme, "Model", tip=form_words.MODEL_TIP)
        self.options = OptionControls(theme)
        self.spacing = ChoiceField(theme, "Spacing", tip=form_words.SPACING_TIP)
        self.spacing.set_items(form_words.spacing_items())
        self._lay_out(theme)
        self._connect()

    def _lay_out(self, theme: Theme) -> None:
        head = QHBoxLayout()
        head.addWidget(PlainLabel(theme, f"Run {self._place + 1}", bold=True), 1)
        head.addWidget(self.remove)
        numbers = QHBoxLayout()
        numbers.setSpacing(GAP)
        numbers.addWidget(self.steps)
        numbers.addWidget(self.guidance)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GRID, GAP, GAP)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addWidget(self.prompt)
        column.addWidget(self.sampler)
        column.addLayout(numbers)
        column.addWidget(self.seed)
        column.addWidget(self.model)
        column.addWidget(self.options)
        column.addWidget(self.spacing)
        column.addStretch()

    def _connect(self) -> None:
        self.remove.clicked.connect(self._on_remove)
        self.prompt.edited.connect(self._on_prompt_edited)
        self.sampler.edited.connect(self._on_sampler_edited)
        self.steps.edited.connect(self._on_steps_edited)
        self.guidance.edited.connect(self._on_guidance_edited)
        self.options.edited.connect(self._on_option_edited)
        self.spacing.edited.connect(self._on_spacing_edited)
        self.seed.edited.connect(self._on_seed_edited)
        self.seed.roll_requested.connect(self._on_roll_requested)
        self.model.edited.connect(self._on_model_edited)

    def synchronise(self) -> None:
        """Show the column's settings."""
        values, card = self._columns.columns[self._place], self._columns.card(self._place)
        self.remove.setEnabled(self._columns.can_remove)
        self.prompt.set_text(values.prompt)
        self.prompt.setVisible(takes_text(card))
        self.spacing.set_value(values.spacing)
        items = form_words.sampler_items(values)
        if items != self._sampler_items:
            self._sampler_items = items
            self.sampler.set_items(items)
        self.sampler.set_value(values.sampler)
        self.steps.set_limits(1, most_steps(card))
        self.steps.set_value(values.steps)
        self.guidance.set_value(values.guidance)
        self.guidance.setEnabled(takes_text(card))
        self.options.show_options(values.sampler, values.options_of(values.sampler))
        self.seed.set_value(values.seed)
        items = form_words.model_items(self._catalog.models, values.model)
        if items != self._model_items:
            self._model_items = items
            self.model.set_items(items)
        self.model.set_value(values.model)
        self.model.setVisible(len(items) > 1)

    @Slot()
    def _on_remove(self) -> None:
        self._columns.remove(self._place)

    @Slot(str)
    def _on_prompt_edited(self, text: str) -> None:
        self._columns.edit(self._place, prompt=text)

    @Slot(str)
    def _on_spacing_edited(self, name: str) -> None:
        self._columns.edit(self._place, spacing=name)

    @Slot(str)
    def _on_sampler_edited(self, name: str) -> None:
        self._columns.edit(self._place, sampler=name)

    @Slot(float)
    def _on_steps_edited(self, value: float) -> None:
        self._columns.edit(self._place, steps=round(value))

    @Slot(float)
    def _on_guidance_edited(self, value: float) -> None:
        self._columns.edit(self._place, guidance=value)

    @Slot(str, object)
    def _on_option_edited(self, name: str, value: OptionValue) -> None:
        self._columns.edit_option(self._place, name, value)

    @Slot(object)
    def _on_seed_edited(self, seed: int) -> None:
        self._columns.edit(self._place, seed=seed)

    @Slot()
    def _on_roll_requested(self) -> None:
        self._columns.edit(self._place, seed=secrets.randbelow(MAX_SEED + 1))

    @Slot(str)
    def _on_model_edited(self, name: str) -> None:
        self._columns.edit(self._place, model=name)
