"""The form's model and sampler, with what is to be known of them.

The form's numbers: steps, guidance, the sampler's options, spacing, seed, size, count.

The form's texts: prompt, with ideas for it, and negative prompt.

The foot of the form: what is wrong, Generate, and what it costs.

The form: everything that matters to a picture, and Generate at its foot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests import MAX_COUNT, MAX_GUIDANCE, MAX_STEPS
from studio.ui.create.ideas import IdeasModel
from studio.ui.create.ideas_view import IdeasPopover, PromptCompletion
from studio.ui.jobs import text as words
from studio.ui.jobs.model_facts import facts
from studio.ui.jobs.option_fields import OptionControls
from studio.ui.jobs.run_settings import most_steps, takes_text
from studio.ui.theme.metrics import CONTROL, FORM, GAP, GRID, PADDING
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import NO_EDGE, Ground
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.fact_list import FactList
from studio.ui.widgets.labels import PlainLabel, labelled, set_tip
from studio.ui.widgets.numbers import NumberField, NumberSlider
from studio.ui.widgets.prompt_field import PromptField
from studio.ui.widgets.seed_field import SeedField

if TYPE_CHECKING:
    from studio.engine.option_values import OptionValue
    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel
    from studio.ui.theme.theme import Theme


class ChoiceRows(QWidget):
    """Which model, and which sampler."""

    def __init__(
        self, theme: Theme, form: FormModel, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Edit the choices of ``form`` among those of ``catalog``."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._model_items: list[words.Item] = []
        self._sampler_items: list[words.Item] = []
        self.model = ChoiceField(theme, "Model", tip=words.MODEL_TIP)
        self.line = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.facts = FactList(theme)
        self.about = Collapsible(theme, "About this model", self.facts)
        self.sampler = ChoiceField(theme, "Sampler", tip=words.SAMPLER_TIP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for widget in (self.model, self.line, self.about):
            column.addWidget(widget)
        column.addSpacing(GAP)
        column.addWidget(self.sampler)
        self.model.edited.connect(self._on_model_edited)
        self.sampler.edited.connect(self._on_sampler_edited)

    def synchronise(self) -> None:
        """Show the form's values."""
        values, card = self._form.values, self._form.card
        items = words.model_items(self._catalog.models, values.model)
        if items != self._model_items:
            self._model_items = items
            self.model.set_items(items)
        self.model.set_value(values.model)
        self.line.setText(words.model_line(card))
        self.about.setVisible(card is not None)
        if card is not None:
            self.facts.set_facts(facts(card))
        items = words.sampler_items(values)
        if items != self._sampler_items:
            self._sampler_items = items
            self.sampler.set_items(items)
        self.sampler.set_value(values.sampler)
        sampler = SAMPLERS[values.sampler]
        set_tip(self.sampler.box, f"{sampler.summary} {sampler.paper}")

    @Slot(str)
    def _on_model_edited(self, name: str) -> None:
        self._form.edit(model=name)

    @Slot(str)
    def _on_sampler_edited(self, name: str) -> None:
        self._form.edit(sampler=name)


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


