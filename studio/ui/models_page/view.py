"""One model on the page of models.

The page of models: each tells what it is, and those that cannot be used what is wrong with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.jobs.model_facts import facts
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.fact_list import FactList
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.page import Page, open_folder

if TYPE_CHECKING:
    from studio.checkpoints.catalog import InstalledModel
    from studio.ui.core.catalog import Catalog
    from studio.ui.theme.theme import Theme


COLUMNS = 3
_SHORT = 5
"""How many of a model's facts are short enough to stand side by side."""


class ModelCardView(Card):
    """What a model is, or why it cannot be used."""

    use_requested = Signal(str)

    def __init__(self, theme: Theme, model: InstalledModel, parent: QWidget | None = None) -> None:
        """Show ``model``."""
        super().__init__(theme, parent=parent)
        self.model = model
        card = model.card
        title = model.name if card is None else card.title
        self.use = TextButton(theme, "Use")
        self.use.setAccessibleName(f"Use {title}")
        self.use.setVisible(card is not None)
        self.in_use = PlainLabel(theme, "In use", role="good")
        self.in_use.hide()
        head = QHBoxLayout()
        head.setSpacing(GAP)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(PlainLabel(theme, title, kind="title", elide=True))
        words.addWidget(PlainLabel(theme, _origin(model), kind="label", role="dim", elide=True))
        head.addLayout(words, 1)
        for widget in (self.in_use, self.use):
            head.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING - GRID, PADDING, PADDING)
        column.setSpacing(GAP + GRID)
        column.addLayout(head)
        if card is None:
            column.addWidget(PlainLabel(theme, model.error or "", role="bad", wrap=True))
        else:
            told = facts(card)
            for columns, part in ((COLUMNS, told[:_SHORT]), (1, told[_SHORT:])):
                shown = FactList(theme, columns=columns, spacing=GAP + GRID)
                shown.set_facts(part)
                column.addWidget(shown)
        self.use.clicked.connect(self._on_use_clicked)

    def set_in_use(self, name: str) -> None:
        """Say which model the form has chosen."""
        used = self.model.card is not None and self.model.name == name
        self.in_use.setVisible(used)
        self.use.setVisible(self.model.card is not None and not used)

    @Slot()
    def _on_use_clicked(self) -> None:
        self.use_requested.emit(self.model.name)


def _origin(model: InstalledModel) -> str:
    if model.card is None:
        return f"Cannot be used, in {model.folder}"
    return f"{model.name}, came with the program" if model.shipped else f"{model.name}, in {model.folder}"


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
