"""What can go wrong, one class per cause; each writes its own sentence.

Every sentence names the field or the file, says what is wrong and, where it can, what to do. It is plain text, meant
for a person, and never holds a traceback. Imports nothing but the standard library.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StudioError(Exception):
    """Something a person can act on. ``str(error)`` is one whole sentence."""


class RequestError(StudioError):
    """A field of a request holds a value that cannot be used."""

    def __init__(self, field: str, reason: str) -> None:
        """Say that ``field`` is wrong because of ``reason`` (a clause such as "must be 1 to 1000, not 0")."""
        self.field, self.reason = field, reason
        super().__init__(f"{field} {reason}.")


class UnknownNameError(RequestError):
    """A name is not among the known ones; the nearest is offered."""

    def __init__(self, field: str, name: str, known: Iterable[str]) -> None:
        """Say that ``name`` is no known ``field`` and offer the nearest of ``known``."""
        self.name, self.known = name, tuple(known)
        near = difflib.get_close_matches(name.lower(), self.known, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(self.known) or "none"
        super().__init__(field, f"{shorten(name)!r} is not known{hint} (there are: {listed})")


class CheckpointError(StudioError):
    """A model's file or card cannot be used."""

    def __init__(self, path: Path | str, reason: str) -> None:
        """Name the file and the reason (a clause such as "ends before its weights do")."""
        self.path, self.reason = Path(path), reason
        super().__init__(f"The model file {self.path} {reason}.")


class RecipeError(StudioError):
    """A training recipe or its data cannot be used."""

    def __init__(self, path: Path | str, reason: str) -> None:
        """Name the recipe or data file and the reason."""
        self.path, self.reason = Path(path), reason
        super().__init__(f"The recipe {self.path} {reason}.")


class StorageError(StudioError):
    """A file or folder cannot be written or read."""

    def __init__(self, path: Path | str, reason: str) -> None:
        """Name the file or folder and the reason (a clause such as "cannot be written: the disk is full")."""
        self.path, self.reason = Path(path), reason
        super().__init__(f"{self.path} {reason}.")


class DeviceError(StudioError):
    """The wanted device is not there or does not work."""

    def __init__(self, device: str, reason: str) -> None:
        """Name the device and the reason."""
        self.device, self.reason = device, reason
        super().__init__(f"The device {device!r} {reason}.")


class MemoryShortError(StudioError):
    """The device ran out of memory."""

    def __init__(self, device: str, panes: int = 1) -> None:
        """Name the device, and say how many pictures were to be compared."""
        self.device, self.panes = device, panes
        advice = "try a smaller size or a count of 1" if panes == 1 else "compare fewer pictures at once"
        super().__init__(f"The device {device!r} ran out of memory; {advice}, or close other programs.")


class NotFiniteError(StudioError):
    """The model produced NaN or infinity."""

    def __init__(self, step: int, pane: int | None = None) -> None:
        """Name the step (counted from 1) at which it was seen, and in a comparison the pane (likewise)."""
        self.step, self.pane = step, pane
        where = f"step {step}" if pane is None else f"step {step} of pane {pane}"
        super().__init__(
            f"The model gave a value that is not a number at {where}; try another seed or a lower guidance."
        )


def capitalised(sentence: str) -> str:
    """Return a sentence with its first letter large: those of requests begin with the name of a field."""
    return sentence[:1].upper() + sentence[1:]


def shorten(text: str, limit: int = 60) -> str:
    """Return ``text`` cut to ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
