"""The Models page: a card for each installed model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.core.background import Background
from studio.ui.jobs.text import model_facts
from studio.ui.language import tr
from studio.ui.models_page import text
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.labels import FactList, PlainLabel, set_tip
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


class AddedFolder(QWidget):
    """A file or folder whose models are used in place."""

    def __init__(self, theme: Theme, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place = PlainLabel(theme, str(path), role="dim", elide=True)
        self.remove = TextButton(theme, tr("Remove from the list"))
        self.remove.setAccessibleName(tr("Remove from the list: {folder}", folder=path))
        set_tip(self.remove, tr("Nothing on the disk changes"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.place, 1)
        row.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignVCenter)


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
        self.add = TextButton(theme, tr("Add folder…"), icon="plus")
        set_tip(self.add, tr("Use the models in a folder where they are, also those of ComfyUI or A1111"))
        self.get = TextButton(theme, tr("Get a model…"), icon="download")
        set_tip(self.get, tr("Download one from the Hugging Face Hub, or see what is being downloaded"))
        self.reload = TextButton(theme, tr("Reload"), icon="rotate-ccw")
        self.open = TextButton(theme, tr("Open models folder"), icon="folder-open")
        for button in (self.add, self.reload, self.open):
            self.head.addWidget(button)
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.fault.hide()
        self.found = PlainLabel(theme, wrap=True)
        self.found.hide()
        self.empty = PlainLabel(theme, text.no_own_models(), role="dim", wrap=True)
        self.folders: list[AddedFolder] = []
        self._folders = QVBoxLayout()
        self._folders.setSpacing(GRID)
        self.column.addWidget(self.get, 0, Qt.AlignmentFlag.AlignLeft)
        for label in (self.fault, self.found, self.empty):
            self.column.addWidget(label)
        self.column.addLayout(self._folders)
        self.column.addStretch()
        self.add.clicked.connect(self._on_add_clicked)
        self.get.clicked.connect(intents.get_model)
        self.reload.clicked.connect(catalog.reload)
        self.open.clicked.connect(self._on_open_clicked)
        catalog.changed.connect(self._on_catalog_changed)
        catalog.added.connect(self._on_added)
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
        for place, card in enumerate(self.cards, start=3):  # below the error and what was added
            card.set_in_use(self._settings.values.model)
            self.column.insertWidget(place, card)
        self.empty.setVisible(all(model.shipped for model in self._catalog.models))
        for row in self.folders:
            self._folders.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.folders = [AddedFolder(self._theme, path) for path in self._catalog.added_folders]
        for row, path in zip(self.folders, self._catalog.added_folders, strict=True):
            row.remove.clicked.connect(partial(self._catalog.remove, path))
            self._folders.addWidget(row)

    @Slot()
    def _on_add_clicked(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Choose a folder with models"), str(Path.home()))
        if chosen:
            self._catalog.add([Path(chosen)])

    @Slot(int, int)
    def _on_added(self, usable: int, unusable: int) -> None:
        self.found.setText(text.added(usable, unusable))
        self.found.show()

    @Slot()
    def _on_open_clicked(self) -> None:
        open_folder(self._catalog.folders.models, self._background.do, self._show_fault)

    def _show_fault(self, sentence: str) -> None:
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))
