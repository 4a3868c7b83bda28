"""The form of the Create page: prompt and settings of a picture, with Generate and its cost at the foot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.engine.requests.generate import MAX_COUNT, MAX_GUIDANCE, MAX_STEPS
from studio.ui.create import text
from studio.ui.create.ideas import IdeasModel
from studio.ui.create.ideas_view import IdeasPopover, PromptCompletion
from studio.ui.create.loras_view import LoraList, LoraPopover
from studio.ui.create.size_view import FreeSize, OfferedSizes
from studio.ui.jobs import cost_text
from studio.ui.jobs import text as run_text
from studio.ui.jobs.option_fields import OptionControls, TextControls
from studio.ui.jobs.run_settings import most_steps, takes_text
from studio.ui.jobs.text import model_facts
from studio.ui.language import tr
from studio.ui.theme.metrics import FIELD, FORM, GAP, GRID, PADDING
from studio.ui.widgets.binding import bind
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import NO_EDGE, Ground
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import FactList, PlainLabel, named, set_tip
from studio.ui.widgets.numbers import NumberField, NumberSlider, SeedField
from studio.ui.widgets.page import ScrollArea
from studio.ui.widgets.prompt_field import PromptField

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from studio.engine.requests.generate import OptionValue
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.settings import Preferences
    from studio.ui.create.form_model import FormModel
    from studio.ui.theme.theme import Theme


ROW_GAP = GAP + GRID
LOW = 620
"""Below this height in pixels, the rows of the form are closer together."""
SLIDER_STEPS = 100
SLIDER_GUIDANCE = 15.0


class SettingRows(QWidget):
    """Model, size, sampler, steps, guidance, seed and count; spacing and the sampler's options are folded."""

    def __init__(
        self,
        theme: Theme,
        form: FormModel,
        catalog: Catalog,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._form, self._catalog, self._preferences = form, catalog, preferences
        self._most_steps = MAX_STEPS
        self.model = ChoiceField(theme, tr("Model"), tip=run_text.model_tip())
        self.free_size = FreeSize(theme, form)
        self.offered_sizes = OfferedSizes(theme, form)
        self.sampler = ChoiceField(theme, tr("Sampler"), tip=run_text.sampler_tip())
        self.steps = NumberSlider(
            theme,
            tr("Steps"),
            minimum=1,
            maximum=MAX_STEPS,
            step=1,
            slider_maximum=SLIDER_STEPS,
            tip=run_text.steps_tip(),
        )
        self.guidance = NumberSlider(
            theme,
            tr("Guidance"),
            minimum=0,
            maximum=MAX_GUIDANCE,
            step=0.5,
            decimals=1,
            slider_maximum=SLIDER_GUIDANCE,
            tip=run_text.guidance_tip(),
        )
        self.seed = SeedField(theme)
        self.count = NumberField(
            theme, tr("Pictures"), minimum=1, maximum=MAX_COUNT, tip=run_text.count_tip()
        )
        self.count.setFixedWidth(FIELD)
        self.options = OptionControls(theme)
        self.spacing = ChoiceField(theme, tr("Spacing"), tip=run_text.spacing_tip())
        self.spacing.set_items(run_text.spacing_items())
        more = QWidget()
        self.text = TextControls(theme)
        _fill(QVBoxLayout(more), self.options, self.spacing, self.text)
        self.more = Collapsible(theme, tr("More settings"), more, open=preferences.more_settings_shown)
        self.facts = FactList(theme)
        self.about = Collapsible(theme, tr("About this model"), self.facts)
        self._lay_out()
        self._on_form_changed()
        self._connect()

    def _lay_out(self) -> None:
        self.column = column = QVBoxLayout(self)
        _fill(column, self.model, self.free_size, _row((self.offered_sizes, 0), (self.sampler, 1)))
        _fill(column, self.steps, self.guidance, _row((self.seed, 1), (self.count, 0)))
        folds = QVBoxLayout()
        folds.setSpacing(0)
        folds.addWidget(self.more)
        folds.addWidget(self.about)
        column.addLayout(folds)

    def _connect(self) -> None:
        form = self._form
        form.changed.connect(
            self._on_form_changed
        )  # before the bindings: a value is chosen among new choices
        for name, control in (
            ("model", self.model),
            ("sampler", self.sampler),
            ("steps", self.steps),
            ("guidance", self.guidance),
            ("spacing", self.spacing),
            ("seed", self.seed),
            ("count", self.count),
        ):
            bind(form, name, control)
        self.options.edited.connect(self._on_option_edited)
        self.text.edited.connect(self._on_text_edited)
        self.seed.roll_requested.connect(form.roll_seed)
        self.seed.lock_edited.connect(self._on_lock_edited)
        self.more.toggled.connect(self._on_more_toggled)

    @Slot()
    def _on_form_changed(self) -> None:
        """Show the choices and limits of the chosen model, and the values that have no binding."""
        values, card = self._form.values, self._form.card
        self.model.set_items(run_text.model_items(self._catalog.models, values.model))
        self.sampler.set_items(run_text.sampler_items(values))
        rule = None if card is None else card.size_rule
        self.free_size.setVisible(rule is not None)
        self.offered_sizes.setVisible(rule is None)
        if rule is None:
            self.offered_sizes.synchronise()
        else:
            self.free_size.synchronise(rule)
        set_tip(self.model.box, run_text.trained_on(card) or run_text.model_tip())
        set_tip(self.sampler.box, run_text.sampler_summary(values.sampler))
        self.about.setVisible(card is not None)
        if card is not None:
            self.facts.set_facts(model_facts(card))
        most = most_steps(card)
        if most != self._most_steps:
            self._most_steps = most
            self.steps.set_limits(1, most, min(SLIDER_STEPS, most))
        self.guidance.setEnabled(takes_text(card))
        self.options.show_options(values.sampler, values.options_of(values.sampler))
        self.text.show_values(None if card is None else card.text_defaults, values.emphasis, values.clip_skip)
        self.seed.set_locked(values.seed_locked)
        self.more.set_detail(text.changed_settings(values, card))

    @Slot(str, object)
    def _on_option_edited(self, name: str, value: OptionValue) -> None:
        self._form.edit_option(name, value)

    @Slot(str, object)
    def _on_text_edited(self, name: str, value: object) -> None:
        self._form.edit(**{name: value})

    @Slot(bool)
    def _on_lock_edited(self, locked: bool) -> None:
        self._form.edit(seed_locked=locked)

    @Slot(bool)
    def _on_more_toggled(self, shown: bool) -> None:
        self._preferences.set("more_settings_shown", shown)


def _fill(column: QVBoxLayout, *rows: QWidget | QHBoxLayout) -> None:
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(ROW_GAP)
    for row in rows:
        if isinstance(row, QWidget):
            column.addWidget(row)
        else:
            column.addLayout(row)


def _row(*cells: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GAP)
    for cell, stretch in cells:
        row.addWidget(cell, stretch)
    return row


class TextRows(QWidget):
    """The prompt with its ideas, and the negative prompt."""

    def __init__(
        self, theme: Theme, form: FormModel, ideas: IdeasModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._form, self._ideas = form, ideas
        self.prompt = PromptField(
            theme, tr("Prompt"), placeholder=tr("Describe the picture"), hint=text.prompt_hint(), lines=3
        )
        self.ideas = TextButton(theme, tr("Ideas"), kind="quiet", icon="lightbulb")
        set_tip(self.ideas, text.ideas_tip())
        self.add_lora = TextButton(theme, tr("LoRA"), kind="quiet", icon="plus")
        named(self.add_lora, tr("Add LoRA"), text.add_lora_tip())
        self._corner = QWidget()
        corner = QHBoxLayout(self._corner)
        corner.setContentsMargins(0, 0, 0, 0)
        corner.setSpacing(0)
        corner.addWidget(self.ideas)
        corner.addWidget(self.add_lora)
        self.prompt.editor.set_corner(self._corner)
        self.loras = LoraList(theme, form.loras)
        self.lora_popover = LoraPopover(theme, form.loras, self.add_lora)
        self.completion = PromptCompletion(theme, self.prompt, form, ideas)
        self.popover = IdeasPopover(theme, ideas, self.ideas)
        self.script = PlainLabel(theme, kind="label", role="warn", wrap=True)
        self.no_text = PlainLabel(theme, text.no_text(), kind="label", role="dim", wrap=True)
        self.negative = PromptField(theme, "", placeholder=tr("What the picture should not show"), lines=2)
        named(self.negative.editor, run_text.negative_prompt(), run_text.negative_tip())
        self.no_guidance = PlainLabel(theme, run_text.no_guidance(), kind="label", role="dim", wrap=True)
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(GRID)
        inside.addWidget(self.negative)
        inside.addWidget(self.no_guidance)
        self.disclosure = Collapsible(theme, run_text.negative_prompt(), content)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        for widget in (self.prompt, self.loras, self.script, self.no_text, self.disclosure):
            column.addWidget(widget)
        self._had_negative = False
        form.changed.connect(self._on_form_changed)
        bind(form, "prompt", self.prompt)
        bind(form, "negative", self.negative)
        self.disclosure.header.clicked.connect(self._on_disclosure_clicked)
        self.ideas.clicked.connect(self._on_ideas)
        self.add_lora.clicked.connect(self._on_add_lora)
        self.lora_popover.left.connect(self.prompt.editor.setFocus)
        self.popover.example_chosen.connect(self._write)
        self.popover.name_chosen.connect(self._on_name)
        self.popover.left.connect(self.prompt.editor.setFocus)
        ideas.changed.connect(self._on_ideas_changed)
        form.lengths.changed.connect(self._on_lengths_changed)
        self._on_ideas_changed()
        self._on_lengths_changed()
        self._on_form_changed()

    @Slot()
    def _on_form_changed(self) -> None:
        values, card = self._form.values, self._form.card
        with_text = takes_text(card)
        self._show_corner()
        self.prompt.setEnabled(with_text)
        self.no_text.setVisible(not with_text)
        self.disclosure.setVisible(with_text)
        self.disclosure.set_detail(" ".join(values.negative.split()))
        guided = values.guidance != 1.0
        self.negative.setEnabled(guided)
        self.no_guidance.setVisible(not guided)
        if bool(values.negative) != self._had_negative:
            self._had_negative = bool(values.negative)
            if self._had_negative:  # a prompt that has an effect is never hidden
                self.disclosure.set_open(True)

    @Slot(bool)
    def _on_disclosure_clicked(self, opened: bool) -> None:
        """Focus the negative prompt when it is unfolded."""
        if opened:
            self.negative.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _on_ideas_changed(self) -> None:
        self._show_corner()

    def _show_corner(self) -> None:
        ideas, loras = self._ideas.available, self._form.loras.available
        if (ideas, loras) != (self.ideas.isVisibleTo(self._corner), self.add_lora.isVisibleTo(self._corner)):
            self.ideas.setVisible(ideas)
            self.add_lora.setVisible(loras)
        self.prompt.editor.show_corner(ideas or loras)

    @Slot()
    def _on_add_lora(self) -> None:
        """Open the list of LoRAs beside the prompt, or close it."""
        if self.lora_popover.isVisible():
            self.lora_popover.hide()
            return
        self.lora_popover.open(self._beside_prompt())

    def _beside_prompt(self) -> QPoint:
        editor = self.prompt.editor
        return editor.mapTo(self.window(), QPoint(editor.width() + PADDING + GAP, 0))

    @Slot()
    def _on_lengths_changed(self) -> None:
        lengths = self._form.lengths.lengths
        for field, length in ((self.prompt, lengths.prompt), (self.negative, lengths.negative)):
            field.set_length("" if length is None else text.length(length), text.length_tip())
        sentence = text.foreign_scripts((lengths.prompt, lengths.negative))
        self.script.setText(sentence)
        self.script.setVisible(bool(sentence))

    @Slot()
    def _on_ideas(self) -> None:
        """Open the ideas beside the prompt, or close them."""
        if self.popover.isVisible():
            self.popover.hide()
            return
        self.popover.open(self._beside_prompt(), adds=self._is_being_written())

    def _is_being_written(self) -> bool:
        """Whether the cursor is after a space, so that a name is added to the prompt."""
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
        """Write a prompt with the cursor between its two parts, as one step of undo."""
        self._form.write_prompt(before + after)
        self.prompt.put(before + after, before)
        self.prompt.editor.setFocus(Qt.FocusReason.OtherFocusReason)


class FormFoot(Ground):
    """Generate, its cost, and the form's error; stays visible while the form scrolls."""

    def __init__(
        self, theme: Theme, form: FormModel, intents: Intents, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "panel", parent=parent)
        self._form = form
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.generate = TextButton(theme, tr("Generate"), kind="primary")
        set_tip(self.generate, tr("Make the pictures (Ctrl+Enter)"))
        self.cancel = TextButton(theme, tr("Cancel"))
        set_tip(self.cancel, tr("Cancel the running job (Esc)"))
        self.cancel.hide()
        self.cost = PlainLabel(theme, kind="label", role="dim")
        self.cost.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.memory = PlainLabel(theme, kind="label", role="dim")
        self.memory.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.slow = PlainLabel(theme, cost_text.slow_on_cpu(), kind="label", role="warn")
        self.slow.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.smaller = TextButton(theme, "")
        self.fallback = TextButton(theme, "")
        self._advice = QWidget()
        advice = QHBoxLayout(self._advice)
        advice.setContentsMargins(0, 0, 0, 0)
        advice.setSpacing(GAP)
        advice.addWidget(self.smaller, 1)
        advice.addWidget(self.fallback, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.generate, 1)
        buttons.addWidget(self.cancel)
        self._column = column = QVBoxLayout(self)
        self.set_compact(False)
        column.addWidget(self.fault)
        column.addLayout(buttons)
        for widget in (self.cost, self.memory, self.slow, self._advice):
            column.addWidget(widget)
        self.smaller.clicked.connect(self._on_smaller)
        self.fallback.clicked.connect(self._on_fallback)
        self.generate.clicked.connect(intents.generate)
        self.cancel.clicked.connect(intents.cancel)
        form.changed.connect(self._on_changed)
        form.estimate_changed.connect(self._on_changed)
        self._on_changed()

    def set_running(self, running: bool) -> None:
        """Show whether a job runs: then Generate adds to the queue, and Cancel is shown."""
        if self.cancel.isHidden() == running:
            self.generate.setText(tr("Add to queue") if running else tr("Generate"))
            self.cancel.setVisible(running)

    def set_compact(self, compact: bool) -> None:
        top, bottom = (GAP, GAP) if compact else (PADDING - GRID, PADDING)
        self._column.setContentsMargins(PADDING, top, PADDING - 1, bottom)  # 1: the form's own line
        self._column.setSpacing(GRID if compact else GAP)

    def set_line(self, shown: bool) -> None:
        """Draw a line at the top while rows are scrolled out of sight below it."""
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
        self.cost.setText(cost_text.cost(estimate))
        set_tip(self.cost, cost_text.cost_tip(estimate, self._form.values.steps))
        plan, fallback = estimate.memory, self._form.fallback
        short = plan is not None and not plan.fits
        self.memory.setVisible(plan is not None)
        if plan is not None:
            self.memory.setText(cost_text.memory_cost(plan))
            self.memory.set_role("warn" if short else "dim")
            set_tip(self.memory, cost_text.memory_tip(plan))
        self.slow.setVisible(estimate.slow and estimate.seconds is None)
        self.smaller.setVisible(estimate.smaller is not None)
        if estimate.smaller is not None:
            self.smaller.setText(cost_text.use_size(estimate.smaller))
        self.fallback.setVisible(fallback is not None)
        if fallback is not None:
            self.fallback.setText(cost_text.use_model(fallback))
        self._advice.setVisible(
            (short or estimate.slow) and (estimate.smaller is not None or fallback is not None)
        )

    @Slot()
    def _on_smaller(self) -> None:
        if (size := self._form.estimate.smaller) is not None:
            self._form.edit(width=size[0], height=size[1])

    @Slot()
    def _on_fallback(self) -> None:
        if (card := self._form.fallback) is not None:
            self._form.edit(model=card.name)


class FormView(Ground):
    """Edits a `FormModel`. In a low window the rows scroll, and Generate stays visible."""

    def __init__(
        self,
        theme: Theme,
        form: FormModel,
        catalog: Catalog,
        preferences: Preferences,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "panel", lines=Qt.Edge.RightEdge, parent=parent)
        self._form = form
        self.texts = TextRows(theme, form, IdeasModel(form, catalog, self))
        self.settings = SettingRows(theme, form, catalog, preferences)
        self.foot = FormFoot(theme, form, intents)
        self.area = ScrollArea()
        self._lay_out()
        self.area.verticalScrollBar().rangeChanged.connect(self._on_scrolled)
        self.area.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    def focus_prompt(self) -> None:
        """Focus the prompt; the prompt suggested at the first start is selected, so that typing replaces it."""
        editor = self.texts.prompt.editor
        editor.setFocus(Qt.FocusReason.OtherFocusReason)
        if self._form.suggested:
            editor.selectAll()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the rows closer together in a low window, so that all of them are visible."""
        super().resizeEvent(event)
        compact = self.height() < LOW
        gap = GAP if compact else ROW_GAP
        for column in (self._rows, self.settings.column):
            column.setSpacing(gap)
        self._rows.setContentsMargins(PADDING, gap if compact else PADDING, 0, gap)
        self.foot.set_compact(compact)

    def _lay_out(self) -> None:
        rows = QWidget()
        # The scroll bar takes the place of the right margin, so that nothing moves when it appears.
        rows.setFixedWidth(FORM - PADDING)
        self._rows = column = QVBoxLayout(rows)
        for group in (self.texts, self.settings):
            column.addWidget(group)
        column.addStretch(1)
        self.area.setWidget(rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 1, 0)  # the line at the right edge
        column.setSpacing(0)
        column.addWidget(self.area, 1)
        column.addWidget(self.foot)

    @Slot()
    def _on_scrolled(self) -> None:
        bar = self.area.verticalScrollBar()
        self.foot.set_line(bar.value() < bar.maximum())
