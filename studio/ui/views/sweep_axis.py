"""One axis of a sweep: which setting, and its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from studio.ui.models.sweep_fields import FIELDS
from studio.ui.models.sweep_plan import Axis, read_axis, written
from studio.ui.theme.metrics import CONTROL, GAP
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import labelled, named

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme

VALUES_TIP = "The values, with commas between them; with semicolons where a value itself holds commas."


class AxisField(QWidget):
    """A choice of setting and a list of values.

    Signals:
        edited: either is another.
    """

    edited = Signal()

    def __init__(self, theme: Theme, label: str, field: str, parent: QWidget | None = None) -> None:
        """Begin with a setting's usual values."""
        super().__init__(parent)
        self.setting = ChoiceField(theme, label)
        self.setting.set_items([(key, one.title, "", "") for key, one in FIELDS.items()])
        self.setting.set_value(field)
        self.values = QLineEdit(FIELDS[field].usual)
        self.values.setFont(theme.font("body"))
        self.values.setFixedHeight(CONTROL)
        self.values.setMaxLength(4000)
        named(self.values, f"{label}: values", VALUES_TIP)
        holder = QWidget()
        labelled(theme, holder, "Values", tip=VALUES_TIP).addWidget(self.values)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.setting, 2)
        row.addWidget(holder, 3)
        self.setting.edited.connect(self._on_setting_edited)
        self.values.textEdited.connect(self._on_values_edited)

    def axis(self) -> Axis:
        """Return what stands here.

        Raises:
            RequestError: a value cannot be read.
        """
        return read_axis(self.setting.value, self.values.text())

    def show_axis(self, axis: Axis) -> None:
        """Show an axis that was swept before, unless other values have been written here since."""
        if not self.values.isModified():
            self.setting.set_value(axis.field)
            self.values.setText(written(axis))

    @Slot(str)
    def _on_setting_edited(self, field: str) -> None:
        self.values.setText(FIELDS[field].usual)
        self.edited.emit()

    @Slot(str)
    def _on_values_edited(self, text: str) -> None:
        del text
        self.edited.emit()
