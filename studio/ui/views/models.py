"""The page of models: each tells what it is, and those that cannot be used what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from studio.ui.views.models_card import ModelCardView
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.page import Page, open_folder

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.core.catalog import Catalog
    from studio.ui.theme.theme import Theme

WIDTH = 880
EMPTY = (
    "There is no model of your own yet. Train one on the page Train (Ctrl+5), or put a folder that holds "
    "card.json and model.safetensors into the models folder, and press Reload."
)


class ModelsView(Page):
    """Shows a `Catalog`."""

    use_requested = Signal(str)
    """The name of the model that is to make the next pictures."""

    def __init__(self, theme: Theme, catalog: Catalog, parent: QWidget | None = None) -> None:
        """Show the models of ``catalog``."""
        super().__init__(theme, "Models", WIDTH, parent)
        self._theme, self._catalog = theme, catalog
        self._in_use = ""
        self.cards: list[ModelCardView] = []
        self.reload = TextButton(theme, "Reload", icon="rotate-ccw")
        self.open = TextButton(theme, "Open models folder", icon="folder-open")
        for button in (self.reload, self.open):
            self.head.addWidget(button)
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.fault.hide()
        self.empty = PlainLabel(theme, EMPTY, role="dim", wrap=True)
        for label in (self.fault, self.empty):
            self.column.addWidget(label)
        self.column.addStretch()
        self.reload.clicked.connect(catalog.reload)
        self.open.clicked.connect(self._on_open_clicked)
        catalog.changed.connect(self._on_catalog_changed)
        self._on_catalog_changed()

    def set_in_use(self, name: str) -> None:
        """Say which model the form has chosen."""
        self._in_use = name
        for card in self.cards:
            card.set_in_use(name)

    @Slot()
    def _on_catalog_changed(self) -> None:
        for card in self.cards:
            self.column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [ModelCardView(self._theme, model) for model in self._catalog.models]
        for place, card in enumerate(self.cards, start=1):  # after the fault
            card.use_requested.connect(self.use_requested)
            card.set_in_use(self._in_use)
            self.column.insertWidget(place, card)
        self.empty.setVisible(all(model.shipped for model in self._catalog.models))

    @Slot()
    def _on_open_clicked(self) -> None:
        sentence = open_folder(self._catalog.folders.models)
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))
