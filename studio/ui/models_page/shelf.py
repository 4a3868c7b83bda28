"""The models as the page lists them: sorted, searched, each with its picture."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot

from studio.checkpoints.family_models import FamilyInfo
from studio.downloads.suggested import machine_memory
from studio.engine.memory_plan import DeviceMemory, plan_memory
from studio.ui.core.background import Background
from studio.ui.models_page import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from PySide6.QtCore import QObject

    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.memory_plan import MemoryPlan
    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.gallery.store import PictureStore
    from studio.ui.core.catalog import Catalog

    Index = QModelIndex | QPersistentModelIndex

ModelRole: Final = Qt.ItemDataRole.UserRole
PictureRole: Final = Qt.ItemDataRole.UserRole + 1

SEARCHED: Final = 2000
"""How many of the newest pictures are searched for one of each model."""
SIDECARS: Final = (".preview.png", ".png")
"""What follows the name of a model's file in the name of the picture beside it, as A1111 and CivitAI's tools write."""


class Shelf(QAbstractListModel):
    """Models in rows: favourites first, then by title; only those that a search finds."""

    pictures_found = Signal()

    def __init__(self, catalog: Catalog, store: PictureStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalog, self._store = catalog, store
        self._background = Background(self)
        self._models: tuple[InstalledModel, ...] = ()
        self._words: tuple[str, ...] = ()
        self._pictures: Mapping[Path, Path] = {}
        self._plans: dict[Path, MemoryPlan | None] = {}
        self._device = DeviceMemory(free=machine_memory())
        catalog.changed.connect(self._on_catalog_changed)
        self._on_catalog_changed()

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """Those in the rows."""
        return self._models

    def search(self, words: str) -> None:
        """Show only models whose name, file or family contains every word."""
        found = tuple(words.casefold().split())
        if found != self._words:
            self._words = found
            self._refill()

    def plan(self, model: InstalledModel) -> MemoryPlan | None:
        """Return whether a model fits this machine at its usual size; None for a broken one."""
        if model.path not in self._plans:
            card = model.card
            self._plans[model.path] = (
                None if card is None else plan_memory(card, *card.sizes[0], device=self._device)
            )
        return self._plans[model.path]

    def picture(self, model: InstalledModel) -> Path | None:
        """Return the newest picture made with a model, else the one beside its file; None if there is none."""
        return self._pictures.get(model.path)

    def find_pictures(self) -> None:
        """Look for pictures again, in another thread."""
        self._background.do(
            partial(find_pictures, self._catalog.models, self._store),
            self._on_pictures_found,
            _pass_over,
            key="pictures",
        )

    def close(self) -> None:
        """Wait for pending reads."""
        self._background.close()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        model = self._models[index.row()]
        if role == ModelRole:
            return model
        if role == PictureRole:
            return self.picture(model)
        if role == Qt.ItemDataRole.DisplayRole:
            return model.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return text.spoken(model, self.plan(model))
        return None

    @Slot()
    def _on_catalog_changed(self) -> None:
        self._plans.clear()
        self._refill()
        self.find_pictures()

    def _refill(self) -> None:
        self.beginResetModel()
        models = self._catalog.models
        found = [model for model in models if self._matches(model)] if self._words else models
        self._models = tuple(sorted(found, key=_place))
        self.endResetModel()

    def _matches(self, model: InstalledModel) -> bool:
        family = model.card.family.title if isinstance(model.card, FamilyInfo) else ""
        words = f"{model.title} {model.name} {model.path} {family}".casefold()
        return all(word in words for word in self._words)

    def _on_pictures_found(self, found: Mapping[Path, Path]) -> None:
        if found != self._pictures:
            self._pictures = found
            self.pictures_found.emit()


def _place(model: InstalledModel) -> tuple[bool, bool, str]:
    return (
        not model.choices.favourite,
        model.card is None,
        model.title.casefold(),
    )


def _pass_over(error: StudioError) -> None:
    """Do nothing: a model without its picture is shown all the same."""


def find_pictures(models: Sequence[InstalledModel], store: PictureStore) -> dict[Path, Path]:
    """Return the picture of each model that has one, by the model's path. Reads the disk.

    Raises:
        StorageError: the index of pictures cannot be read.
    """
    beside = _sidecars(models)
    made = _newest(store.catalogue.entries(limit=SEARCHED))
    found = {}
    for model in models:
        digest = "" if model.card is None else model.card.weights_sha256
        picture = made.get(digest) or made.get(model.name) or beside.get(model.path)
        if picture is not None:
            found[model.path] = picture
    return found


def _newest(entries: Iterable[Entry]) -> dict[str, Path]:
    """Return the first picture of each model, by its hash and by its name; entries are newest first."""
    found: dict[str, Path] = {}
    for entry in entries:
        if not entry.missing:
            found.setdefault(entry.metadata.model_sha256, entry.path)
            found.setdefault(entry.metadata.model.partition("@")[0], entry.path)
    return found


def _sidecars(models: Iterable[InstalledModel]) -> dict[Path, Path]:
    """Return the pictures beside models' files; each folder is listed once."""
    names: dict[Path, frozenset[str]] = {}
    found = {}
    for model in models:
        if model.file is None:
            continue
        folder = model.file.parent
        if folder not in names:
            try:
                names[folder] = frozenset(os.listdir(folder))
            except OSError:
                names[folder] = frozenset()
        for suffix in SIDECARS:
            if model.file.stem + suffix in names[folder]:
                found[model.path] = folder / (model.file.stem + suffix)
                break
    return found
