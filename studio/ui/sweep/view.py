"""The sweep page: the fields of the two axes, starting and resuming, the grid, and saving it as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.errors import RequestError, capitalised
from studio.ui.jobs.sheet_writer import Labelled, ask_for_sheet
from studio.ui.jobs.text import model_calls
from studio.ui.language import tr
from studio.ui.sweep import text as words
from studio.ui.sweep.grid import SweepGrid
from studio.ui.sweep.plan import Axis, field_of, fields_for, format_axis, parse_axis, usual_values
from studio.ui.theme.metrics import CONTROL, GAP, GRID, PADDING, PAGE_HEAD
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import EmptyPage, Ground
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, labelled, named, set_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from studio.engine.requests.generate import GenerateRequest
    from studio.ui.core.intents import Intents
    from studio.ui.jobs.run_settings import RunSettings
    from studio.ui.jobs.sheet_writer import SheetWriter
    from studio.ui.sweep.model import Sweep, SweepModel
    from studio.ui.theme.theme import Theme


class AxisField(QWidget):
    """The setting of an axis and its values.

    Signals:
        edited: the setting or the values were changed by the user.
    """

    edited = Signal()

    def __init__(
        self, theme: Theme, label: str, field: str, form: RunSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._form = form
        self.setting = ChoiceField(theme, label)
        self._offer(field)
        self.setting.set_value(field)
        self.values = QLineEdit(usual_values(field, form.card))
        self.values.setFont(theme.font("body"))
        self.values.setFixedHeight(CONTROL)
        self.values.setMaxLength(4000)
        named(self.values, words.values_of(label), words.values_tip())
        values = QWidget()
        labelled(theme, values, tr("Values"), tip=words.values_tip()).addWidget(self.values)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.setting, 2)
        row.addWidget(values, 3)
        self.setting.edited.connect(self._on_setting_edited)
        self.values.textEdited.connect(self._on_values_edited)
        form.changed.connect(self._on_form_changed)

    def axis(self) -> Axis:
        """Return the axis.

        Raises:
            RequestError: a value is not valid.
        """
        return parse_axis(self.setting.value, self.values.text())

    def show_axis(self, axis: Axis) -> None:
        """Show the axis of a sweep, unless the user has changed the values."""
        if not self.values.isModified():
            self._offer(axis.field)
            self.setting.set_value(axis.field)
            self.values.setText(format_axis(axis))

    @Slot(str)
    def _on_setting_edited(self, field: str) -> None:
        self.values.setText(usual_values(field, self._form.card))
        self.edited.emit()

    @Slot()
    def _on_form_changed(self) -> None:
        self._offer(self.setting.value)

    def _offer(self, chosen: str) -> None:
        """Offer the settings of the form, and the chosen one even if its LoRA is not in the prompt any more."""
        fields = fields_for(self._form.values, self._form.card)
        if chosen:
            fields.setdefault(chosen, field_of(chosen))
        self.setting.set_items([(key, tr(one.title), "", "") for key, one in fields.items()])

    @Slot(str)
    def _on_values_edited(self, text: str) -> None:
        del text
        self.edited.emit()


class SweepView(Ground):
    """Sets up and shows a `SweepModel`."""

    def __init__(
        self,
        theme: Theme,
        model: SweepModel,
        form: RunSettings,
        sheets: SheetWriter,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "window", parent=parent)
        self._model, self._form, self._sheets = model, form, sheets
        self._plan, self._fault = "", ""
        self._next: GenerateRequest | None = None
        self._shown: Sweep | None = None
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.facts = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.back = TextButton(theme, tr("Back to the comparison"), kind="quiet", icon="chevron-left")
        self.compare = TextButton(theme, tr("Compare these two"), icon="columns-2")
        set_tip(self.compare, tr("Compares the runs of the two selected cells (Enter)"))
        self.stop = TextButton(theme, tr("Stop"))
        set_tip(self.stop, tr("Stops the sweep. Finished pictures stay, and it can be resumed later."))
        self.resume = TextButton(theme, tr("Resume"))
        set_tip(self.resume, tr("Makes the missing pictures only."))
        self.save = IconButton(theme, "download", tr("Save the sweep as one labelled picture"))
        self.across = AxisField(theme, tr("Across"), "steps", form)
        self.down = AxisField(theme, tr("Down"), "guidance", form)
        self.note = PlainLabel(theme, role="dim", elide=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.start_button = TextButton(theme, tr("Sweep"), kind="primary")
        self.grid = SweepGrid(theme, model)
        self.empty = EmptyPage(theme, "grid-3x3", words.empty_title(), "")
        self._lay_out(theme)
        self.back.clicked.connect(intents.open_comparison)
        self.compare.clicked.connect(model.compare_chosen)
        self.grid.compare_requested.connect(model.compare_chosen)
        self.stop.clicked.connect(model.stop)
        self.resume.clicked.connect(self._on_resume)
        self.save.clicked.connect(self._on_save)
        self.start_button.clicked.connect(self.start)
        for axis in (self.across, self.down):
            axis.edited.connect(self._on_asked_changed)
        form.changed.connect(self._on_asked_changed)
        model.changed.connect(self._on_swept_changed)
        model.chosen_changed.connect(self._on_changed)
        model.cells_changed.connect(self._on_changed)
        self._on_asked_changed()
        self._on_swept_changed()
        model.load()

    def _lay_out(self, theme: Theme) -> None:
        head = Ground(theme, "panel", lines=Qt.Edge.BottomEdge)
        head.setFixedHeight(PAGE_HEAD)
        row = QHBoxLayout(head)
        row.setContentsMargins(PADDING, 0, PADDING, 1)
        row.setSpacing(GAP + GRID)
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addStretch()
        lines.addWidget(self.title)
        lines.addWidget(self.facts)
        lines.addStretch()
        row.addWidget(self.back)
        row.addLayout(lines, 1)
        for button in (self.compare, self.save, self.stop, self.resume):
            row.addWidget(button)
        axes = QHBoxLayout()
        axes.setSpacing(PADDING)
        axes.addWidget(self.across, 1)
        axes.addWidget(self.down, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addSpacing(GAP)
        foot.addWidget(self.start_button)
        body = QVBoxLayout()
        body.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        body.setSpacing(GAP)
        body.addLayout(axes)
        body.addLayout(foot)
        body.addSpacing(GAP)
        body.addWidget(self.grid, 1)
        body.addWidget(self.empty, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addLayout(body, 1)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.start_button.setFocus(Qt.FocusReason.MouseFocusReason)  # a reason that shows no focus ring

    @Slot()
    def start(self) -> None:
        """Start the sweep, unless an axis is not valid or a sweep is running."""
        if self.start_button.isEnabled():
            self._focus_grid()
            self._model.start(self.across.axis(), self.down.axis())

    @Slot()
    def _on_resume(self) -> None:
        self._focus_grid()
        self._model.resume()

    def _focus_grid(self) -> None:
        """Move the focus to the grid, since the buttons are disabled or hidden while a sweep runs."""
        self.empty.hide()
        self.grid.show()
        self.grid.setFocus(Qt.FocusReason.MouseFocusReason)

    @Slot()
    def _on_swept_changed(self) -> None:
        """Show the sweep; of a new one, or one from an earlier session, also the axes."""
        sweep = self._model.sweep
        if sweep is not None and sweep is not self._shown:
            self._shown = sweep
            self.across.show_axis(sweep.across)
            self.down.show_axis(sweep.down)
            self._on_asked_changed()
        else:
            self._on_changed()

    @Slot()
    def _on_asked_changed(self) -> None:
        """Show what the next sweep would cost, or why it cannot start."""
        try:
            plan = self._model.plan(self.across.axis(), self.down.axis())
        except RequestError as error:
            self._plan, self._fault, self._next = "", capitalised(tr(error.message)), None
        else:
            self._plan, self._fault, self._next = (
                words.plan(len(plan), sum(map(model_calls, plan))),
                "",
                plan[0],
            )
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        model, sweep = self._model, self._model.sweep
        prompt = sweep.cells[0].prompt if sweep is not None else self._form.values.prompt
        self.title.setText(words.title(prompt))
        shown, swept = self._next, (self.across.setting.value, self.down.setting.value)
        if sweep is not None:
            shown, swept = sweep.cells[0], (sweep.across.field, sweep.down.field)
        self.facts.setText(words.facts(shown, swept) if shown is not None else "")
        self.facts.setVisible(shown is not None)
        self.grid.setVisible(sweep is not None)
        self.empty.setVisible(sweep is None)
        self.empty.how.setText(words.empty(prompt))
        self.stop.setVisible(model.running)
        self.resume.setVisible(model.can_resume)
        self.save.setVisible(bool(model.finished))
        self.compare.setVisible(bool(model.count))
        self.compare.setEnabled(len(model.chosen) == 2)
        progress = words.progress(model.finished, model.count)
        self.grid.setAccessibleDescription(progress)
        fault = self._fault or ("" if model.running else model.fault)
        self.note.setText(fault or (progress if model.running else self._plan))
        self.note.set_role("warn" if fault else "dim")
        self.start_button.setEnabled(not self._fault and not model.running)

    @Slot()
    def _on_save(self) -> None:
        sweep = self._model.sweep
        if sweep is None:
            return
        names = tr(sweep.across.title).lower(), tr(sweep.down.title).lower()
        pairs = [(right, below) for below in sweep.down.labels for right in sweep.across.labels]
        pictures = [
            Labelled(
                pixels=self._model.picture(place) or self._model.pixels(place),
                lines=tuple(
                    words.cell(name, words.value(label))
                    for name, label in zip(names, pairs[place], strict=True)
                ),
            )
            for place in range(max(sweep.finished, default=-1) + 1)
        ]
        path = ask_for_sheet(self, sweep.cells[0].prompt)
        if path is not None:
            title = words.sheet_title(sweep.cells[0].prompt, *names)
            self._sheets.write(path, pictures, len(sweep.across.values), title)
