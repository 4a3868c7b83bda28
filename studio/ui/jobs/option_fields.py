"""Folded settings of a run: a sampler's own options, built from their metadata, and how CLIP reads the prompts."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.diffusion.samplers import SAMPLERS
from studio.ui.jobs.text import choice_title, clip_skip_tip, emphasis_items, emphasis_tip
from studio.ui.language import tr
from studio.ui.theme.metrics import FIELD, GAP, GRID
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.numbers import NumberField, NumberSlider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.engine.requests.generate import OptionValue
    from studio.families.interface import TextDefaults
    from studio.ui.theme.theme import Theme

_MOST_DECIMALS = 6


class OptionControl(QObject):
    """The control of one option.

    Attributes:
        widget: the control itself.
    """

    edited = Signal(str, object)
    """The option's name and its new value."""

    def __init__(self, theme: Theme, field: dataclasses.Field[Any], parent: QWidget) -> None:
        """Build the control for a field of an options dataclass (`studio.diffusion.samplers.options`)."""
        super().__init__(parent)
        self._name, self._whole = field.name, isinstance(field.default, int)
        meta = field.metadata
        label, help_ = tr(meta["label"]), tr(meta["help"])
        self.widget: NumberSlider | ChoiceField
        if "choices" in meta:
            choices = ChoiceField(theme, label, tip=help_, parent=parent)
            choices.set_items([(choice, choice_title(choice), "", "") for choice in meta["choices"]])
            choices.edited.connect(self._on_choice_edited)
            self.widget = choices
        else:
            number = NumberSlider(
                theme,
                label,
                minimum=meta["minimum"],
                maximum=meta["maximum"],
                step=meta["step"],
                decimals=_decimals(meta["minimum"], meta["step"], float(str(field.default))),
                tip=help_,
                parent=parent,
            )
            number.edited.connect(self._on_number_edited)
            self.widget = number
        self.widget.setAccessibleName(label)
        self.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # or it would have no place in the tab order

    def set_value(self, value: OptionValue) -> None:
        """Show another value without emitting `edited`."""
        if isinstance(self.widget, ChoiceField):
            self.widget.set_value(str(value))
        else:
            self.widget.set_value(float(value))

    @Slot(str)
    def _on_choice_edited(self, value: str) -> None:
        self.edited.emit(self._name, value)

    @Slot(float)
    def _on_number_edited(self, value: float) -> None:
        self.edited.emit(self._name, round(value) if self._whole else value)


class OptionControls(QWidget):
    """The options of one sampler, one below the other.

    The controls of all samplers are made at the start, and those of one sampler are shown: a widget made later is last
    in the tab order, and moving it with Qt breaks that order in a large window.
    """

    edited = Signal(str, object)
    """An option's name and its new value."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sampler = ""
        self._groups: dict[str, QWidget] = {}
        self._controls: dict[str, dict[str, OptionControl]] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for name, sampler in SAMPLERS.items():
            group = self._groups[name] = QWidget(self)
            rows = QVBoxLayout(group)
            rows.setContentsMargins(0, 0, 0, 0)
            rows.setSpacing(GAP + GRID)
            controls = self._controls[name] = {
                field.name: OptionControl(theme, field, group)
                for field in dataclasses.fields(sampler.Options)
            }
            for control in controls.values():
                control.edited.connect(self.edited)
                rows.addWidget(control.widget)
            group.hide()
            column.addWidget(group)

    @property
    def controls(self) -> Mapping[str, OptionControl]:
        """The visible controls, by option name."""
        return self._controls.get(self._sampler, {})

    def show_options(self, sampler: str, values: Mapping[str, OptionValue]) -> None:
        """Show a sampler's options with these values."""
        if sampler != self._sampler:
            self._sampler = sampler
            for name, group in self._groups.items():
                group.setVisible(name == sampler)
            self.setVisible(bool(self.controls))
        for name, control in self.controls.items():
            control.set_value(values[name])


class TextControls(QWidget):
    """How CLIP reads the prompts: emphasis and clip skip. Hidden for models that do not read prompts with CLIP.

    Signals:
        edited: a field of `FormValues` and its new value; None for the model's default.
    """

    edited = Signal(str, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._defaults: TextDefaults | None = None
        self.emphasis = ChoiceField(theme, tr("Emphasis"), tip=emphasis_tip())
        self.emphasis.set_items(emphasis_items())
        self.clip_skip = NumberField(theme, tr("Clip skip"), minimum=1, maximum=1, tip=clip_skip_tip())
        self.clip_skip.setFixedWidth(FIELD)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.emphasis, 1)
        row.addWidget(self.clip_skip)
        self.emphasis.edited.connect(self._on_emphasis_edited)
        self.clip_skip.edited.connect(self._on_clip_skip_edited)

    def show_values(self, defaults: TextDefaults | None, emphasis: str | None, clip_skip: int | None) -> None:
        """Show the values for a model with these defaults; None is its default. Emits nothing."""
        self._defaults = defaults
        self.setVisible(defaults is not None)
        if defaults is not None:
            self.emphasis.set_value(emphasis or defaults.emphasis)
            self.clip_skip.set_limits(1, defaults.largest_clip_skip)
            self.clip_skip.set_value(clip_skip or defaults.clip_skip)

    @Slot(str)
    def _on_emphasis_edited(self, value: str) -> None:
        usual = self._defaults is not None and value == self._defaults.emphasis
        self.edited.emit("emphasis", None if usual else value)

    @Slot(float)
    def _on_clip_skip_edited(self, value: float) -> None:
        usual = self._defaults is not None and value == self._defaults.clip_skip
        self.edited.emit("clip_skip", None if usual else round(value))


def _decimals(*numbers: float) -> int:
    """Return the number of decimals needed to write all ``numbers``, at most six."""
    exponents = [Decimal(str(number)).normalize().as_tuple().exponent for number in numbers]
    return min(max([0, *(-int(exponent) for exponent in exponents)]), _MOST_DECIMALS)
