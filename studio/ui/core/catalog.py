"""The models there are, for the window to show and to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.catalog import InstalledModel, list_models

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.folders import Folders

FIRST_CHOICE = "starter"


class Catalog(QObject):
    """Every model, broken ones with the reason; see `studio.checkpoints.catalog.list_models`."""

    changed = Signal()
    """There are other models than before."""

    def __init__(self, folders: Folders) -> None:
        """Look for the models of these folders."""
        super().__init__()
        self._folders = folders
        self._models = list_models(folders)

    @property
    def folders(self) -> Folders:
        """The user's folders."""
        return self._folders

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """Every model, those shipped first."""
        return self._models

    @Slot()
    def reload(self) -> None:
        """Look again."""
        models = list_models(self._folders)
        if models != self._models:
            self._models = models
            self.changed.emit()

    def find(self, name: str) -> InstalledModel | None:
        """Return the model of this name, a whole one before a broken one."""
        named = [model for model in self._models if model.name == name]
        return min(named, key=lambda model: model.card is None, default=None)

    def card(self, name: str) -> ModelCard | None:
        """Return the card of the model of this name; None where there is none or it is broken."""
        model = self.find(name)
        return None if model is None else model.card

    def first(self) -> ModelCard | None:
        """Return the card of the model to start with: the starter, else the first that is whole."""
        cards = [model.card for model in self._models if model.card is not None]
        return min(cards, key=lambda card: card.name != FIRST_CHOICE, default=None)
