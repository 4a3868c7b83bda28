"""What the user prefers, kept between starts."""

from __future__ import annotations

import copy
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.settings import SettingsFile

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
    "enlarge": _one_of("smooth", "pixels"),
    "preview_budget": _Preference(0.10, _is_share),
    "record_runs": _flag(True),
    "runs_gib": _Preference(2.0, _is_room),
    "form_shown": _flag(True),
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
