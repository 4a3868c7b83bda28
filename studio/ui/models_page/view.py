"""The Models page: a card for each installed model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.core.background import Background
from studio.ui.jobs.text import model_facts
from studio.ui.language import tr
from studio.ui.models_page import text
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.labels import FactList, PlainLabel
from studio.ui.widgets.page import Page, open_folder

if TYPE_CHECKING:
    from studio.checkpoints.catalog import InstalledModel
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.jobs.run_settings import RunSettings
    from studio.ui.theme.theme import Theme


COLUMNS = 3
_SHORT = 5
"""The first facts of a model are short enough for columns."""


class ModelCardView(Card):
    """The facts of a model, or why it cannot be used."""

    def __init__(
        self, theme: Theme, model: InstalledModel, intents: Intents, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent=parent)
        self.model, self._intents = model, intents
        card = model.card
        title = model.name if card is None else card.title
        self.use = TextButton(theme, tr("Use"))
        self.use.setAccessibleName(tr("Use {model}", model=title))
        self.in_use = PlainLabel(theme, tr("In use"), role="good")
        self.in_use.hide()
        head = QHBoxLayout()
        head.setSpacing(GAP)
        titles = QVBoxLayout()
        titles.setSpacing(0)
        titles.addWidget(PlainLabel(theme, title, kind="title", elide=True))
        titles.addWidget(PlainLabel(theme, text.origin(model), kind="label", role="dim", elide=True))
        head.addLayout(titles, 1)
        for widget in (self.in_use, self.use):
            head.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING - GRID, PADDING, PADDING)
        column.setSpacing(GAP + GRID)
        column.addLayout(head)
        if card is None:
            column.addWidget(PlainLabel(theme, tr(model.error or ""), role="bad", wrap=True))
        else:
            listed = model_facts(card)
            for columns, part in ((COLUMNS, listed[:_SHORT]), (1, listed[_SHORT:])):
                shown = FactList(theme, columns=columns, spacing=GAP + GRID)
                shown.set_facts(part)
                column.addWidget(shown)
        self.use.setVisible(card is not None)
        self.use.clicked.connect(self._on_use_clicked)

    def set_in_use(self, name: str) -> None:
        """Show whether this is the model ``name`` that the form uses."""
        used = self.model.card is not None and self.model.name == name
        self.in_use.setVisible(used)
        self.use.setVisible(self.model.card is not None and not used)

    @Slot()
    def _on_use_clicked(self) -> None:
        self._intents.use_model.emit(self.model.name)


WIDTH = 880


class ModelsView(Page):
    """Shows a `Catalog`."""

    def __init__(
        self,
        theme: Theme,
        catalog: Catalog,
        settings: RunSettings,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        """Build the page; ``settings`` are those of the form, which has one of the models in use."""
        super().__init__(theme, tr("Models"), WIDTH, parent)
        self._theme, self._catalog, self._settings, self._intents = theme, catalog, settings, intents
        self._background = Background(self)
        self.cards: list[ModelCardView] = []
        self.reload = TextButton(theme, tr("Reload"), icon="rotate-ccw")
        self.open = TextButton(theme, tr("Open models folder"), icon="folder-open")
        for button in (self.reload, self.open):
            self.head.addWidget(button)
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.fault.hide()
        self.empty = PlainLabel(theme, text.no_own_models(), role="dim", wrap=True)
        for label in (self.fault, self.empty):
            self.column.addWidget(label)
        self.column.addStretch()
        self.reload.clicked.connect(catalog.reload)
        self.open.clicked.connect(self._on_open_clicked)
        catalog.changed.connect(self._on_catalog_changed)
        settings.changed.connect(self._on_settings_changed)
        self._on_catalog_changed()

    @Slot()
    def _on_settings_changed(self) -> None:
        for card in self.cards:
            card.set_in_use(self._settings.values.model)

    @Slot()
    def _on_catalog_changed(self) -> None:
        for card in self.cards:
            self.column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [ModelCardView(self._theme, model, self._intents) for model in self._catalog.models]
        for place, card in enumerate(self.cards, start=1):  # below the error
            card.set_in_use(self._settings.values.model)
            self.column.insertWidget(place, card)
        self.empty.setVisible(all(model.shipped for model in self._catalog.models))

    @Slot()
    def _on_open_clicked(self) -> None:
        open_folder(self._catalog.folders.models, self._background.do, self._show_fault)

    def _show_fault(self, sentence: str) -> None:
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))
