"""The training form: the source, the settings (the rarer ones fold away), unfinished trainings, and Train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from studio.engine.training.request import SIDES
from studio.engine.training.scales import SCALES
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, FORM, GAP, GRID, PADDING
from studio.ui.train import text
from studio.ui.train.resumable import ResumablesView
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel, labelled, named, set_tip, stand_for
from studio.ui.widgets.numbers import NumberField, NumberSlider
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
        units, at = (
            self.text().encode("utf-16-le", "surrogatepass"),
            2 * self.cursorPosition(),
        )  # Qt counts in UTF-16
        composing = self._composing.encode("utf-16-le", "surrogatepass")
        return (units[:at] + composing + units[at:]).decode("utf-16-le", "surrogatepass")

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the window."""
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)


class TextField(QWidget):
    """A labelled line of text; `edited` also tells of text that an input method is composing."""

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
_OF_THE_BASE = ("size", "backbone", "scale", "schedule", "prediction", "latents")
"""The fields that a base model fixes."""

Item = tuple[str, str, str, str]


class TrainRows(QWidget):
    """Edits a `TrainForm`."""

    def __init__(
        self, theme: Theme, form: TrainForm, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._items: dict[str, list[Item]] = {}
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
        self.latents = ChoiceField(theme, tr("Space"), tip=text.space_tip())
        self.dropout = NumberField(
            theme,
            tr("Caption dropout (%)"),
            minimum=0,
            maximum=100,
            step=5,
            tip=text.dropout_tip(),
        )
        self.batch = NumberField(
            theme, tr("Batch size"), minimum=1, maximum=1024, step=8, tip=text.batch_tip()
        )
        self.learning_rate = NumberField(
            theme,
            tr("Learning rate"),
            minimum=0.00001,
            maximum=0.5,
            step=0.0001,
            decimals=5,
            tip=text.learning_rate_tip(),
        )
        self.min_snr = ChoiceField(theme, tr("Loss weighting"), tip=text.loss_weighting_tip())
        self.faults = {field: FieldFault(theme) for field in ("name", "base", "size", "scale", "steps")}
        self.more = Collapsible(theme, tr("More settings"), self._rest())
        self._lay_out()
        self._connect()

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

    def _rest(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        column.addLayout(_side_by_side(self.schedule, self.prediction))
        column.addLayout(_side_by_side(self.latents, self.min_snr))
        column.addLayout(_side_by_side(self.batch, self.learning_rate))
        column.addLayout(_side_by_side(self.dropout, QWidget()))
        return box

    def _connect(self) -> None:
        self.name.edited.connect(self._on_name_edited)
        self.base.edited.connect(self._on_base_edited)
        self.size_field.edited.connect(self._on_size_edited)
        self.backbone.edited.connect(self._on_backbone_edited)
        self.scale.edited.connect(self._on_scale_edited)
        self.steps.edited.connect(self._on_steps_edited)
        self.schedule.edited.connect(self._on_schedule_edited)
        self.prediction.edited.connect(self._on_prediction_edited)
        self.latents.edited.connect(self._on_latents_edited)
        self.dropout.edited.connect(self._on_dropout_edited)
        self.batch.edited.connect(self._on_batch_edited)
        self.learning_rate.edited.connect(self._on_rate_edited)
        self.min_snr.edited.connect(self._on_min_snr_edited)

    def synchronise(self) -> None:
        """Show the values of the form and their errors."""
        request, form = self._form.request, self._form
        self.name.set_value(request.name)
        self.name.setEnabled(form.has_source)
        self._choose(self.base, "base", self._base_items(), request.base)
        sides = sorted({*SIDES, request.size})
        self._choose(self.size_field, "size", [(str(side), f"{side} × {side}", "", "") for side in sides])
        self.size_field.set_value(str(request.size))
        titles = text.backbones()
        kinds = [(key, titles[key], "", "") for key in SCALES]
        self._choose(self.backbone, "backbone", kinds, request.backbone)
        self._choose(self.scale, "scale", self._scale_items(), request.scale)
        self.steps.set_value(request.steps)
        schedules = [(key, title, "", "") for key, title in text.schedules().items()]
        self._choose(self.schedule, "schedule", schedules, request.schedule)
        predictions = [(key, *shown, "") for key, shown in text.predictions().items()]
        self._choose(self.prediction, "prediction", predictions, request.prediction)
        spaces = [(key, title, "", "") for key, title in text.spaces().items()]
        self._choose(self.latents, "latents", spaces, "latents" if request.latents else "pixels")
        self.dropout.set_value(100 * request.dropout)
        self.batch.set_value(request.batch)
        self.learning_rate.set_value(request.learning_rate)
        gamma = "even" if request.min_snr is None else f"{request.min_snr:g}"
        weightings = [(key, *shown, "") for key, shown in text.loss_weightings(gamma).items()]
        self._choose(self.min_snr, "min_snr", weightings, gamma)
        for field in _OF_THE_BASE:
            getattr(self, "size_field" if field == "size" else field).setEnabled(not request.base)
        faults = form.faults
        for field, label in self.faults.items():
            label.show_fault(faults.get(field, ""))

    def _base_items(self) -> list[Item]:
        items = [("new", text.from_scratch(), "", "")]
        items += [
            (model.name, model.card.title, text.fine_tune(), "")
            for model in self._catalog.models
            if model.card is not None
        ]
        wanted = self._form.request.base
        if wanted and wanted not in {key for key, *_ in items}:
            items.append((wanted, wanted, text.not_installed(), ""))
        return items

    def _scale_items(self) -> list[Item]:
        scales = SCALES[self._form.request.backbone]
        return [
            (key, tr(scale.title), text.short_cost(self._form.estimate(scale=key)), "")
            for key, scale in scales.items()
        ]

    def _choose(self, field: ChoiceField, name: str, items: list[Item], value: str | None = None) -> None:
        if items != self._items.get(name):
            self._items[name] = items
            field.set_items(items)
        if value is not None:
            field.set_value(value or "new")

    @Slot(str)
    def _on_name_edited(self, name: str) -> None:
        self._form.edit(name=name)

    @Slot(str)
    def _on_base_edited(self, key: str) -> None:
        self._form.edit(base="" if key == "new" else key)

    @Slot(str)
    def _on_size_edited(self, key: str) -> None:
        self._form.edit(size=int(key))

    @Slot(str)
    def _on_backbone_edited(self, key: str) -> None:
        self._form.edit(backbone=key)

    @Slot(str)
    def _on_scale_edited(self, key: str) -> None:
        self._form.edit(scale=key)

    @Slot(float)
    def _on_steps_edited(self, value: float) -> None:
        self._form.edit(steps=round(value))

    @Slot(str)
    def _on_schedule_edited(self, key: str) -> None:
        self._form.edit(schedule=key)

    @Slot(str)
    def _on_prediction_edited(self, key: str) -> None:
        self._form.edit(prediction=key)

    @Slot(str)
    def _on_latents_edited(self, key: str) -> None:
        self._form.edit(latents=key == "latents")

    @Slot(float)
    def _on_dropout_edited(self, value: float) -> None:
        self._form.edit(dropout=value / 100)

    @Slot(float)
    def _on_batch_edited(self, value: float) -> None:
        self._form.edit(batch=round(value))

    @Slot(float)
    def _on_rate_edited(self, value: float) -> None:
        self._form.edit(learning_rate=value)

    @Slot(str)
    def _on_min_snr_edited(self, key: str) -> None:
        self._form.edit(min_snr=None if key == "even" else float(key))


def _side_by_side(left: QWidget, right: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GAP)
    row.addWidget(left, 1)
    row.addWidget(right, 1)
    return row


ASK_AFTER_MS = 900
"""How long the form must rest before it is found out what the training takes."""


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
        self.area = QScrollArea()
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
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.viewport().setAutoFillBackground(False)
        rows.setAutoFillBackground(False)  # setWidget() turned it on
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
        form, request = self._form, self._form.request
        self.rows.synchronise()
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
        set_tip(self.cost, text.steps_and_batch(request.steps, request.batch))
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
