"""The settings file: a JSON object that is read with doubt and written whole. Knows no Qt.

What cannot be read is never written over: it is kept aside under another name, and where that cannot be done
either, nothing is written at all. A program that cannot read its settings starts with none.

What the user prefers, kept between starts.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.checkpoints.files import read_small
from studio.checkpoints.strict import parse
from studio.errors import CheckpointError, StorageError
from studio.storage import ensure_folder, storage_error, write_files
from studio.ui.language import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


SETTINGS_NAME = "settings.json"
MAX_BYTES = 4_000_000
MAX_ASIDE = 9


class SettingsFile:
    """The file at ``path``, which need not exist.

    Attributes:
        path: where it is.
        fault: after `load`, a sentence on why nothing could be read; "" where all is well.
    """

    def __init__(self, path: Path) -> None:
        """Remember the place; nothing is read or made yet."""
        self.path = path
        self.fault = ""
        self._withheld: StorageError | None = None
        self._lock = threading.Lock()

    def load(self) -> dict[str, Any]:
        """Return what the file holds, {} where there is none or it cannot be read. Never raises."""
        self.fault, self._withheld = "", None
        try:
            real = self._real()
            if not os.path.lexists(real):
                return {}
            values = parse(read_small(real, MAX_BYTES), self.path)
            if not isinstance(values, dict):
                raise CheckpointError(self.path, "is not a JSON object")
        except CheckpointError as error:
            self.fault = self._put_aside(error.reason)
            return {}
        except (OSError, ValueError) as error:
            self.fault = self._put_aside(storage_error(self.path, error).reason)
            return {}
        return values

    def save(self, values: Mapping[str, Any]) -> StorageError | None:
        """Replace the file by ``values`` (JSON values). Any thread. Never raises.

        Returns:
            Why it could not be written; None where it was.
        """
        with self._lock:
            if self._withheld is not None:
                return self._withheld
            try:
                real = self._real()
                text = json.dumps(values, indent=2, ensure_ascii=True, allow_nan=False)
                ensure_folder(real.parent)
                write_files({real: (text + "\n").encode()})
            except StorageError as error:
                return error
            except (OSError, ValueError) as error:
                return storage_error(self.path, error)
        return None

    def _real(self) -> Path:
        """Return the file itself where ``path`` is a link to it, as people who keep settings elsewhere have it."""
        return Path(os.path.realpath(self.path))

    def _put_aside(self, reason: str) -> str:
        """Give the file another name and return the sentence that tells so."""
        said = f"The settings file {self.path} {reason}"
        try:
            real = self._real()
            aside = _free_name(real)
            real.rename(aside)
        except (OSError, ValueError) as error:
            self._withheld = storage_error(self.path, error)
            return f"{said}. It stays as it is; changes of settings will not be kept."
        return f"{said}. It is kept as {aside.name}; the settings start afresh."


def _free_name(path: Path) -> Path:
    """Return a name beside ``path`` that nothing has; after `MAX_ASIDE` of them the last is used again."""
    names = [
        path.with_name(f"{path.stem}.broken-{number}{path.suffix}") for number in range(1, MAX_ASIDE + 1)
    ]
    return next((name for name in names if not os.path.lexists(name)), names[-1])


SAVE_AFTER_MS = 500
MAX_RUNS_GIB = 1000.0
MAX_GEOMETRY = 10_000
MAX_FORM = 1_000_000


@dataclass(frozen=True)
class _Preference:
    """A preference's default, and whether a value is one of its own."""

    default: Any
    allows: Callable[[Any], bool]


def _one_of(*names: str) -> _Preference:
    return _Preference(names[0], lambda value: isinstance(value, str) and value in names)


def _flag(default: bool) -> _Preference:
    return _Preference(default, lambda value: isinstance(value, bool))


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0


