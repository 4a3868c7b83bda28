"""The settings: the file, which is validated when read and replaced atomically, and the user's preferences in it.

A file that cannot be read, or that a newer version of the program wrote, is never overwritten: it is kept under another
name, and if it cannot be renamed, nothing is written at all. The program then starts with its defaults.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.errors import StorageError
from studio.messages import Message, message
from studio.storage import ensure_folder, read_small, storage_error, write_files
from studio.strict_json import InvalidJsonError, convert, one_of, parse, without_version
from studio.ui.language import LANGUAGES, tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.errors import StudioError

T = TypeVar("T")

SETTINGS_NAME = "settings.json"
MAX_BYTES = 4_000_000
MAX_ASIDE = 9


class SettingsFile:
    """A file of JSON values, which need not exist.

    Attributes:
        path: its path.
        fault: after `load`, a sentence on why its values cannot be used; "" if they can.
    """

    def __init__(self, path: Path, version: int = 1) -> None:
        """Remember the path; nothing is read or created yet. Files up to ``version`` of their format can be read."""
        self.path = path
        self.fault: Message | Literal[""] = ""
        self._version = version
        self._withheld: StorageError | None = None
        self._lock = threading.Lock()

    def load(self) -> dict[str, Any]:
        """Return the values of the file; {} if there is none or it cannot be read. Never raises."""
        self.fault, self._withheld = "", None
        try:
            real = self._real()
            if not os.path.lexists(real):
                return {}
            values: dict[str, Any] = parse(read_small(real, MAX_BYTES))
            without_version(values, self._version, "version", optional=True)
        except InvalidJsonError as error:
            self.put_aside(error.of_file(), "newer" if error.kind == "newer" else "broken")
        except StorageError as error:
            self.put_aside(error.reason)
        except (OSError, ValueError) as error:
            self.put_aside(storage_error(self.path, error).reason)
        else:
            return values
        return {}

    def save(self, values: Mapping[str, Any]) -> StorageError | None:
        """Replace the file by ``values`` (JSON values). Any thread. Never raises.

        Returns:
            Why it could not be written; None if it was.
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
        """Return the file itself if ``path`` is a link to it, as for people who keep their settings elsewhere."""
        return Path(os.path.realpath(self.path))

    def put_aside(self, reason: str, kind: str = "broken") -> None:
        """Rename the file, whose values cannot be used for a ``reason`` (a clause), and set `fault`. Never raises."""
        try:
            real = self._real()
            aside = _free_name(real, kind)
            real.rename(aside)
        except (OSError, ValueError) as error:
            self._withheld = storage_error(self.path, error)
            self.fault = message(
                "The file {path} {reason}. It is left as it is, so changes will not be kept.",
                path=self.path,
                reason=reason,
            )
        else:
            self.fault = message(
                "The file {path} {reason}. It is kept as {name}, and a new one is started.",
                path=self.path,
                reason=reason,
                name=aside.name,
            )


def _free_name(path: Path, kind: str) -> Path:
    """Return an unused name beside ``path``; after `MAX_ASIDE` of them the last is reused."""
    names = [
        path.with_name(f"{path.stem}.{kind}-{number}{path.suffix}") for number in range(1, MAX_ASIDE + 1)
    ]
    return next((name for name in names if not os.path.lexists(name)), names[-1])


SAVE_AFTER_MS = 500
MAX_RUNS_GIB = 1000.0
MAX_HEADROOM_GB = 256.0
MAX_GEOMETRY = 10_000
MAX_FORM = 1_000_000
FORMAT_VERSION = 1


class Preference(Generic[T]):
    """One preference, declared as an attribute of `Preferences`."""

    def __init__(self, kind: Any, default: T) -> None:  # noqa: ANN401 - an annotation
        """Take the type, with its limits, and the default."""
        self.kind, self.default, self.name = kind, default, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, preferences: Preferences, owner: type) -> T:
        """Return the value, a copy of one that can change."""
        value: T = copy.copy(preferences.values[self.name])
        return value

    def read(self, value: object) -> Any:  # noqa: ANN401 - as `kind` says
        """Return a JSON value as one of this preference. Raises InvalidJsonError, ValueError or TypeError."""
        if isinstance(value, dict) and len(json.dumps(value, allow_nan=False)) > MAX_FORM:
            raise ValueError(self.name)
        return convert(value, self.kind, self.name)


def _flag(default: bool) -> Preference[bool]:
    return Preference(bool, default)


def _form() -> Preference[dict[str, Any]]:
    return Preference(dict[str, Any], {})


