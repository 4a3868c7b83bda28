"""The settings of a comparison: a column of fields for each run, and below them the buttons that add and start runs."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from studio.diffusion.seeds import DISTINCT_SEEDS
from studio.engine.requests.generate import MAX_GUIDANCE
from studio.ui.compare import text as words
from studio.ui.compare.columns import Column
from studio.ui.jobs import text as form_words
from studio.ui.jobs.option_fields import OptionControls, TextControls
from studio.ui.jobs.run_settings import most_steps, takes_text
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, INSET, PADDING
from studio.ui.widgets.binding import bind
from studio.ui.widgets.buttons import IconButton, TextButton, fit_texts
from studio.ui.widgets.cards import Card, Ground
from studio.ui.widgets.choice import ChoiceField, SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.numbers import NumberField, SeedField
from studio.ui.widgets.prompt_field import PromptField

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from studio.engine.requests.generate import OptionValue
    from studio.ui.compare.columns import CompareColumns
    from studio.ui.core.catalog import Catalog
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
        super().__init__(theme, parent=parent)
        self._columns, self._catalog, self._place = columns, catalog, place
        self._items: dict[ChoiceField, list[form_words.Item]] = {}
        self.setAccessibleName(words.run_number(place + 1))
        self.remove = IconButton(theme, "x", words.remove_run(place + 1), kind="quiet", role="dim")
        self.prompt = PromptField(theme, tr("Prompt"), lines=2, tip=words.prompt_tip())
        self.prompt.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.sampler = ChoiceField(theme, tr("Sampler"), tip=form_words.sampler_tip())
        self.steps = NumberField(theme, tr("Steps"), minimum=1, maximum=1000, tip=form_words.steps_tip())
        self.guidance = NumberField(
            theme,
            tr("Guidance"),
            minimum=0,
            maximum=MAX_GUIDANCE,
            step=0.5,
            decimals=1,
            tip=form_words.guidance_tip(),
        )
        self.seed = SeedField(theme)
        self.seed.lock.hide()
        self.seed.dice.setVisible(place == 0)
        set_tip(self.seed.field, words.seed_tip())
        widest = self.seed.field.fontMetrics().horizontalAdvance(f"{DISTINCT_SEEDS:,}")
        self.seed.field.setMinimumWidth(widest + 2 * INSET)  # a seed that is cut looks like another seed
        self.model = ChoiceField(theme, tr("Model"), tip=form_words.model_tip())
        self.options = OptionControls(theme)
        self.spacing = ChoiceField(theme, tr("Spacing"), tip=form_words.spacing_tip())
        self.spacing.set_items(form_words.spacing_items())
        self.text = TextControls(theme)
        self._lay_out(theme)
        column = Column(columns, place, self)
        for name, control in (
            ("prompt", self.prompt),
            ("sampler", self.sampler),
            ("steps", self.steps),
            ("guidance", self.guidance),
            ("seed", self.seed),
            ("model", self.model),
            ("spacing", self.spacing),
        ):
            bind(column, name, control)
        self.remove.clicked.connect(self._on_remove)
        self.options.edited.connect(self._on_option_edited)
        self.text.edited.connect(self._on_text_edited)
        self.seed.roll_requested.connect(self._on_roll_requested)

    def _lay_out(self, theme: Theme) -> None:
        head = QHBoxLayout()
        head.addWidget(PlainLabel(theme, words.run_number(self._place + 1), bold=True), 1)
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
        for control in (self.seed, self.model, self.options, self.spacing, self.text):
            column.addWidget(control)
        column.addStretch()

    def synchronise(self) -> None:
        """Update the choices, the limits and what is enabled; the values follow by their bindings."""
        values, card = self._columns.columns[self._place], self._columns.card(self._place)
        models = form_words.model_items(self._catalog.models, values.model)
        self._offer(self.sampler, form_words.sampler_items(values), values.sampler)
        self._offer(self.model, models, values.model)
        self.model.setVisible(len(models) > 1)
        self.steps.set_limits(1, most_steps(card))
        self.steps.set_value(values.steps)
        self.options.show_options(values.sampler, values.options_of(values.sampler))
        self.text.show_values(None if card is None else card.text_defaults, values.emphasis, values.clip_skip)
        self.prompt.setVisible(takes_text(card))
        self.guidance.setEnabled(takes_text(card))
        self.remove.setEnabled(self._columns.can_remove)

    def _offer(self, choice: ChoiceField, items: list[form_words.Item], chosen: str) -> None:
        if items != self._items.get(choice):
            self._items[choice] = items
            choice.set_items(items)
        choice.set_value(chosen)

    @Slot()
    def _on_remove(self) -> None:
        self._columns.remove(self._place)

    @Slot(str, object)
    def _on_option_edited(self, name: str, value: OptionValue) -> None:
        self._columns.edit_option(self._place, name, value)

    @Slot(str, object)
    def _on_text_edited(self, name: str, value: object) -> None:
        self._columns.edit(self._place, **{name: value})

    @Slot()
    def _on_roll_requested(self) -> None:
        self._columns.edit(self._place, seed=secrets.randbelow(DISTINCT_SEEDS))


MAX_HEIGHT = 600


class _Area(QScrollArea):
    """A scroll area as high as its content, up to a limit."""

    def sizeHint(self) -> QSize:
        inside = self.widget()
        assert inside is not None, "set when the area is built"
        return QSize(super().sizeHint().width(), min(inside.sizeHint().height(), MAX_HEIGHT))


class SetupView(Ground):
    """Edits `CompareColumns`.

    Signals:
        start_requested: start the comparison.
    """

    start_requested = Signal()

    def __init__(
        self, theme: Theme, columns: CompareColumns, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "window", lines=Qt.Edge.BottomEdge, parent=parent)
        self._columns, self._catalog = columns, catalog
        self.views: list[ColumnView] = []
        self._row = QHBoxLayout()
        self._row.setSpacing(GAP)
        self.all_samplers = TextButton(theme, tr("Compare samplers"), icon="columns-2")
        set_tip(
            self.all_samplers,
            tr("Makes one column for each sampler with the settings of the form, and starts the runs."),
        )
        self.add = TextButton(theme, tr("Add a run"), icon="plus")
        set_tip(self.add, tr("Adds a copy of the last run."))
        self.recorded = TextButton(theme, tr("Add a recorded run"), icon="images")
        set_tip(self.recorded, tr("Compares runs that were made before, with each other or with these."))
        self.sweep = TextButton(theme, tr("Sweep two settings"), icon="grid-3x3")
        set_tip(self.sweep, tr("A grid: every value of one setting with every value of another."))
        self.sharing = SegmentedSwitch(theme, tr("Model calls"), words.sharing())
        self.start = TextButton(theme, tr("Compare"), kind="primary")
        self._note = PlainLabel(theme, role="dim", elide=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._texts = {
            button: button.text() for button in (self.all_samplers, self.add, self.recorded, self.sweep)
        }
        for button, label in self._texts.items():
            button.setAccessibleName(label)
        self._lay_out()
        self.all_samplers.clicked.connect(self._on_all_samplers)
        self.add.clicked.connect(columns.add)
        self.sharing.edited.connect(self._on_sharing_edited)
        self.start.clicked.connect(self._on_start)
        columns.count_changed.connect(self._on_count_changed)
        columns.changed.connect(self._on_changed)
        catalog.changed.connect(self._on_changed)
        self._on_count_changed()
        self._on_changed()

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setAutoFillBackground(False)
        self._row.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._row)
        column.addStretch()
        self.area = area = _Area()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setAutoFillBackground(False)
        foot = QHBoxLayout()
        foot.setSpacing(GAP)
        for button in self._texts:
            foot.addWidget(button)
        foot.addWidget(self._note, 1)
        foot.addWidget(self.sharing)
        foot.addWidget(self.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PADDING, GAP + GRID, PADDING, GAP + GRID)
        layout.setSpacing(GAP + GRID)
        layout.addWidget(area, 1)
        layout.addLayout(foot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_foot()

    def _fit_foot(self) -> None:
        """Reduce the buttons to their icons if the note, which may be an error, would otherwise be elided."""
        note = self._note.fontMetrics().horizontalAdvance(self._note.text()) + GAP
        fixed = self.sharing.sizeHint().width() + self.start.sizeHint().width() + 2 * GAP
        fit_texts(self._texts, self.width() - 2 * PADDING - fixed - note)

    @Slot()
    def _on_count_changed(self) -> None:
        count = len(self._columns.columns)
        while len(self.views) < count:
            view = ColumnView(self._theme, self._columns, self._catalog, len(self.views))
            self.views.append(view)
            self._row.addWidget(view, 1)
        for place, column in enumerate(self.views):
            column.setVisible(place < count)

    @Slot()
    def _on_changed(self) -> None:
        columns = self._columns
        for view in self.views[: len(columns.columns)]:
            view.synchronise()
        self.area.updateGeometry()
        self.sharing.set_value("batched" if columns.batched else "exact")
        fault = columns.fault
        self.start.setEnabled(not fault)
        self.add.setEnabled(columns.can_add)
        self._note.setText(fault or words.plan(columns.take_request().requests))
        self._note.set_role("warn" if fault else "dim")
        self._fit_foot()

    @Slot()
    def _on_all_samplers(self) -> None:
        self._columns.fill_samplers()
        self._on_start()

    @Slot(str)
    def _on_sharing_edited(self, key: str) -> None:
        self._columns.set_batched(key == "batched")

    @Slot()
    def _on_start(self) -> None:
        if not self._columns.fault:
            self.start_requested.emit()
