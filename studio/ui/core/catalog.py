"""The installed models, as the window lists them."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.catalog import InstalledModel, as_variant, lacks_hash, list_library, with_hash
from studio.checkpoints.choices import write_choices
from studio.checkpoints.family_models import VARIANTS
from studio.checkpoints.library.folders import add_folders, added_folders, remove_folder
from studio.checkpoints.library.scan import ModelFile, Scan
from studio.errors import CheckpointError, StudioError
from studio.ui.core.background import Background
from studio.ui.language import tr
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from studio.checkpoints.choices import ChoiceKey, ModelChoices
    from studio.families.interface import ModelInfo
    from studio.folders import Folders

FIRST_CHOICE = "starter"


@dataclass(frozen=True)
class _Listing:
    models: tuple[InstalledModel, ...]
    folders: tuple[Path, ...]
    files: tuple[ModelFile, ...] = ()

    @cached_property
    def shown(self) -> tuple[InstalledModel, ...]:
        return tuple(model for model in self.models if not model.choices.hidden)

    @cached_property
    def hashes(self) -> tuple[str | None, ...]:
        return tuple(None if model.card is None else model.card.weights_sha256 for model in self.models)

    def same(self, other: _Listing) -> bool:
        """Whether nothing differs, not even the hashes, in which equal models may; takes a while for thousands."""
        return self == other and self.hashes == other.hashes


@dataclass(frozen=True)
class _Answer:
    """What a scan found, and whether it is what was listed before."""

    listing: _Listing
    found: Scan
    before: _Listing
    same: bool


_NOTHING_FOUND = Scan(files=())


class Catalog(QObject):
    """All models, broken ones with the reason; see `studio.checkpoints.catalog.list_library`.

    They are listed in another thread, since every card and header is read. A third one then computes the hashes of the
    models that have none yet.

    Attributes:
        listed: whether they were listed; until then there are none.
        found: what the last scan found: every file of weights, and how many of them are new.
    """

    changed = Signal()
    """The models were listed for the first time, or their list or that of the added folders has changed."""
    added = Signal(int, int, int)
    """Files or folders were added: how many models in them can be used, how many cannot, and how many other files of
    weights there are, such as LoRAs."""
    scanned = Signal()
    """The folders were scanned, whatever was found; emitted before `changed`."""
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
        self._listing = _Listing((), ())
        self.found = _NOTHING_FOUND
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
        """All models that the user did not remove from the lists, those shipped with the program first."""
        return self._listing.shown

    @property
    def removed(self) -> tuple[InstalledModel, ...]:
        """The models that the user removed from the lists."""
        return tuple(model for model in self._listing.models if model.choices.hidden)

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Every file of weights in the folders of models, also those that are no models."""
        return self._listing.files

    @property
    def added_folders(self) -> tuple[Path, ...]:
        """The files and folders whose models are used in place."""
        return self._listing.folders

    @Slot()
    def reload(self) -> None:
        """List the models again."""
        self._background.do(
            partial(_list, self._folders, self._listing, self._closed),
            self._on_listed,
            self._on_failed,
            key="list",
        )

    def expect(self, weights: Iterable[str]) -> None:
        """List the models again, once, if a job runs weights whose hash no model here has.

        The hash of a large file is computed when the file is first used.
        """
        known = {model.card.weights_sha256 for model in self._listing.models if model.card is not None}
        unknown = set(weights) - known - self._awaited - {""}
        if unknown:
            self._awaited |= unknown
            self.reload()

    def add(self, paths: Sequence[Path]) -> None:
        """Use the models in these files and folders, where they are."""
        self._background.do(
            partial(_add, self._folders, self._listing, self._closed, tuple(paths)),
            self._on_added,
            self._on_failed,
        )

    def remove(self, path: Path) -> None:
        """Take an added file or folder out of the list; nothing on the disk changes."""
        self._background.do(
            partial(_remove, self._folders, self._listing, self._closed, path),
            self._on_listed,
            self._on_failed,
        )

    def choose(self, changed: Mapping[ChoiceKey, ModelChoices]) -> None:
        """Store what the user decides about models, and list them again."""
        self._background.do(
            partial(_choose, self._folders, self._listing, self._closed, dict(changed)),
            self._on_listed,
            self._on_failed,
        )

    def close(self) -> None:
        """Wait for pending reads; hashing stops."""
        self._closed.set()
        self._background.close()
        self._hasher.close()

    def _on_listed(self, answer: _Answer) -> None:
        same = answer.same and answer.before is self._listing and self.listed
        self.found = answer.found
        if not same:
            self.listed, self._listing = True, answer.listing
        self.scanned.emit()
        if not same:
            self.changed.emit()
        self._hash_models()

    def _hash_models(self) -> None:
        """Begin to compute the hashes that are not known, unless that is done already."""
        unknown = [model for model in self.models if lacks_hash(model) and model.path not in self._unhashable]
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

    def _on_added(self, found: tuple[_Answer, tuple[Path, ...]]) -> None:
        answer, paths = found
        self._on_listed(answer)
        inside = [model for model in self.models if _is_below(model.path, paths)]
        usable = sum(model.card is not None for model in inside)
        models = {model.path for model in self._listing.models}
        others = sum(
            file.recognised is not None and file.path not in models and _is_below(file.path, paths)
            for file in self.files
        )
        self.added.emit(usable, len(inside) - usable, others)

    def _on_failed(self, error: StudioError) -> None:
        if not self.listed:
            self.listed = True
            self.changed.emit()
        self.failed.emit(tr(error.message))

    def find(self, name: str) -> InstalledModel | None:
        """Return the model of this name, preferring one that loads; None if there is none.

        A name may end as those of `studio.checkpoints.catalog.find_model`, for another prediction.
        """
        named = [model for model in self._listing.models if model.name == name]
        found = min(named, key=lambda model: (model.card is None, model.choices.hidden), default=None)
        base, _, variant = name.rpartition("@")
        if found is None and base and variant in VARIANTS:
            model = self.find(base)
            with contextlib.suppress(StudioError):
                return None if model is None else as_variant(model, variant)
        return found

    def card(self, name: str) -> ModelInfo | None:
        """Return the card of the model of this name; None if there is none or it is broken."""
        model = self.find(name)
        return None if model is None else model.card

    def first(self) -> ModelInfo | None:
        """Return the card of the default model: the starter, or else the first that is not broken."""
        cards = [model.card for model in self.models if model.card is not None]
        return min(cards, key=lambda card: card.name != FIRST_CHOICE, default=None)


def _is_below(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _list(folders: Folders, before: _Listing, closed: threading.Event) -> _Answer:
    library = list_library(folders, cancelled=closed.is_set)
    listing = _Listing(library.models, added_folders(folders), library.found.files)
    return _Answer(listing, library.found, before, listing.same(before))


def _add(
    folders: Folders, before: _Listing, closed: threading.Event, paths: tuple[Path, ...]
) -> tuple[_Answer, tuple[Path, ...]]:
    add_folders(folders, paths)
    return _list(folders, before, closed), tuple(path.absolute() for path in paths)


def _remove(folders: Folders, before: _Listing, closed: threading.Event, path: Path) -> _Answer:
    remove_folder(folders, path)
    return _list(folders, before, closed)


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


def _choose(
    folders: Folders,
    before: _Listing,
    closed: threading.Event,
    changed: Mapping[ChoiceKey, ModelChoices],
) -> _Answer:
    write_choices(folders, changed)
    return _list(folders, before, closed)