class Preferences(QObject):
    """The preferences and the file that contains them.

    The file is written half a second after the last change, on a thread of its own (a disk may be slow), and by `save`.
    Other values in the file are kept, since another version of the program may know them.

    Attributes:
        values: everything in the file, by name. Read a preference by its attribute.
    """

    changed = Signal(str)
    """The preference of this name has another value."""
    unsaved = Signal(str)
    """The file cannot be written: a sentence, emitted once until writing succeeds again."""

    _written = Signal(object)

    theme = Preference[str](Literal["system", "dark", "light"], "system")
    language = Preference[str](Annotated[str, one_of(("system", *LANGUAGES))], "system")
    """The language of the window from the next start on: "system", or a key of `LANGUAGES`."""
    enlarge = Preference[str](Literal["smooth", "pixels"], "smooth")
    """How small pictures are enlarged."""
    preview_budget = Preference[float](Annotated[float, Meta(ge=0, le=1)], 0.10)
    """The share of a run's time that previews may take; 0 is none, 1 is without limit."""
    record_runs = _flag(True)
    runs_gib = Preference[float](Annotated[float, Meta(ge=0.1, le=MAX_RUNS_GIB)], 2.0)
    """The most disk space that recorded runs may take, in GiB."""
    headroom_gb = Preference[float](Annotated[float, Meta(ge=0, le=MAX_HEADROOM_GB)], 0.5)
    """How much of the device's memory stays free for other programs, in GB."""
    form_shown = _flag(True)
    more_settings_shown = _flag(False)
    """Whether spacing and the sampler's options are unfolded."""
    welcome = _flag(True)
    """Whether the first start is offered while nothing was made and no model added."""
    column_shown = _flag(True)
    """Whether the gallery column is open."""
    geometry = Preference[str](Annotated[str, Meta(max_length=MAX_GEOMETRY, pattern=r"\A[\x00-\x7f]*\Z")], "")
    """The geometry of the window in base64, as Qt writes it; "" before the first time."""
    form = _form()
    """The settings of a run as JSON values; their reader checks them."""
    train = _form()
    """The settings of a training, likewise."""
    comparison = _form()
    """The columns of the comparison page, likewise."""

    def __init__(self, file: SettingsFile) -> None:
        """Read the file; missing and invalid values get their defaults."""
        super().__init__()
        self._file = file
        self.values: dict[str, Any] = {**file.load(), "version": FORMAT_VERSION}
        self.fault = file.fault
        for name, preference in _PREFERENCES.items():
            try:
                self.values[name] = preference.read(self.values[name])
            except (KeyError, ValueError, TypeError, InvalidJsonError):
                self.values[name] = copy.copy(preference.default)
        self._writer: threading.Thread | None = None
        self._pending = self._fault_reported = False
        self._timer = QTimer(self, interval=SAVE_AFTER_MS, singleShot=True)
        self._timer.timeout.connect(self._write)
        self._written.connect(self._on_written)

    def set(self, name: str, value: object) -> None:
        """Change a preference.

        Raises:
            KeyError: there is no such preference.
            ValueError: it cannot have this value.
        """
        try:
            value = _PREFERENCES[name].read(value)
        except InvalidJsonError as error:
            raise ValueError(f"{name} {error.reason}") from error
        if value == self.values[name]:
            return
        self.values[name] = copy.deepcopy(value)
        self._pending = True
        self._timer.start()
        self.changed.emit(name)

    def save(self) -> str:
        """Write unsaved changes now; return why they cannot be written, or ""."""
        self._timer.stop()
        if self._writer is not None:
            self._writer.join()
        if not self._pending:
            return ""
        self._pending = False
        return _sentence(self._file.save(self.values))

    @Slot()
    def _write(self) -> None:
        if self._writer is not None and self._writer.is_alive():
            self._timer.start()  # the disk is slow: try again later
            return
        self._pending = False
        snapshot = copy.deepcopy(self.values)
        self._writer = threading.Thread(target=self._run, args=(snapshot,), name="settings", daemon=True)
        self._writer.start()

    def _run(self, values: dict[str, Any]) -> None:
        error = self._file.save(values)
        if error is not None:
            self._pending = True  # for `save` to try again
        self._written.emit(_sentence(error))

    @Slot(object)
    def _on_written(self, sentence: str) -> None:
        if sentence and not self._fault_reported:
            self.unsaved.emit(tr(sentence))
        self._fault_reported = bool(sentence)


_PREFERENCES = {name: one for name, one in vars(Preferences).items() if isinstance(one, Preference)}


def _sentence(error: StudioError | None) -> str:
    return "" if error is None else error.message
