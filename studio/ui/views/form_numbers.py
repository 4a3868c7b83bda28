"""The form's numbers: steps, guidance, the sampler's options, spacing, seed, size, count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.engine.requests import MAX_COUNT, MAX_GUIDANCE, MAX_STEPS
from studio.ui.jobs import text as words
from studio.ui.jobs.option_fields import OptionControls
from studio.ui.jobs.run_settings import most_steps, takes_text
from studio.ui.theme.metrics import CONTROL, GAP, GRID
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, labelled
from studio.ui.widgets.numbers import NumberField, NumberSlider
from studio.ui.widgets.seed_field import SeedField

if TYPE_CHECKING:
    from studio.engine.option_values import OptionValue
    from studio.ui.models.form import FormModel
    from studio.ui.theme.theme import Theme

SLIDER_STEPS = 100
SLIDER_GUIDANCE = 15.0


class NumberRows(QWidget):
    """How the picture is made, from what noise, how large and how many."""

    def __init__(self, theme: Theme, form: FormModel, parent: QWidget | None = None) -> None:
        """Edit the numbers of ``form``."""
        super().__init__(parent)
        self._form = form
        self._most_steps = MAX_STEPS
        self._size_items: list[words.Item] = []
        self.steps = NumberSlider(
            theme,
            "Steps",
            minimum=1,
            maximum=MAX_STEPS,
            step=1,
            slider_maximum=SLIDER_STEPS,
            tip=words.STEPS_TIP,
        )
        self.guidance = NumberSlider(
            theme,
            "Guidance",
            minimum=0,
            maximum=MAX_GUIDANCE,
            step=0.5,
            decimals=1,
            slider_maximum=SLIDER_GUIDANCE,
            tip=words.GUIDANCE_TIP,
        )
        self.options = OptionControls(theme)
        self.spacing = ChoiceField(theme, "Spacing", tip=words.SPACING_TIP)
        self.spacing.set_items(words.spacing_items())
        self.seed = SeedField(theme)
        self.size_field = ChoiceField(theme, "Size", tip=words.SIZE_TIP)
        self.fixed_size = _FixedText(theme, "Size", words.SIZE_TIP)
        self.count = NumberField(theme, "Pictures", minimum=1, maximum=MAX_COUNT, tip=words.COUNT_TIP)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        last = QHBoxLayout()
        last.setSpacing(GAP)
        for widget in (self.size_field, self.fixed_size, self.count):
            last.addWidget(widget, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        for row in (self.steps, self.guidance, self.options, self.spacing, self.seed):
            column.addWidget(row)
        column.addLayout(last)

    def _connect(self) -> None:
        self.steps.edited.connect(self._on_steps_edited)
        self.guidance.edited.connect(self._on_guidance_edited)
        self.options.edited.connect(self._on_option_edited)
        self.spacing.edited.connect(self._on_spacing_edited)
        self.seed.edited.connect(self._on_seed_edited)
        self.seed.roll_requested.connect(self._form.roll_seed)
        self.seed.lock_edited.connect(self._on_lock_edited)
        self.size_field.edited.connect(self._on_size_edited)
        self.count.edited.connect(self._on_count_edited)

    def synchronise(self) -> None:
        """Show the form's values."""
        values, card = self._form.values, self._form.card
        most = most_steps(card)
        if most != self._most_steps:
            self._most_steps = most
            self.steps.set_limits(1, most, min(SLIDER_STEPS, most))
        self.steps.set_value(values.steps)
        self.guidance.set_value(values.guidance)
        self.guidance.setEnabled(takes_text(card))
        self.options.show_options(values.sampler, values.options_of(values.sampler))
        self.spacing.set_value(values.spacing)
        self.seed.set_value(values.seed)
        self.seed.set_locked(values.seed_locked)
        items = words.size_items(card)
        if items != self._size_items:
            self._size_items = items
            self.size_field.set_items(items)
        self.size_field.set_value(words.size_key(values.size))
        self.size_field.setVisible(len(items) > 1)
        self.fixed_size.setVisible(len(items) <= 1)
        self.fixed_size.set_text(f"{values.width} × {values.height}")
        self.count.set_value(values.count)

    @Slot(float)
    def _on_steps_edited(self, value: float) -> None:
        self._form.edit(steps=round(value))

    @Slot(float)
    def _on_guidance_edited(self, value: float) -> None:
        self._form.edit(guidance=value)

    @Slot(str, object)
    def _on_option_edited(self, name: str, value: OptionValue) -> None:
        self._form.edit_option(name, value)

    @Slot(str)
    def _on_spacing_edited(self, name: str) -> None:
        self._form.edit(spacing=name)

    @Slot(object)
    def _on_seed_edited(self, seed: int) -> None:
        self._form.edit(seed=seed)

    @Slot(bool)
    def _on_lock_edited(self, locked: bool) -> None:
        self._form.edit(seed_locked=locked)

    @Slot(str)
    def _on_size_edited(self, key: str) -> None:
        width, height = map(int, key.split("x"))
        self._form.edit(width=width, height=height)

    @Slot(float)
    def _on_count_edited(self, value: float) -> None:
        self._form.edit(count=round(value))


class _FixedText(QWidget):
    """What cannot be changed, in the place of a field."""

    def __init__(self, theme: Theme, label: str, tip: str) -> None:
        super().__init__()
        self._text = PlainLabel(theme)
        self._text.setFixedHeight(CONTROL)
        labelled(theme, self, label, tip=tip).addWidget(self._text)

    def set_text(self, text: str) -> None:
        if text != self._text.text():
            self._text.setText(text)
