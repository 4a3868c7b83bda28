"""The installed models, as the window lists them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.catalog import InstalledModel, list_models
from studio.ui.core.background import Background
from studio.ui.language import tr

if TYPE_CHECKING:
    from studio.errors import StudioError
    from studio.families.interface import ModelInfo
    from studio.folders import Folders

FIRST_CHOICE = "starter"


class Catalog(QObject):
    """All models, broken ones with the reason; see `studio.checkpoints.catalog.list_models`.

    They are listed in another thread, since every card and header is read.

    Attributes:
        listed: whether they were listed; until then there are none.
    """

    changed = Signal()
    """The models were listed for the first time, or their list has changed."""
    failed = Signal(str)
    """The models could not be listed: a sentence."""

    def __init__(self, folders: Folders) -> None:
        """Begin to list the models of ``folders``."""
        super().__init__()
        self._folders = folders
        self._models: tuple[InstalledModel, ...] = ()
        self._background = Background(self)
        self.listed = False
        self.reload()

    @property
    def folders(self) -> Folders:
        """The user's folders."""
        return self._folders

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """All models, those shipped with the program first."""
        return self._models

    @Slot()
    def reload(self) -> None:
        """List the models again."""
        self._background.do(partial(list_models, self._folders), self._on_listed, self._on_failed, key="list")

    def close(self) -> None:
        """Wait for pending reads."""
        self._background.close()

    def _on_listed(self, models: tuple[InstalledModel, ...]) -> None:
        if models != self._models or not self.listed:
            self.listed, self._models = True, models
            self.changed.emit()

    def _on_failed(self, error: StudioError) -> None:
        if not self.listed:
            self.listed = True
            self.changed.emit()
        self.failed.emit(tr(error.message))

    def find(self, name: str) -> InstalledModel | None:
        """Return the model of this name, preferring one that loads; None if there is none."""
        named = [model for model in self._models if model.name == name]
        return min(named, key=lambda model: model.card is None, default=None)

    def card(self, name: str) -> ModelInfo | None:
        """Return the card of the model of this name; None if there is none or it is broken."""
        model = self.find(name)
        return None if model is None else model.card

    def first(self) -> ModelInfo | None:
        """Return the card of the default model: the starter, or else the first that is not broken."""
        cards = [model.card for model in self._models if model.card is not None]
        return min(cards, key=lambda card: card.name != FIRST_CHOICE, default=None)
