"""The settings file: a JSON object that is read with doubt and written whole. Knows no Qt.

What cannot be read is never written over: it is kept aside under another name, and where that cannot be done
either, nothing is written at all. A program that cannot read its settings starts with none.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.checkpoints.files import read_small, write_together
from studio.checkpoints.strict import parse
from studio.errors import CheckpointError, StorageError
from studio.folders import ensure, storage_error

if TYPE_CHECKING:
    from collections.abc import Mapping

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
                ensure(real.parent)
                write_together({real: (text + "\n").encode()})
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
