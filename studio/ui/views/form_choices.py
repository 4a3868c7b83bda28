"""The form's model and sampler, with what is to be known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.diffusion.samplers import SAMPLERS
from studio.ui.jobs import text as words
from studio.ui.jobs.model_facts import facts
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.fact_list import FactList
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.models.form import FormModel
    from studio.ui.theme.theme import Theme


class ChoiceRows(QWidget):
    """Which model, and which sampler."""

    def __init__(
        self, theme: Theme, form: FormModel, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Edit the choices of ``form`` among those of ``catalog``."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._model_items: list[words.Item] = []
        self._sampler_items: list[words.Item] = []
        self.model = ChoiceField(theme, "Model", tip=words.MODEL_TIP)
        self.line = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.facts = FactList(theme)
        self.about = Collapsible(theme, "About this model", self.facts)
        self.sampler = ChoiceField(theme, "Sampler", tip=words.SAMPLER_TIP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for widget in (self.model, self.line, self.about):
            column.addWidget(widget)
        column.addSpacing(GAP)
        column.addWidget(self.sampler)
        self.model.edited.connect(self._on_model_edited)
        self.sampler.edited.connect(self._on_sampler_edited)

    def synchronise(self) -> None:
        """Show the form's values."""
        values, card = self._form.values, self._form.card
        items = words.model_items(self._catalog.models, values.model)
        if items != self._model_items:
            self._model_items = items
            self.model.set_items(items)
        self.model.set_value(values.model)
        self.line.setText(words.model_line(card))
        self.about.setVisible(card is not None)
        if card is not None:
            self.facts.set_facts(facts(card))
        items = words.sampler_items(values)
        if items != self._sampler_items:
            self._sampler_items = items
            self.sampler.set_items(items)
        self.sampler.set_value(values.sampler)
        sampler = SAMPLERS[values.sampler]
        set_tip(self.sampler.box, f"{sampler.summary} {sampler.paper}")

    @Slot(str)
    def _on_model_edited(self, name: str) -> None:
        self._form.edit(model=name)

    @Slot(str)
    def _on_sampler_edited(self, name: str) -> None:
        self._form.edit(sampler=name)
