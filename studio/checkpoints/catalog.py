"""Lists the models that are installed: shipped ones and those in the user's folder. Importable without torch."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.checkpoints import configured_models, family_models
from studio.checkpoints.choices import NO_CHOICES, ChoiceKey, ModelChoices, StoredChoices, read_choices
from studio.checkpoints.family_models import VARIANTS, FamilyInfo
from studio.checkpoints.folder import CARD_NAME, WEIGHTS_NAME, describe
from studio.checkpoints.library.adapters import adapters_among, fitting
from studio.checkpoints.library.cache import RecognitionCache
from studio.checkpoints.library.folders import added_folders
from studio.checkpoints.library.pairing import PartFiles
from studio.checkpoints.library.scan import known_file, name_of, scan
from studio.errors import CheckpointError, RequestError, StorageError, UnknownNameError
from studio.families.configured.info import INDEX, ConfiguredInfo
from studio.families.recognition.kinds import Family, Kind
from studio.folders import resources_dir
from studio.messages import message
from studio.storage import ensure_folder
from studio.weights.conversion import remove_old
from studio.weights.files import unreadable
from studio.weights.hashing import HashCache
from studio.weights.header import check_file

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from studio.checkpoints.library.adapters import Adapter
    from studio.checkpoints.library.scan import ModelFile, Scan
    from studio.families.interface import ModelInfo
    from studio.folders import Folders

RECOGNITION_CACHE: Final = "recognition.json"
_OF_MODELS: Final = frozenset({".safetensors", ".sft", ".ckpt"})


@dataclass(frozen=True, kw_only=True)
class InstalledModel:
    """Where a model is, and the facts that are known without loading it.

    Attributes:
        name: the card's name; of a broken model, its folder's.
        folder: its folder, or the one that its file is in.
        shipped: whether it came with the program.
        card: None if the model is broken.
        error: why it is broken, a whole sentence; None if it is not.
        file: of a model that is a single file; None: it is a folder of its own.
        choices: what the user decided about it.
        signature: of its file or folder, if it is a model of another family; see `ChoiceKey`.
    """

    name: str
    folder: Path
    shipped: bool
    card: ModelInfo | None = None
    error: str | None = None
    file: Path | None = None
    choices: ModelChoices = NO_CHOICES
    signature: str = ""

    @property
    def title(self) -> str:
        """What lists call it."""
        return self.choices.title or (self.name if self.card is None else self.card.title)

    @property
    def choice_key(self) -> ChoiceKey:
        """What its choices are stored under."""
        return ChoiceKey(path=self.path, signature=self.signature)

    @property
    def path(self) -> Path:
        """What `studio.checkpoints.formats.load_model` reads: the file of a single-file model, else the folder."""
        return self.folder if self.file is None else self.file

    @property
    def weights_path(self) -> Path:
        """The file with the weights."""
        return self.folder / WEIGHTS_NAME if self.file is None else self.file

    @property
    def size_on_disk(self) -> int:
        """Bytes of its weights. Raises OSError."""
        if isinstance(self.card, FamilyInfo | ConfiguredInfo):
            return self.card.size_on_disk
        return self.weights_path.stat().st_size


@dataclass(frozen=True)
class Library:
    """What lies in the folders of models.

    Attributes:
        models: every model, those shipped first, each group by name; broken ones too, each with its sentence.
        found: all files of weights there, and how many of them are new.
    """

    models: tuple[InstalledModel, ...]
    found: Scan


def list_models(folders: Folders) -> tuple[InstalledModel, ...]:
    """Return every model that the user did not remove from the lists; see `list_library`."""
    return tuple(model for model in list_library(folders).models if not model.choices.hidden)


def list_library(folders: Folders, *, cancelled: Callable[[], bool] | None = None) -> Library:
    """Return every model, also those that the user removed from the lists, and every other file of weights.

    A user's model whose name is taken is listed as broken, so that a name always means the same model; one that was
    removed from the lists takes no name from another. The hash of a model of another family is "" until it was
    computed: see `with_hash`.

    Args:
        folders: the user's folders.
        cancelled: asked before each file; once it is true, the files that were found until then are returned.
    """
    found, stored = scan_models(folders, cancelled=cancelled), read_choices(folders)
    of_families = _of_families(found.files, folders, stored)
    known = [file.path for file in found.files if _is_known(file)]
    holding = {parent for path in (*known, *(model.path for model in of_families)) for parent in path.parents}
    own = [
        model
        for model in _inspect_all(folders.models, shipped=False)
        if model.card is not None or model.folder not in {*holding, *(one.path for one in of_families)}
    ]
    listed: dict[Path, InstalledModel] = {}
    taken: dict[str, Path] = {}
    for models in (_inspect_all(_shipped_home(), shipped=True), [*own, *of_families]):
        chosen = [
            model
            if isinstance(model.card, FamilyInfo) or model.choices != NO_CHOICES
            else replace(model, choices=stored.of(model.choice_key))
            for model in models
        ]
        for model in sorted(chosen, key=lambda one: (one.choices.hidden, one.name, one.path)):
            if model.card is not None and taken.setdefault(model.name, model.path) != model.path:
                reason = message(
                    "has the name {name}, which the model in {folder} has already; rename one of them",
                    name=repr(model.name),
                    folder=_shown(str(taken[model.name])),
                )
                broken = _broken(model.path, model.shipped, CheckpointError(model.path, reason))
                model = replace(broken, choices=model.choices, signature=model.signature)
            listed[model.path] = model
    ordered = sorted(listed.values(), key=lambda one: (not one.shipped, one.name, one.path))
    return Library(tuple(ordered), found)


def scan_models(folders: Folders, *, cancelled: Callable[[], bool] | None = None) -> Scan:
    """Return every file of weights in the folders of models, with what it is; headers that are known are not read.

    What was found before a scan was cancelled is known to the next one.
    """
    cache = RecognitionCache(folders.cache / RECOGNITION_CACHE)
    own = [folders.models] if folders.models.exists() else []  # made with the first model that is put into it
    found = scan([*own, *added_folders(folders)], cache, cancelled=cancelled)
    if found.added or found.changed or found.removed:
        with contextlib.suppress(StorageError):
            ensure_folder(folders.cache)
            cache.save()
        remove_old(folders.cache)
    return found


def list_adapters(folders: Folders) -> tuple[Adapter, ...]:
    """Return every LoRA and textual inversion in the folders of models, in the order in which names are resolved.

    Those that this program cannot apply, and files that cannot be read, are among them.
    """
    return adapters_among(scan_models(folders).files, [folders.models, *added_folders(folders)])


def adapters_for(card: ModelInfo, folders: Folders) -> tuple[Adapter, ...]:
    """Return the LoRAs and textual inversions that fit a model, each with the name that a prompt refers to it by.

    The list for the window: `Adapter` has name, path, family and trigger words. () for a model that takes none.
    """
    return fitting(list_adapters(folders), Family(card.family_name)) if isinstance(card, FamilyInfo) else ()


def _of_families(files: Sequence[ModelFile], folders: Folders, stored: StoredChoices) -> list[InstalledModel]:
    """Return the models of other families among files."""
    hashes, parts = HashCache.of(folders.cache), PartFiles(files)
    found = []
    for file in files:
        choices = _choices_of(file, stored, hashes)
        if not _may_be_model(file, choices) or (file.path.parent / CARD_NAME).is_file():
            continue
        try:
            info = _described(file, parts, choices, hashes)
        except CheckpointError as error:
            broken = replace(_broken(file.path, False, error), name=_shown(file.name))
            found.append(replace(broken, choices=choices, signature=file.signature))
            continue
        found.append(_installed(file, info, choices))
    return found


def _is_known(file: ModelFile) -> bool:
    """Whether a file is of other programs, so that the folder it is in need not be a model."""
    return file.recognised is not None and file.recognised.kind is not Kind.UNKNOWN


def _choices_of(file: ModelFile, stored: StoredChoices, hashes: HashCache) -> ModelChoices:
    """Return what the user decided about a file."""
    key = ChoiceKey(path=file.path, signature=file.signature)
    if stored.has_hashes and not file.is_folder and stored.find(key) is None:
        with contextlib.suppress(CheckpointError):
            key = replace(key, sha256=hashes.known(file.path) or "")
    return stored.of(key)


def _installed(file: ModelFile, info: FamilyInfo | ConfiguredInfo, choices: ModelChoices) -> InstalledModel:
    return InstalledModel(
        name=info.name,
        folder=file.path if file.is_folder else file.path.parent,
        shipped=False,
        card=info,
        file=None if file.is_folder else file.path,
        choices=choices,
        signature=file.signature,
    )


def _may_be_model(file: ModelFile, choices: ModelChoices) -> bool:
    """Whether a file is a model, or looks as if it were meant to be one but cannot be read."""
    if file.recognised is None:
        return file.is_folder or file.path.suffix.lower() in _OF_MODELS
    return family_models.is_model(file, choices)


def _described(
    file: ModelFile, others: Iterable[ModelFile], choices: ModelChoices, hashes: HashCache
) -> FamilyInfo | ConfiguredInfo:
    """Return what is known of a model of another family. Raises CheckpointError."""
    if configured_models.is_configured(file) and choices.family is None:
        return configured_models.with_known_hash(
            configured_models.describe(file, others, choices.title), hashes
        )
    return family_models.with_known_hash(family_models.describe(file, others, choices), hashes)


def find_model(name: str, folders: Folders) -> InstalledModel:
    """Return the model of a name, or the one in the folder of a path; its ``card`` is not None.

    A model that an earlier scan found, and that has not changed since, is found without a scan. The hash of a model of
    another family is "" until it was computed: see `with_hash`.

    Args:
        name: a model's name, or the path of a model's folder or of a file in it; with an @ and a key of `VARIANTS`
            after it, that model with another prediction.
        folders: the user's folders.

    Raises:
        RequestError: the prediction of the model is not in question.
        UnknownNameError: there is no model of that name and nothing at that path; suggests the closest name.
        CheckpointError: the model is broken, or what is at the path is no model of this program.
    """
    if _has_separator(name) and os.path.lexists(name):
        return _model_at(Path(name), folders)
    if (known := _known_model(name, folders)) is not None:
        return known
    base, _, variant = name.rpartition("@")
    is_variant = base and variant in VARIANTS and not os.path.lexists(name)
    if is_variant and (known := _known_model(base, folders)) is not None:
        return as_variant(known, variant)
    models = list_library(folders).models
    for model in sorted(models, key=lambda model: (model.card is None, model.choices.hidden)):
        if model.name == name:
            return model if model.card is not None else _model_at(model.path, folders)
    if is_variant:
        return as_variant(find_model(base, folders), variant)
    if not _is_path(name):
        raise UnknownNameError("model", name, [model.name for model in models if model.card is not None])
    return _model_at(Path(name), folders)


def as_variant(model: InstalledModel, variant: str) -> InstalledModel:
    """Return a model with another prediction; ``variant`` is a key of `VARIANTS`. Its hash is not known.

    Raises:
        RequestError: the prediction of the model is not in question.
    """
    if not isinstance(model.card, FamilyInfo):
        reason = message(
            "names {name}, whose prediction is known and cannot be changed", name=repr(model.name)
        )
        raise RequestError("model", reason)
    return replace(model, name=f"{model.name}@{variant}", card=family_models.as_variant(model.card, variant))


def _known_model(name: str, folders: Folders) -> InstalledModel | None:
    """Return the model of a name that is found without a scan; None if a scan must tell."""
    shipped = [model for model in _inspect_all(_shipped_home(), shipped=True) if model.name == name]
    stored = read_choices(folders)
    found = [
        *(
            replace(model, choices=stored.of(model.choice_key))
            for model in _inspect_all(folders.models, shipped=False)
            if model.name == name
        ),
        *_known_of_families(name, folders, stored),
    ]
    usable = [model for model in shipped or found if model.card is not None and not model.choices.hidden]
    return min(usable, key=lambda model: model.path, default=None)


def _known_of_families(name: str, folders: Folders, stored: StoredChoices) -> Iterator[InstalledModel]:
    cache, hashes = RecognitionCache(folders.cache / RECOGNITION_CACHE), HashCache.of(folders.cache)
    places = (folders.models, *added_folders(folders))
    for path in cache.paths():
        names = {name_of(path, is_folder=False), name_of(path, is_folder=True).replace("/", "--")}
        if name not in names or not any(path.is_relative_to(place) for place in places):
            continue
        file = known_file(path, cache)
        if file is None or (path.parent / CARD_NAME).is_file():
            continue
        choices = _choices_of(file, stored, hashes)
        if not family_models.is_model(file, choices):
            continue
        with contextlib.suppress(CheckpointError):
            info = _described(file, _known_files(cache, places), choices, hashes)
            if info.name == name:
                yield _installed(file, info, choices)


def _known_files(cache: RecognitionCache, places: Sequence[Path]) -> tuple[ModelFile, ...]:
    """Return the files with parts of models in ``places`` that an earlier scan found, and that have not changed."""
    near = (
        path for path in cache.paths(parts_only=True) if any(path.is_relative_to(place) for place in places)
    )
    return tuple(file for path in near if (file := known_file(path, cache)) is not None)


def with_hash(
    model: InstalledModel,
    folders: Folders,
    *,
    cancelled: threading.Event | None = None,
    paused: threading.Event | None = None,
) -> InstalledModel:
    """Return the model with its hash, by which runs and pictures refer to it; computing it may take many seconds.

    Args:
        model: the model.
        folders: the user's folders; hashes are remembered in the cache.
        cancelled: stops the hashing when set.
        paused: while it is set, nothing is read.

    Raises:
        CheckpointError: a file cannot be read.
        LoadCancelled: ``cancelled`` was set.
    """
    card, hashes = model.card, HashCache.of(folders.cache)
    if not isinstance(card, FamilyInfo | ConfiguredInfo) or card.weights_sha256:
        return model
    if isinstance(card, ConfiguredInfo):
        hashed = configured_models.hashed(card, hashes, cancelled=cancelled, paused=paused)
        return replace(model, card=hashed)
    return replace(model, card=family_models.hashed(card, hashes, cancelled=cancelled, paused=paused))


def lacks_hash(model: InstalledModel) -> bool:
    """Whether a model can be used, and its hash was never computed."""
    return isinstance(model.card, FamilyInfo | ConfiguredInfo) and not model.card.weights_sha256


def _shipped_home() -> Path:
    return resources_dir() / "models"


def _inspect_all(home: Path, *, shipped: bool) -> list[InstalledModel]:
    """Inspect every folder in ``home``; if it cannot be listed, it is itself listed as a broken model."""
    try:
        folders = [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        return [_broken(home, shipped, unreadable(home, error))]
    return [_inspect(folder, shipped=shipped) for folder in folders]


def _inspect(folder: Path, *, shipped: bool) -> InstalledModel:
    try:
        card = describe(folder)
    except CheckpointError as error:
        return _broken(folder, shipped, error)
    return InstalledModel(name=card.name, folder=folder, shipped=shipped, card=card)


def _broken(folder: Path, shipped: bool, error: CheckpointError) -> InstalledModel:
    sentence = _shown(error.message)
    return InstalledModel(name=_shown(folder.name), folder=folder, shipped=shipped, error=sentence)


def _shown(text: str) -> str:
    """Return a text that any terminal can print, though a file's name may contain bytes that are not UTF-8."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return text if shown == text else shown  # a message stays one that can be translated