class FormFoot(Ground):
    """Stays in sight while the form above it scrolls."""

    generate_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, theme: Theme, form: FormModel, parent: QWidget | None = None) -> None:
        """Show what ``form`` makes."""
        super().__init__(theme, "panel", parent=parent)
        self._form = form
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.generate = TextButton(theme, "Generate", kind="primary")
        set_tip(self.generate, "Make the pictures (Ctrl+Enter)")
        self.cancel = TextButton(theme, "Cancel")
        set_tip(self.cancel, "Stop the job that runs (Esc)")
        self.cancel.hide()
        self.cost = PlainLabel(theme, kind="label", role="dim")
        self.cost.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.generate, 1)
        buttons.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING - GRID, PADDING - 1, PADDING)  # 1: the form's own line
        column.setSpacing(GAP)
        column.addWidget(self.fault)
        column.addLayout(buttons)
        column.addWidget(self.cost)
        self.generate.clicked.connect(self._on_generate_clicked)
        self.cancel.clicked.connect(self._on_cancel_clicked)
        form.changed.connect(self._on_changed)
        form.estimate_changed.connect(self._on_changed)
        self._on_changed()

    def set_running(self, running: bool) -> None:
        """Say whether a job runs: then Generate adds to the queue, and it can be cancelled."""
        if self.cancel.isHidden() == running:
            self.generate.setText("Add to queue" if running else "Generate")
            self.cancel.setVisible(running)

    def set_line(self, shown: bool) -> None:
        """Draw a line above, where the form goes on beneath."""
        lines = Qt.Edge.TopEdge if shown else NO_EDGE
        if lines != self._lines:
            self._lines = lines
            self.update()

    @Slot()
    def _on_changed(self) -> None:
        fault, estimate = self._form.fault, self._form.estimate
        self.fault.setText(fault)
        self.fault.setVisible(bool(fault))
        self.generate.setEnabled(not fault)
        self.cost.setText(words.cost(estimate))
        set_tip(self.cost, words.cost_tip(estimate, self._form.values.steps))

    @Slot()
    def _on_generate_clicked(self) -> None:
        self.generate_requested.emit()

    @Slot()
    def _on_cancel_clicked(self) -> None:
        self.cancel_requested.emit()


class FormView(Ground):
    """Edits a `FormModel`. Where the window is low the rows scroll, and Generate stays in sight."""

    generate_requested = Signal()
    """The pictures are to be made, or added to the queue."""
    cancel_requested = Signal()
    """The running job is to stop."""

    def __init__(
        self, theme: Theme, form: FormModel, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Show what stands in ``form``, and the models of ``catalog`` to choose from."""
        super().__init__(theme, "panel", lines=Qt.Edge.RightEdge, parent=parent)
        self._form = form
        self.texts = TextRows(theme, form, IdeasModel(form, catalog, self))
        self.choices = ChoiceRows(theme, form, catalog)
        self.numbers = NumberRows(theme, form)
        self.foot = FormFoot(theme, form)
        self.area = QScrollArea()
        self._lay_out()
        self.foot.generate_requested.connect(self.generate_requested)
        self.foot.cancel_requested.connect(self.cancel_requested)
        self.area.verticalScrollBar().rangeChanged.connect(self._on_scrolled)
        self.area.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        form.changed.connect(self._on_form_changed)
        self._on_form_changed()

    def focus_prompt(self) -> None:
        """Put the cursor into the prompt; the one suggested at the first start is selected, to be typed over."""
        editor = self.texts.prompt.editor
        editor.setFocus(Qt.FocusReason.OtherFocusReason)
        if self._form.suggested:
            editor.selectAll()

    def set_running(self, running: bool) -> None:
        """Say whether a job runs: then Generate adds to the queue, and it can be cancelled."""
        self.foot.set_running(running)

    def _lay_out(self) -> None:
        rows = QWidget()
        # The scroll bar takes the right margin's place, so that nothing moves when it comes.
        rows.setFixedWidth(FORM - PADDING)
        column = QVBoxLayout(rows)
        column.setContentsMargins(PADDING, PADDING, 0, PADDING - GRID)
        column.setSpacing(PADDING - GRID)
        for group in (self.texts, self.choices, self.numbers):
            column.addWidget(group)
        column.addStretch()
        self.area.setWidget(rows)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.viewport().setAutoFillBackground(False)
        rows.setAutoFillBackground(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 1, 0)  # the line at the right edge
        column.setSpacing(0)
        column.addWidget(self.area, 1)
        column.addWidget(self.foot)

    @Slot()
    def _on_form_changed(self) -> None:
        for group in (self.texts, self.choices, self.numbers):
            group.synchronise()

    @Slot()
    def _on_scrolled(self) -> None:
        bar = self.area.verticalScrollBar()
        self.foot.set_line(bar.value() < bar.maximum())
