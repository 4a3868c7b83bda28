"""The errors of the program: one class per cause, each with its own sentence.

Every sentence names the field or the file, says what is wrong and, if possible, what to do about it. It is plain text
for people and never contains a traceback. ``str(error)`` is the English sentence; `StudioError.message` is the same as
a `Message`, which the window can translate. Imports nothing but the standard library.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Iterable


class StudioError(Exception):
    """An error that a person can act on. ``str(error)`` is one whole sentence."""

    @property
    def message(self) -> Message:
        """The sentence, translatable if the error was raised with a message."""
        sentence = self.args[0] if self.args else ""
        return sentence if isinstance(sentence, Message) else Message(str(self), {})


_FIELDS: Final = {
    str(label): label
    for label in (
        message("name"),
        message("title"),
        message("source"),
        message("base"),
        message("size"),
        message("scale"),
        message("backbone"),
        message("schedule"),
        message("prediction"),
        message("dropout"),
        message("batch"),
        message("learning_rate"),
        message("min_snr"),
        message("prompt"),
        message("negative"),
        message("model"),
        message("sampler"),
        message("options"),
        message("steps"),
        message("spacing"),
        message("guidance"),
        message("seed"),
        message("count"),
        message("width"),
        message("height"),
        message("emphasis"),
        message("clip_skip"),
        message("start"),
        message("step"),
        message("checkpoints"),
        message("comparison"),
        # Options of samplers:
        message("variance"),
        message("eta"),
        message("passes"),
        message("coefficient"),
        message("predictor"),
        message("corrector_steps"),
        message("snr"),
    )
}
"""The names of fields that people can edit in the window, which shows them in its language."""


class RequestError(StudioError):
    """A field of a request has an invalid value."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field, and the reason as a clause such as "must be 1 to 1000, not 0"."""
        self.field, self.reason = field, reason
        super().__init__(message("{field} {reason}.", field=_FIELDS.get(field, field), reason=reason))


class UnknownNameError(RequestError):
    """A name is not among the known ones; the sentence suggests the closest."""

    def __init__(self, field: str, name: str, known: Iterable[str]) -> None:
        """Say that ``name`` is not a known ``field``, and suggest the closest of ``known``."""
        self.name, self.known = name, tuple(known)
        near = difflib.get_close_matches(name.lower(), self.known, n=1, cutoff=0.4)
        shown, listed = repr(shorten(name)), ", ".join(self.known) or message("none")
        if near:
            reason = message(
                "{name} is not known; did you mean {near}? (there are: {known})",
                name=shown,
                near=repr(near[0]),
                known=listed,
            )
        else:
            reason = message("{name} is not known (there are: {known})", name=shown, known=listed)
        super().__init__(field, reason)


class CheckpointError(StudioError):
    """A file or card of a model cannot be used."""

    def __init__(self, path: Path | str, reason: str) -> None:
        """Name the file, and the reason as a clause such as "ends before its weights do"."""
        self.path, self.reason = Path(path), reason
        super().__init__(message("The model file {path} {reason}.", path=self.path, reason=reason))


class RecipeError(StudioError):
    """A training recipe or its data cannot be used."""

    def __init__(self, path: Path | str, reason: str) -> None:
        """Name the recipe or data file and the reason."""
        self.path, self.reason = Path(path), reason
        super().__init__(message("The recipe {path} {reason}.", path=self.path, reason=reason))


class StorageError(StudioError):
    """A file or folder cannot be read or written."""

    def __init__(self, path: Path | str, reason: str) -> None:
        """Name the file or folder, and the reason as a clause such as "cannot be written: the disk is full"."""
        self.path, self.reason = Path(path), reason
        super().__init__(message("{path} {reason}.", path=self.path, reason=reason))


class DownloadError(StudioError):
    """A model cannot be downloaded."""

    def __init__(self, name: str, reason: str) -> None:
        """Name the model or file, and the reason as a clause such as "cannot be downloaded: the disk is full"."""
        self.name, self.reason = name, reason
        super().__init__(message("{name} {reason}.", name=name, reason=reason))


