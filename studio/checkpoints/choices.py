"""What the user decides about single models: facts that their files do not say, their VAEs, and how lists show them.

The choices of all models are one JSON file in the folder of settings. A choice belongs to a file by, in this order:

    its path         so it stays when the file is replaced by a new version of the same name
    its signature    size, time of change and inode: it follows a file that is renamed or moved on its drive
    its hash         where it is known: it follows a copy to another drive

A file that is damaged, or that a newer version of the program wrote, counts as empty and is kept under another name
before the next choice is written. Importable without torch.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from studio.errors import StorageError
from studio.storage import as_storage_error, ensure_folder, read_small, write_file
from studio.strict_json import InvalidJsonError, convert, parse, text_up_to, without_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from studio.folders import Folders

FILE_NAME: Final = "model-choices.json"
FORMAT_VERSION: Final = 1
MAX_FILES: Final = 20_000
"""How many files' choices are kept; the oldest are forgotten first."""
MAX_TITLE: Final = 120
NO_TINY_VAE: Final = "none"
"""The value of `ModelChoices.tiny_vae` that means none."""

_MAX_BYTES: Final = 64 << 20
_MAX_PATH: Final = 8192
_MAX_ASIDE: Final = 9
_LOCK = threading.Lock()

_Text = Annotated[str, text_up_to(_MAX_PATH, empty=True)]


class ModelChoices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user decided about one model.

    Attributes:
        family: its family; None: as recognised.
        prediction: the meaning of its network's output; None: as recognised.
        zero_terminal_snr: whether its schedule ends without signal; None: as recognised.
        vae: the key (`path_key`) of the file whose VAE takes the place of its own; "": its own.
        tiny_vae: the key of the file with the tiny VAE for its previews; "": one that fits it, if there is one;
            `NO_TINY_VAE`: none.
        final_level: where the last step of a run leads.
        title: the name that lists show; "": that of its file.
        favourite: whether lists show it first.
        hidden: whether it was removed from the lists.
    """

    family: Literal["sd1", "sd2", "sdxl"] | None = None
    prediction: Literal["eps", "v"] | None = None
    zero_terminal_snr: bool | None = None
    vae: _Text = ""
    tiny_vae: _Text = ""
    final_level: Literal["clean", "first"] = "clean"
    title: Annotated[str, text_up_to(MAX_TITLE, empty=True)] = ""
    favourite: bool = False
    hidden: bool = False


NO_CHOICES: Final = ModelChoices()


@dataclass(frozen=True, kw_only=True)
class ChoiceKey:
    """The file that choices belong to.

    Attributes:
        path: of the model's file or folder.
        signature: what changes with the file (`studio.checkpoints.library.scan.ModelFile`); "": unknown.
        sha256: its hash; "": unknown.
    """

    path: Path
    signature: str = ""
    sha256: str = ""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    path: _Text
    signature: _Text = ""
    sha256: _Text = ""
    choices: ModelChoices

    def is_of(self, key: ChoiceKey) -> bool:
        same_path = self.path == path_key(key.path)
        return same_path or (self.signature != "" and self.signature == _own(key.signature))


class StoredChoices:
    """The choices of all models."""

    def __init__(self, entries: Iterable[_Entry] = ()) -> None:
        self.entries = tuple(entries)
        self._by_path = {entry.path: entry for entry in self.entries}
        self._by_signature = {entry.signature: entry for entry in self.entries if entry.signature}
        self._by_hash = {entry.sha256: entry for entry in self.entries if entry.sha256}

    @property
    def has_hashes(self) -> bool:
        """Whether a file can be known by its hash alone."""
        return bool(self._by_hash)

    def of(self, key: ChoiceKey) -> ModelChoices:
        """Return the choices for a file; `NO_CHOICES` if there are none."""
        entry = self.find(key)
        return NO_CHOICES if entry is None else entry.choices

    def find(self, key: ChoiceKey) -> _Entry | None:
        found = self._by_path.get(path_key(key.path))
        if found is None and key.signature:
            found = self._by_signature.get(_own(key.signature))
        if found is None and key.sha256:
            found = self._by_hash.get(key.sha256)
        return found


def path_key(path: Path) -> str:
    """Return a path as text that JSON can hold, though a name may contain bytes that are not UTF-8."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "backslashreplace")


def read_choices(folders: Folders) -> StoredChoices:
    """Return all choices; none if the file is missing or cannot be read."""
    try:
        return StoredChoices(_read(folders.settings / FILE_NAME))
    except (StorageError, InvalidJsonError):
        return StoredChoices()


def write_choices(folders: Folders, changed: Mapping[ChoiceKey, ModelChoices]) -> None:
    """Store the choices of some files; those of all others stay.

    Raises:
        StorageError: they cannot be written, or a file that is not understood cannot be kept aside.
    """
    path = folders.settings / FILE_NAME
    with _LOCK:
        entries = list(_readable(path))
        stored = StoredChoices(entries)
        replaced = {id(stored.find(key)) for key in changed}
        entries = [
            entry
            for entry in entries
            if id(entry) not in replaced and not any(entry.is_of(key) for key in changed)
        ]
        entries += [
            _Entry(
                path=path_key(key.path),
                signature=_own(key.signature),
                sha256=key.sha256,
                choices=choices,
            )
            for key, choices in changed.items()
            if choices != NO_CHOICES
        ]
        ensure_folder(folders.settings)
        data = {"version": FORMAT_VERSION, "models": entries[-MAX_FILES:]}
        write_file(path, msgspec.json.format(msgspec.json.encode(data), indent=1))


def _own(signature: str) -> str:
    """Return the signature without that of a configuration beside the file, which may come and go."""
    return signature.partition("+")[0]


def _read(path: Path) -> list[_Entry]:
    values = without_version(parse(read_small(path, _MAX_BYTES)), FORMAT_VERSION, "version")
    return convert(values.get("models", []), list[_Entry])


def _readable(path: Path) -> list[_Entry]:
    """Return the entries of the file; one that is not understood is renamed."""
    if not os.path.lexists(path):
        return []
    try:
        return _read(path)
    except InvalidJsonError as error:
        _put_aside(path, "newer" if error.kind == "newer" else "broken")
    except StorageError:
        _put_aside(path, "broken")
    return []


def _put_aside(path: Path, kind: str) -> None:
    """Rename a file to a name that is free; raises StorageError if it cannot be renamed."""
    for number in range(1, _MAX_ASIDE + 1):
        aside = path.with_name(f"{path.stem}.{kind}-{number}{path.suffix}")
        if not os.path.lexists(aside) or number == _MAX_ASIDE:
            with as_storage_error(path):
                path.replace(aside)
            return