def _is_room(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= MAX_RUNS_GIB


def _is_geometry(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_GEOMETRY and value.isascii()


def _is_form(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    try:
        return len(json.dumps(value, allow_nan=False)) <= MAX_FORM
    except (TypeError, ValueError):
        return False


_KNOWN: dict[str, _Preference] = {
    "theme": _one_of("system", "dark", "light"),
    "language": _one_of("system", *LANGUAGES),
    "enlarge": _one_of("smooth", "pixels"),
    "preview_budget": _Preference(0.10, _is_share),
    "record_runs": _flag(True),
    "runs_gib": _Preference(2.0, _is_room),
    "form_shown": _flag(True),
    "more_settings_shown": _flag(False),
    "column_shown": _flag(True),
    "geometry": _Preference("", _is_geometry),
    "form": _Preference({}, _is_form),
    "train": _Preference({}, _is_form),
    "comparison": _Preference({}, _is_form),
}


class Preferences(QObject):
    """The preferences and the file that keeps them.

    The file is written half a second after the last change, on a thread of its own (a disk may take its time), and
    by `save`. What the file holds besides is kept, since another version of the program may know it.
    """

    changed = Signal(str)
    """The preference of this name has another value."""
    unsaved = Signal(str)
    """The file cannot be written: a sentence, told once."""

    _written = Signal(object)

    def __init__(self, file: SettingsFile) -> None:
        """Read the file; what is missing or out of range has its default."""
        super().__init__()
        self._file = file
        self._values: dict[str, Any] = file.load()
        self._fault = file.fault
        for name, preference in _KNOWN.items():
            if name not in self._values or not preference.allows(self._values[name]):
                self._values[name] = copy.deepcopy(preference.default)
        self._writer: threading.Thread | None = None
        self._pending = self._told = False
        self._timer = QTimer(self, interval=SAVE_AFTER_MS, singleShot=True)
        self._timer.timeout.connect(self._write)
        self._written.connect(self._on_written)

    @property
    def fault(self) -> str:
        """Why the file could not be read at the start, a sentence; "" where it could."""
        return self._fault

    @property
    def theme(self) -> str:
        """The scheme of colours: "system", "dark" or "light"."""
        return str(self._values["theme"])

    @property
    def language(self) -> str:
        """The language of the window from the next start on: "system", or a key of `LANGUAGES`."""
        return str(self._values["language"])

    @property
    def enlarge(self) -> str:
        """How small pictures are enlarged: "smooth" or "pixels"."""
        return str(self._values["enlarge"])

    @property
    def preview_budget(self) -> float:
        """The share of a run that previews may cost; 0 is none, 1 is without limit."""
        return float(self._values["preview_budget"])

    @property
    def record_runs(self) -> bool:
        """Whether every run is recorded."""
        return bool(self._values["record_runs"])

    @property
    def runs_gib(self) -> float:
        """How much room recorded runs may take, in GiB."""
        return float(self._values["runs_gib"])

    @property
    def form_shown(self) -> bool:
        """Whether the form is open."""
        return bool(self._values["form_shown"])

    @property
    def more_settings_shown(self) -> bool:
        """Whether spacing and the sampler's options are unfolded."""
        return bool(self._values["more_settings_shown"])

    @property
    def column_shown(self) -> bool:
        """Whether the gallery column is open."""
        return bool(self._values["column_shown"])

    @property
    def geometry(self) -> str:
        """Where the window was, as Qt writes it, in base64; "" before the first time."""
        return str(self._values["geometry"])

    @property
    def form(self) -> dict[str, Any]:
        """The form's values as JSON values, a copy; checked by who reads them."""
        return dict(self._values["form"])

    @property
    def train(self) -> dict[str, Any]:
        """The values of the form of trainings, likewise."""
        return dict(self._values["train"])

    @property
    def comparison(self) -> dict[str, Any]:
        """The columns of the page of comparisons, likewise."""
        return dict(self._values["comparison"])

    def set(self, name: str, value: object) -> None:
        """Change a preference.

        Raises:
            KeyError: there is no such preference.
            ValueError: it cannot have this value.
        """
        if not _KNOWN[name].allows(value):
            raise ValueError(f"{name} cannot be {value!r}")
        if value == self._values[name]:
            return
        self._values[name] = copy.deepcopy(value)
        self._pending = True
        self._timer.start()
        self.changed.emit(name)

    def save(self) -> str:
        """Write what is not yet written, now; returns why it cannot be, or ""."""
        self._timer.stop()
        if self._writer is not None:
            self._writer.join()
        if not self._pending:
            return ""
        self._pending = False
        error = self._file.save(self._values)
        return "" if error is None else str(error)

    @Slot()
    def _write(self) -> None:
        if self._writer is not None and self._writer.is_alive():
            self._timer.start()  # a slow disk: once it is done
            return
        self._pending = False
        snapshot = copy.deepcopy(self._values)
        self._writer = threading.Thread(target=self._run, args=(snapshot,), name="settings", daemon=True)
        self._writer.start()

    def _run(self, values: dict[str, Any]) -> None:
        error = self._file.save(values)
        if error is not None:
            self._pending = True  # for `save` to try again
        self._written.emit("" if error is None else str(error))

    @Slot(object)
    def _on_written(self, sentence: str) -> None:
        if not sentence:
            self._told = False
        elif not self._told:
            self._told = True
            self.unsaved.emit(sentence)