class DeviceError(StudioError):
    """The requested device does not exist or does not work."""

    def __init__(self, device: str, reason: str) -> None:
        """Name the device and the reason."""
        self.device, self.reason = device, reason
        super().__init__(message("The device {device} {reason}.", device=repr(device), reason=reason))


@dataclass(frozen=True, kw_only=True)
class SmallerPlan:
    """What makes a run need less memory than the one that failed.

    Attributes:
        measure: what is done when the same request runs again, as a phrase; None: nothing more can be done.
        size: width and height of pictures that take less, in pixels; None: the size can stay, or is the smallest.
    """

    measure: Message | None = None
    size: tuple[int, int] | None = None


class MemoryShortError(StudioError):
    """The device ran out of memory, or a run needs more than there is."""

    def __init__(
        self,
        device: str,
        panes: int = 1,
        *,
        decoding: bool = False,
        needed: int | None = None,
        free: int = 0,
        smaller: SmallerPlan | None = None,
    ) -> None:
        """Name the device.

        Args:
            device: its name.
            panes: how many pictures were being compared.
            decoding: whether only the picture of a step was decoded or explained; a running job is not affected.
            needed: estimated bytes that the run needs; None: it ran, and failed.
            free: bytes that it may use, if ``needed`` is known.
            smaller: what makes the run need less.
        """
        self.device, self.panes, self.smaller = device, panes, smaller
        if needed is not None:
            sentence = message(
                "This run needs about {needed:.1f} GB of memory on the device {device}, and {free:.1f} GB are free; "
                "try a smaller size, or close other programs.",
                device=repr(device),
                needed=needed / 1e9,
                free=free / 1e9,
            )
        elif decoding:
            sentence = message(
                "The device {device} has too little free memory to decode this step now; close other programs, or try "
                "again when nothing is running.",
                device=repr(device),
            )
        elif panes == 1:
            sentence = message(
                "The device {device} ran out of memory; try a smaller size or a count of 1, or close other programs.",
                device=repr(device),
            )
        else:
            sentence = message(
                "The device {device} ran out of memory; compare fewer pictures at once, or close other programs.",
                device=repr(device),
            )
        super().__init__(sentence)


class ModelInUseError(StudioError):
    """A model cannot be loaded beside the one in use, because there is not enough memory for both."""

    def __init__(self, model: str, in_use: str, *, needed: int, free: int) -> None:
        """Name both models by their titles, and the memory that is needed and free, in bytes."""
        self.model, self.in_use, self.needed, self.free = model, in_use, needed, free
        super().__init__(
            message(
                "There is not enough memory to load the model {model} beside {in_use}, which is in use "
                "({needed:.1f} GB needed, {free:.1f} GB free); make a picture with {model} to switch to it.",
                model=model,
                in_use=in_use,
                needed=needed / 1e9,
                free=free / 1e9,
            )
        )


class NotFiniteError(StudioError):
    """The model produced NaN or infinity."""

    def __init__(self, step: int, pane: int | None = None, *, cause: Message | None = None) -> None:
        """Name the step (from 1) at which it was found, in a comparison the pane (from 1), and the likely cause.

        Args:
            step: the step.
            pane: the pane; None: it was no comparison.
            cause: the likely cause and what to do, a sentence; None: nothing is known.
        """
        self.step, self.pane, self.cause = step, pane, cause
        if cause is not None and pane is None:
            sentence = message(
                "The model gave a value that is not a number at step {step}. {cause}", step=step, cause=cause
            )
        elif cause is not None:
            sentence = message(
                "The model gave a value that is not a number at step {step} of pane {pane}. {cause}",
                step=step,
                pane=pane,
                cause=cause,
            )
        elif pane is None:
            sentence = message(
                "The model gave a value that is not a number at step {step}; try another seed or a lower guidance.",
                step=step,
            )
        else:
            sentence = message(
                "The model gave a value that is not a number at step {step} of pane {pane}; try another seed or a "
                "lower guidance.",
                step=step,
                pane=pane,
            )
        super().__init__(sentence)


def capitalised(sentence: str) -> str:
    """Return a sentence with a capital first letter: those of requests begin with the name of a field."""
    return sentence[:1].upper() + sentence[1:]


def shorten(text: str, limit: int = 60) -> str:
    """Return ``text``, truncated to ``limit`` characters with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
