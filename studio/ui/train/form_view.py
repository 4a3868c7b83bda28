"""The training form: the source, the settings (the rarer ones fold away), unfinished trainings, and Train."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.checkpoints.card import ModelCard
from studio.engine.training.request import SIDES
from studio.engine.training.scales import SCALES
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, FORM, GAP, GRID, PADDING
from studio.ui.train import text
from studio.ui.train.resumable import ResumablesView
from studio.ui.widgets.binding import bind
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel, labelled, named, set_tip, stand_for
from studio.ui.widgets.numbers import NumberField, NumberSlider
from studio.ui.widgets.page import ScrollArea
from studio.ui.widgets.painting import is_undo_of_the_window

if TYPE_CHECKING:
    from PySide6.QtGui import QInputMethodEvent

    from studio.ui.core.catalog import Catalog
    from studio.ui.theme.theme import Theme
    from studio.ui.train.form import TrainForm
    from studio.ui.train.model import TrainModels


MAX_LENGTH = 48


class _Edit(QLineEdit):
    composed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._composing = ""

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        super().inputMethodEvent(event)
        self._composing = event.preeditString()
        self.composed.emit()

    def shown(self) -> str:
        """Return the text with what an input method is still composing."""
        units = self.text().encode("utf-16-le", "surrogatepass")
        at = 2 * self.cursorPosition()  # Qt counts in UTF-16
        composing = self._composing.encode("utf-16-le", "surrogatepass")
        return (units[:at] + composing + units[at:]).decode("utf-16-le", "surrogatepass")

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the window."""
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)


