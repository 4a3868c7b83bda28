"""The settings of a training: what matters most at hand, the rest under a title that opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.engine.scales import SCALES
from studio.engine.train_request import SIDES
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.views import train_words as words
from studio.ui.views.train_fields import FieldFault, TextField, stacked
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.numbers import NumberField, NumberSlider

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.models.train_form import TrainForm
    from studio.ui.theme.theme import Theme

_SLIDER_STEPS = 20_000
_OF_THE_BASE = ("size", "backbone", "scale", "schedule", "prediction", "latents")
"""What a model that is gone on from has decided already."""

Item = tuple[str, str, str, str]


class TrainRows(QWidget):
    """Edits a `TrainForm`."""

    def __init__(
        self, theme: Theme, form: TrainForm, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Build the rows."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._items: dict[str, list[Item]] = {}
        self.name = TextField(theme, "Name of the model", tip=words.NAME_TIP)
        self.base = ChoiceField(theme, "Begin with", tip=words.BASE_TIP)
        self.size_field = ChoiceField(theme, "Size", tip=words.SIZE_TIP)
        self.backbone = ChoiceField(theme, "Backbone", tip=words.BACKBONE_TIP)
        self.scale = ChoiceField(theme, "How large", tip=words.SCALE_TIP)
        self.steps = NumberSlider(
            theme,
            "Steps",
            minimum=1,
            maximum=10_000_000,
            step=100,
            slider_maximum=_SLIDER_STEPS,
            tip=words.STEPS_TIP,
        )
        self.schedule = ChoiceField(theme, "Schedule", tip=words.SCHEDULE_TIP)
        self.prediction = ChoiceField(theme, "Prediction", tip=words.PREDICTION_TIP)
        self.latents = ChoiceField(theme, "Works on", tip=words.LATENTS_TIP)
        self.dropout = NumberField(
            theme,
            "Without caption, %",
            minimum=0,
            maximum=100,
            step=5,
            tip=words.DROPOUT_TIP,
        )
        self.batch = NumberField(
            theme, "Pictures a step", minimum=1, maximum=1024, step=8, tip=words.BATCH_TIP
        )
        self.learning_rate = NumberField(
            theme,
            "Learning rate",
            minimum=0.00001,
            maximum=0.5,
            step=0.0001,
            decimals=5,
            tip=words.RATE_TIP,
        )
        self.min_snr = ChoiceField(theme, "Weight of the times", tip=words.MIN_SNR_TIP)
        self.faults = {field: FieldFault(theme) for field in ("name", "base", "size", "scale", "steps")}
        self.more = Collapsible(theme, "More settings", self._rest())
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
        held = QWidget()
        column = QVBoxLayout(held)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        column.addLayout(_side_by_side(self.schedule, self.prediction))
        column.addLayout(_side_by_side(self.latents, self.min_snr))
        column.addLayout(_side_by_side(self.batch, self.learning_rate))
        column.addLayout(_side_by_side(self.dropout, QWidget()))
        return held

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
        """Show the form's values, and what is wrong with them."""
        request, form = self._form.request, self._form
        self.name.set_value(request.name)
        self.name.setEnabled(form.has_source)
        self._choose(self.base, "base", self._base_items(), request.base)
        sides = sorted({*SIDES, request.size})
        self._choose(self.size_field, "size", [(str(side), f"{side} × {side}", "", "") for side in sides])
        self.size_field.set_value(str(request.size))
        kinds = [(key, words.BACKBONES[key], "", "") for key in SCALES]
        self._choose(self.backbone, "backbone", kinds, request.backbone)
        self._choose(self.scale, "scale", self._scale_items(), request.scale)
        self.steps.set_value(request.steps)
        schedules = [(key, text, "", "") for key, text in words.SCHEDULES.items()]
        self._choose(self.schedule, "schedule", schedules, request.schedule)
        predictions = [(key, *text, "") for key, text in words.PREDICTIONS.items()]
        self._choose(self.prediction, "prediction", predictions, request.prediction)
        works = [("latents", "Latents", "", ""), ("pixels", "Pixels", "", "")]
        self._choose(self.latents, "latents", works, "latents" if request.latents else "pixels")
        self.dropout.set_value(100 * request.dropout)
        self.batch.set_value(request.batch)
        self.learning_rate.set_value(request.learning_rate)
        gamma = "even" if request.min_snr is None else f"{request.min_snr:g}"
        weights = [(key, *text, "") for key, text in words.WEIGHTS.items()]
        if gamma not in words.WEIGHTS:
            weights.append((gamma, f"min-SNR {gamma}", "", ""))
        self._choose(self.min_snr, "min_snr", weights, gamma)
        for field in _OF_THE_BASE:
            getattr(self, "size_field" if field == "size" else field).setEnabled(not request.base)
        faults = form.faults
        for field, label in self.faults.items():
            label.say(faults.get(field, ""))

    def _base_items(self) -> list[Item]:
        made = [("new", "Nothing: a new model", "", "")]
        made += [
            (model.name, model.card.title, "go on from it", "")
            for model in self._catalog.models
            if model.card is not None
        ]
        wanted = self._form.request.base
        if wanted and wanted not in {key for key, *_ in made}:
            made.append((wanted, wanted, "not here", ""))
        return made

    def _scale_items(self) -> list[Item]:
        scales = SCALES[self._form.request.backbone]
        return [
            (key, scale.title, words.short_cost(self._form.estimate(scale=key)), "")
            for key, scale in scales.items()
        ]

    def _choose(self, field: ChoiceField, name: str, items: list[Item], value: str | None = None) -> None:
        if items != self._items.get(name):
            self._items[name] = items
            field.set_items(items)
        if value is not None:
            field.set_value(value or "new")

    @Slot(str)
    def _on_name_edited(self, text: str) -> None:
        self._form.edit(name=text)

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
