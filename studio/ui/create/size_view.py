"""The size of a picture: a list of those that a model offers and, if it makes others, fields for width and height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.jobs import text as run_text
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, FIELD, GAP, GRID
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, labelled, set_tip
from studio.ui.widgets.numbers import NumberField

if TYPE_CHECKING:
    from studio.families.interface import SizeRule
    from studio.ui.create.form_model import FormModel
    from studio.ui.theme.theme import Theme

_NARROW: Final = FIELD + GRID * 6
"""Width of the list of a few sizes in pixels; sizes of more digits need more."""


class OfferedSizes(QWidget):
    """The size, for a model that makes only those it offers: a list, or a text if there is only one."""

    def __init__(self, theme: Theme, form: FormModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = form
        self.choice = ChoiceField(theme, tr("Size"), tip=run_text.size_tip())
        self.only = PlainLabel(theme)
        self.only.setFixedHeight(CONTROL)
        self._only = QWidget()
        labelled(theme, self._only, tr("Size"), tip=run_text.size_tip()).addWidget(self.only)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.choice)
        row.addWidget(self._only)
        self.choice.edited.connect(self._on_edited)

    def synchronise(self) -> None:
        """Show the sizes of the form's model, and the chosen one."""
        items, size = run_text.size_items(self._form.card), self._form.values.size
        self.choice.set_items(items)
        widest = max((self.fontMetrics().horizontalAdvance(label) for _, label, *_ in items), default=0)
        self.setFixedWidth(max(_NARROW, widest + GRID * 12))  # with the arrow and the margins
        self.choice.set_value(run_text.size_key(size))
        self.choice.setVisible(len(items) > 1)
        self._only.setVisible(len(items) <= 1)
        self.only.setText(run_text.size_text(size))

    @Slot(str)
    def _on_edited(self, key: str) -> None:
        _choose(self._form, key)


class FreeSize(QWidget):
    """The size, for a model with a rule for sizes: its trained sizes, width, height, and a button that swaps them."""

    def __init__(self, theme: Theme, form: FormModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = form
        self._rule: SizeRule | None = None
        self.ratio = ChoiceField(theme, tr("Size"), tip=run_text.ratios_tip(), closed_detail=False)
        self.width_field = NumberField(theme, tr("Width"), minimum=1, maximum=1)
        self.swap = IconButton(
            theme, "arrow-left-right", tr("Swap width and height"), kind="quiet", role="dim"
        )
        self.height_field = NumberField(theme, tr("Height"), minimum=1, maximum=1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.ratio, 1)
        row.addSpacing(GAP - GRID)
        row.addWidget(self.width_field)
        row.addWidget(self.swap, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.height_field)
        for field in (self.width_field, self.height_field):
            field.setFixedWidth(FIELD)
        self.ratio.edited.connect(self._on_ratio_edited)
        self.width_field.edited.connect(self._on_width_edited)
        self.height_field.edited.connect(self._on_height_edited)
        self.swap.clicked.connect(form.swap_size)

    def synchronise(self, rule: SizeRule) -> None:
        """Show the sizes of the form's model, which has this rule, and the chosen one."""
        size = self._form.values.size
        if rule != self._rule:
            self._rule = rule
            for field, tip in (
                (self.width_field, run_text.width_tip(rule)),
                (self.height_field, run_text.height_tip(rule)),
            ):
                field.set_limits(rule.nearest(0), rule.nearest(rule.maximum))
                field.field.set_multiple(rule.multiple)
                set_tip(field.field, tip)
        self.ratio.set_items(run_text.ratio_items(self._form.card, size))
        self.ratio.set_value(run_text.size_key(size))
        self.width_field.set_value(size[0])
        self.height_field.set_value(size[1])

    @Slot(str)
    def _on_ratio_edited(self, key: str) -> None:
        _choose(self._form, key)

    @Slot(float)
    def _on_width_edited(self, value: float) -> None:
        self._form.edit(width=round(value))

    @Slot(float)
    def _on_height_edited(self, value: float) -> None:
        self._form.edit(height=round(value))


def _choose(form: FormModel, key: str) -> None:
    width, height = map(int, key.split("x"))
    form.edit(width=width, height=height)
