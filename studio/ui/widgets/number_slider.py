"""A labelled number with a slider for the hand and a field for the exact value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from studio.ui.theme.metrics import FIELD
from studio.ui.widgets.labelled import labelled, named, stand_for
from studio.ui.widgets.number_edit import NumberEdit
from studio.ui.widgets.track import Track

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme


class NumberSlider(QWidget):
    """Slider and field show the same number; the slider may end before the field does."""

    edited = Signal(float)

    def __init__(
        self,
        theme: Theme,
        label: str,
        *,
        minimum: float,
        maximum: float,
        step: float,
        decimals: int = 0,
        slider_maximum: float | None = None,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Take numbers from ``minimum`` to ``maximum``; the slider moves by ``step``, up to ``slider_maximum``."""
        super().__init__(parent)
        self._step, self._slider_maximum = step, slider_maximum
        self.field = NumberEdit(theme, minimum=minimum, maximum=maximum, step=step, decimals=decimals)
        self.field.setFixedWidth(FIELD)
        self.field.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.track = Track(theme)
        named(self.field, label, tip)
        named(self.track, label, tip)
        row = labelled(theme, self, label, tip=tip)
        row.addWidget(self.track, 1)
        row.addWidget(self.field)
        stand_for(self, self.track)
        self._set_track_limits(minimum, maximum)
        self._show_on_track()
        self.track.valueChanged.connect(self._on_track_moved)
        self.field.edited.connect(self._on_field_edited)

    @property
    def value(self) -> float:
        """The number in force."""
        return self.field.value

    def set_value(self, value: float) -> None:
        """Show another number, moved into the limits, without a word."""
        self.field.set_value(value)
        self._show_on_track()

    def set_limits(self, minimum: float, maximum: float, slider_maximum: float | None = None) -> None:
        """Allow other numbers."""
        self._slider_maximum = slider_maximum
        self.field.set_limits(minimum, maximum)
        self._set_track_limits(minimum, maximum)
        self._show_on_track()

    def _set_track_limits(self, minimum: float, maximum: float) -> None:
        end = maximum if self._slider_maximum is None else min(self._slider_maximum, maximum)
        first, last = round(minimum / self._step), round(end / self._step)
        with QSignalBlocker(self.track):
            self.track.setRange(first, last)
            self.track.setPageStep(max((last - first) // 10, 1))

    def _show_on_track(self) -> None:
        with QSignalBlocker(self.track):
            self.track.setValue(round(self.field.value / self._step))

    @Slot(int)
    def _on_track_moved(self, place: int) -> None:
        before = self.field.value
        self.field.set_value(place * self._step)
        if self.field.value != before:
            self.edited.emit(self.field.value)

    @Slot(float)
    def _on_field_edited(self, value: float) -> None:
        self._show_on_track()
        self.edited.emit(value)
