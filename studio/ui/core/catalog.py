"""The installed models, as the window lists them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.catalog import InstalledModel, lacks_hash, list_models, with_hash
from studio.checkpoints.library.folders import add_folders, added_folders, remove_folder
from studio.errors import CheckpointError
from studio.ui.core.background import Background
from studio.ui.language import tr
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from studio.errors import StudioError
    from studio.families.interface import ModelInfo
    from studio.folders import Folders

FIRST_CHOICE = "starter"


@dataclass(frozen=True)
class _Listing:
    models: tuple[InstalledModel, ...]
    folders: tuple[Path, ...]


class Catalog(QObject):
    """All models, broken ones with the reason; see `studio.checkpoints.catalog.list_models`.

    They are listed in another thread, since every card and header is read. A third one then computes the hashes of the
    models that have none yet.

    Attributes:
        listed: whether they were listed; until then there are none.
    """

    changed = Signal()
    """The models were listed for the first time, or their list or that of the added folders has changed."""
    added = Signal(int, int)
    """Files or folders were added: how many models in them can be used, and how many cannot."""
    failed = Signal(str)
    """The models could not be listed: a sentence."""

    def __init__(self, folders: Folders, busy: threading.Event | None = None) -> None:
        """Begin to list the models of ``folders``.

        Args:
            folders: the user's folders.
            busy: set while the engine runs a job; meanwhile no file is hashed.
        """
        super().__init__()
        self._folders, self._busy = folders, busy or threading.Event()
        self._models: tuple[InstalledModel, ...] = ()
        self._added: tuple[Path, ...] = ()
        self._background, self._hasher = Background(self), Background(self)
        self._closed = threading.Event()
        self._hashing = False
        self._unhashable: frozenset[Path] = frozenset()
        self._awaited: set[str] = set()
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

    @property
    def added_folders(self) -> tuple[Path, ...]:
        """The files and folders whose models are used in place."""
        return self._added

    @Slot()
    def reload(self) -> None:
        """List the models again."""
        self._background.do(partial(_list, self._folders), self._on_listed, self._on_failed, key="list")

    def expect(self, weights: Iterable[str]) -> None:
        """List the models again, once, if a job runs weights whose hash no model here has.

        The hash of a large file is computed when the file is first used.
        """
        known = {model.card.weights_sha256 for model in self._models if model.card is not None}
        unknown = set(weights) - known - self._awaited - {""}
        if unknown:
            self._awaited |= unknown
            self.reload()

    def add(self, paths: Sequence[Path]) -> None:
        """Use the models in these files and folders, where they are."""
        self._background.do(partial(_add, self._folders, tuple(paths)), self._on_added, self._on_failed)

    def remove(self, path: Path) -> None:
        """Take an added file or folder out of the list; nothing on the disk changes."""
        self._background.do(partial(_remove, self._folders, path), self._on_listed, self._on_failed)

    def close(self) -> None:
        """Wait for pending reads; hashing stops."""
        self._closed.set()
        self._background.close()
        self._hasher.close()

    def _on_listed(self, found: _Listing) -> None:
        hashes = [
            model.card and model.card.weights_sha256 for model in found.models
        ]  # equal models may differ in it
        known = [model.card and model.card.weights_sha256 for model in self._models]
        if found != _Listing(self._models, self._added) or hashes != known or not self.listed:
            self.listed, self._models, self._added = True, found.models, found.folders
            self.changed.emit()
        self._hash_models()

    def _hash_models(self) -> None:
        """Begin to compute the hashes that are not known, unless that is done already."""
        unknown = [
            model for model in self._models if lacks_hash(model) and model.path not in self._unhashable
        ]
        if unknown and not self._hashing:
            self._hashing = True
            work = partial(_hash, unknown, self._folders, self._closed, self._busy)
            self._hasher.do(work, self._on_hashed, self._on_hashing_failed)

    def _on_hashed(self, unhashable: frozenset[Path]) -> None:
        self._hashing = False
        self._unhashable |= unhashable
        self.reload()

    def _on_hashing_failed(self, error: StudioError) -> None:
        self.failed.emit(tr(error.message))  # and it is not tried again

    def _on_added(self, found: tuple[_Listing, tuple[Path, ...]]) -> None:
        listing, paths = found
        self._on_listed(listing)
        inside = [model for model in self._models if any(model.path.is_relative_to(path) for path in paths)]
        usable = sum(model.card is not None for model in inside)
        self.added.emit(usable, len(inside) - usable)

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


def _list(folders: Folders) -> _Listing:
    return _Listing(list_models(folders), added_folders(folders))


def _add(folders: Folders, paths: tuple[Path, ...]) -> tuple[_Listing, tuple[Path, ...]]:
    add_folders(folders, paths)
    return _list(folders), tuple(path.absolute() for path in paths)


def _remove(folders: Folders, path: Path) -> _Listing:
    remove_folder(folders, path)
    return _list(folders)


def _hash(
    models: Sequence[InstalledModel], folders: Folders, closed: threading.Event, busy: threading.Event
) -> frozenset[Path]:
    """Compute the hashes of models, and return the paths of those that cannot be read."""
    failed = set()
    for model in models:
        try:
            with_hash(model, folders, cancelled=closed, paused=busy)
        except LoadCancelled:
            break
        except CheckpointError:  # its own job will say so
            failed.add(model.path)
    return frozenset(failed)