class TextField(QWidget):
    """A labelled line of text; `edited` includes what an input method is still composing."""

    edited = Signal(str)

    def __init__(self, theme: Theme, label: str, *, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = _Edit()
        self.line.setFont(theme.font("body"))
        self.line.setFixedHeight(CONTROL)
        self.line.setMaxLength(MAX_LENGTH)
        named(self.line, label, tip)
        labelled(theme, self, label, tip=tip).addWidget(self.line)
        stand_for(self, self.line)
        self._text = ""
        self.line.textEdited.connect(self._on_edited)
        self.line.composed.connect(self._on_edited)

    def set_value(self, value: str) -> None:
        """Show ``value``; `edited` is not emitted."""
        if value != self._text:
            self._text = value
            self.line.setText(value)

    @Slot()
    def _on_edited(self) -> None:
        value = self.line.shown()[:MAX_LENGTH]
        if value != self._text:
            self._text = value
            self.edited.emit(value)


class FieldFault(PlainLabel):
    """The error of a field, below it; hidden while there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, kind="label", role="bad", wrap=True, parent=parent)
        self.hide()

    def show_fault(self, sentence: str) -> None:
        """Show ``sentence``; "" hides the label."""
        self.setText(sentence)
        self.setVisible(bool(sentence))


def stacked(*widgets: QWidget, gap: int = GRID) -> QWidget:
    """Return the widgets in one column."""
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(gap)
    for widget in widgets:
        column.addWidget(widget)
    return box


_SLIDER_STEPS = 20_000
_NEW_MODEL = "new"
"""The key of the choice to start from scratch; a request has "" there."""
_UNIFORM = "even"
"""The key of the loss weighting that a request has as None."""

Item = tuple[str, str, str, str]
"""A row of a choice: key, text, detail, tooltip."""


class TrainRows(QWidget):
    """Edits the settings of a `TrainForm`; the rarer ones are folded."""

    def __init__(
        self, theme: Theme, form: TrainForm, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self.name = TextField(theme, tr("Name of the model"), tip=text.name_tip())
        self.base = ChoiceField(theme, tr("Start from"), tip=text.base_tip())
        self.size_field = ChoiceField(theme, tr("Size"), tip=text.size_tip())
        self.backbone = ChoiceField(theme, tr("Backbone"), tip=text.backbone_tip())
        self.scale = ChoiceField(theme, tr("Model size"), tip=text.scale_tip())
        self.steps = NumberSlider(
            theme,
            tr("Steps"),
            minimum=1,
            maximum=10_000_000,
            step=100,
            slider_maximum=_SLIDER_STEPS,
            tip=text.steps_tip(),
        )
        self.schedule = ChoiceField(theme, tr("Schedule"), tip=text.schedule_tip())
        self.prediction = ChoiceField(theme, tr("Prediction"), tip=text.prediction_tip())
        self.prediction_note = PlainLabel(theme, kind="label", role="warn", wrap=True)
        self.latents = ChoiceField(theme, tr("Space"), tip=text.space_tip())
        self.min_snr = ChoiceField(theme, tr("Loss weighting"), tip=text.loss_weighting_tip())
        number = partial(NumberField, theme)
        self.batch = number(tr("Batch size"), minimum=1, maximum=1024, step=8, tip=text.batch_tip())
        self.learning_rate = number(
            tr("Learning rate"),
            minimum=0.00001,
            maximum=0.5,
            step=0.0001,
            decimals=5,
            tip=text.learning_rate_tip(),
        )
        self.dropout = number(
            tr("Caption dropout (%)"), minimum=0, maximum=100, step=5, tip=text.dropout_tip()
        )
        self.faults = {field: FieldFault(theme) for field in ("name", "base", "size", "scale", "steps")}
        self.more = Collapsible(theme, tr("More settings"), self._rarer_rows())
        self._lay_out()
        form.changed.connect(self._on_changed)  # before the bindings: a value is chosen among new choices
        form.costs.changed.connect(self._on_changed)
        self._on_changed()
        self._bind()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        for field, widget in (("name", self.name), ("base", self.base)):
            column.addWidget(stacked(widget, self.faults[field]))
        column.addLayout(_side_by_side(self.size_field, self.backbone))
        column.addWidget(stacked(self.scale, self.faults["size"], self.faults["scale"]))
        column.addWidget(stacked(self.steps, self.faults["steps"]))
        column.addWidget(self.more)

    def _rarer_rows(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        column.addLayout(_side_by_side(self.schedule, self.prediction))
        column.addWidget(self.prediction_note)
        column.addLayout(_side_by_side(self.latents, self.min_snr))
        column.addLayout(_side_by_side(self.batch, self.learning_rate))
        column.addLayout(_side_by_side(self.dropout, QWidget()))
        return box

    def _bind(self) -> None:
        for field, control in (
            ("name", self.name),
            ("backbone", self.backbone),
            ("scale", self.scale),
            ("steps", self.steps),
            ("schedule", self.schedule),
            ("prediction", self.prediction),
            ("batch", self.batch),
            ("learning_rate", self.learning_rate),
        ):
            bind(self._form, field, control)
        for field, control, read, write in (
            (
                "base",
                self.base,
                lambda base: base or _NEW_MODEL,
                lambda key: "" if key == _NEW_MODEL else key,
            ),
            ("size", self.size_field, str, int),
            ("latents", self.latents, lambda on: "latents" if on else "pixels", lambda key: key == "latents"),
            ("dropout", self.dropout, lambda share: 100 * share, lambda percent: percent / 100),
            ("min_snr", self.min_snr, _weighting, lambda key: None if key == _UNIFORM else float(key)),
        ):
            bind(self._form, field, control, read=read, write=write)

    @Slot()
    def _on_changed(self) -> None:
        """Show the choices there are, which fields a base model fixes, and the errors."""
        values, form = self._form.values, self._form
        self.base.set_items(self._base_items())
        sides = sorted({*SIDES, values.size})
        self.size_field.set_items([(str(side), f"{side} × {side}", "", "") for side in sides])
        titles = text.backbones()
        self.backbone.set_items([(key, titles[key], "", "") for key in SCALES])
        self.scale.set_items(self._scale_items())
        self.schedule.set_items([(key, title, "", "") for key, title in text.schedules().items()])
        self.prediction.set_items([(key, *shown, "") for key, shown in text.predictions().items()])
        self.prediction_note.setText(text.starts_without_signal() if values.starts_without_signal else "")
        self.prediction_note.setVisible(values.starts_without_signal)
        self.latents.set_items([(key, title, "", "") for key, title in text.spaces().items()])
        weightings = text.loss_weightings(_weighting(values.min_snr))
        self.min_snr.set_items([(key, *shown, "") for key, shown in weightings.items()])
        self.name.setEnabled(form.has_source)
        fixed_by_base = (
            self.size_field,
            self.backbone,
            self.scale,
            self.schedule,
            self.prediction,
            self.latents,
        )
        for field in fixed_by_base:
            field.setEnabled(not values.base)
        faults = form.faults
        for name, label in self.faults.items():
            label.show_fault(faults.get(name, ""))

    def _base_items(self) -> list[Item]:
        items = [(_NEW_MODEL, text.from_scratch(), "", "")]
        items += [
            (model.name, model.card.title, text.fine_tune(), "")
            for model in self._catalog.models
            if isinstance(model.card, ModelCard)  # others cannot be trained further
        ]
        wanted = self._form.values.base
        if wanted and wanted not in {key for key, *_ in items}:
            items.append((wanted, wanted, text.not_installed(), ""))
        return items

    def _scale_items(self) -> list[Item]:
        return [
            (key, tr(scale.title), text.short_cost(self._form.estimate(scale=key)), "")
            for key, scale in SCALES[self._form.values.backbone].items()
        ]


def _weighting(gamma: float | None) -> str:
    """Return the key of a loss weighting: that of min-SNR with ``gamma``, or without one the uniform weighting."""
    return _UNIFORM if gamma is None else f"{gamma:g}"


def _side_by_side(left: QWidget, right: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GAP)
    row.addWidget(left, 1)
    row.addWidget(right, 1)
    return row


ASK_AFTER_MS = 900
"""How long nothing must be edited before the time of the training is measured."""


class TrainFormView(Ground):
    """Edits the form of `TrainModels`.

    Signals:
        train_requested: train with these settings.
    """

    train_requested = Signal()

    def __init__(
        self, theme: Theme, models: TrainModels, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "panel", lines=Qt.Edge.RightEdge, parent=parent)
        self._models, self._form = models, models.form
        self.choose = TextButton(theme, tr("Choose a folder"), icon="folder-open")
        self.pictograms = TextButton(theme, tr("Pictograms"))
        set_tip(self.pictograms, text.pictograms_how())
        self.source = PlainLabel(theme, bold=True, elide=True)
        self.found = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.source_fault = FieldFault(theme)
        self.rows = TrainRows(theme, models.form, catalog)
        self.resumables = ResumablesView(theme, models.resumables, models.run)
        self.train = TextButton(theme, tr("Train"), kind="primary")
        set_tip(self.train, tr("Train a model with these settings (Ctrl+Enter)"))
        self.cost = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.cost.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._clicked = QTimer(self, singleShot=True)
        self._asking = QTimer(self, singleShot=True, interval=ASK_AFTER_MS)
        self.area = ScrollArea()
        self._lay_out()
        self._connect()
        self._on_changed()

    def _lay_out(self) -> None:
        rows = QWidget()
        rows.setFixedWidth(FORM - PADDING)  # the scroll bar takes the right margin's place
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.choose, 1)
        buttons.addWidget(self.pictograms)
        column = QVBoxLayout(rows)
        column.setContentsMargins(PADDING, PADDING, 0, PADDING - GRID)
        column.setSpacing(GRID)
        column.addLayout(buttons)
        column.addSpacing(GRID)
        for widget in (self.source, self.found, self.source_fault):
            column.addWidget(widget)
        column.addSpacing(GAP)
        column.addWidget(self.rows)
        column.addSpacing(GAP)
        column.addWidget(self.resumables)
        column.addStretch()
        self.area.setWidget(rows)
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, PADDING - GRID, PADDING - 1, PADDING)
        foot.setSpacing(GAP)
        foot.addWidget(self.train)
        foot.addWidget(self.cost)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 1, 0)  # the line at the right edge
        layout.setSpacing(0)
        layout.addWidget(self.area, 1)
        layout.addLayout(foot)

    @Slot()
    def _on_train(self) -> None:
        """Start one training for a double click."""
        if not self._clicked.isActive():
            self._clicked.start(QApplication.doubleClickInterval())
            self.train_requested.emit()

    def _connect(self) -> None:
        self.pictograms.clicked.connect(self._on_pictograms)
        self.train.clicked.connect(self._on_train)
        self._form.changed.connect(self._on_changed)
        self._form.costs.changed.connect(self._on_changed)
        self._models.run.changed.connect(self._on_run_changed)
        self._asking.timeout.connect(self._on_asking)

    @Slot()
    def _on_changed(self) -> None:
        form, values = self._form, self._form.values
        folder = form.from_folder
        if folder is not None:
            self.source.setText(folder.name or str(folder))
            self.found.setText(text.pictures_found(self._models.folder))
        else:
            self.source.setText(text.pictograms() if form.has_source else "")
            self.found.setText("" if form.has_source else text.empty_how())
        self.source.setVisible(form.has_source)
        self.found.setVisible(bool(self.found.text()))
        self.source_fault.show_fault(form.faults.get("source", ""))
        self.train.setEnabled(form.can_train)
        if not form.has_source:
            self.cost.setText(text.no_source())
        else:
            self.cost.setText(self._cost() if form.can_train else "")
        set_tip(self.cost, text.steps_and_batch(values.steps, values.batch))
        self._on_run_changed()
        if self.isVisible() and form.can_train and not self._models.folder.reading:
            self._asking.start()

    def _cost(self) -> str:
        estimate = self._form.estimate()
        if estimate.seconds is None and self._form.costs.fault:
            return self._form.costs.fault
        return text.cost(estimate, measuring=self._models.run.over)

    @Slot()
    def _on_run_changed(self) -> None:
        shown = text.train_button(waits=not self._models.run.over)
        if shown != self.train.text():
            self.train.setText(shown)
            self._on_changed()

    @Slot()
    def _on_asking(self) -> None:
        """Measure the time, unless a training runs, which measures it anyway."""
        if self.isVisible() and self._models.run.over:
            self._form.ask_for_estimate()

    @Slot()
    def _on_pictograms(self) -> None:
        self._clicked.stop()  # the next click on Train counts
        self._form.choose("pictograms")