def _is_path(name: str) -> bool:
    """Whether a name that no model has looks like a path."""
    return _has_separator(name) or os.path.isfile(name) or os.path.lexists(os.path.join(name, CARD_NAME))


def _has_separator(name: str) -> bool:
    return os.sep in name or (os.altsep or os.sep) in name


def _model_at(path: Path, folders: Folders) -> InstalledModel:
    """Return the model at a path; raises CheckpointError naming what the path contains instead."""
    try:
        is_folder = path.is_dir()
        beside = is_folder or (path.parent / CARD_NAME).is_file()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not beside or (is_folder and os.path.lexists(path / INDEX) and not (path / CARD_NAME).is_file()):
        if (found := _family_model_at(path, folders)) is not None:
            return found
        check_file(
            path, links=True
        )  # raises an error for what it is: missing, truncated, a web page, a pickle
        reason = message("has no {card} beside it, so it is not a model of this program", card=CARD_NAME)
        raise CheckpointError(path, reason)
    if not is_folder and not path.exists():
        raise CheckpointError(path, message("is missing"))
    folder = path if is_folder else path.parent
    card = describe(folder)
    return InstalledModel(name=card.name, folder=folder, shipped=folder.parent == _shipped_home(), card=card)


def _family_model_at(path: Path, folders: Folders) -> InstalledModel | None:
    """Return the model of another family at a path, or None; other folders are scanned if it lacks a part."""
    cache, hashes = RecognitionCache(folders.cache / RECOGNITION_CACHE), HashCache.of(folders.cache)
    stored = read_choices(folders)
    for file in scan([path], cache).files:
        choices = _choices_of(file, stored, hashes)
        if family_models.is_model(file, choices):
            try:
                places = (folders.models, *added_folders(folders))
                info = _described(file, _known_files(cache, places), choices, hashes)
            except CheckpointError:
                info = _described(file, scan_models(folders).files, choices, hashes)
            return _installed(file, info, choices)
        if file.path == Path(os.path.abspath(path)) and (error := family_models.refused(file)) is not None:
            raise error
    return None
