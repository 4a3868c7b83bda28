"""Ideas for a prompt: the names and example prompts that come with a model, and completion of what is being typed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.words import Words, has_words, read_words
from studio.ui.core.background import Background
from studio.ui.jobs.run_settings import takes_text
from studio.ui.language import tr

if TYPE_CHECKING:
    from pathlib import Path

    from studio.errors import StudioError
    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel


MOST = 6
"""The most names that are offered."""
MOST_WORDS = 4
"""The most words before the cursor that can be the beginning of one name."""
LETTERS = 2
"""The fewest letters that are completed; of Hangul, kana and Chinese characters one is enough."""
LOOKED_AT = 100
"""How many characters before the cursor are searched for the beginning of a name."""
_START = re.compile(r"(?:^|(?<=[\s,;(]))[^\s,;(]")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Names that complete what was typed.

    Attributes:
        typed: the end of the text, which a chosen name replaces.
        names: the best first.
        eager: whether the first name is selected at once; not if what was typed may be complete already.
    """

    typed: str
    names: tuple[str, ...]
    eager: bool


class Completion:
    """Finds names by their beginning, then by the beginning of any of their words."""

    def __init__(self, words: Words) -> None:
        self.words, self.names = words, words.names
        self._folded = tuple(map(_folded, words.names))
        self._known = frozenset(self._folded)
        # Words that prompts use between the names, such as "on" and "teal": "on" should not become "onion".
        self._between = frozenset(
            word for text in words.examples for word in re.findall(r"[\w-]+", _folded(text))
        )

    def offer(self, before: str, after: str) -> Offer | None:
        """Return the names for the text around the cursor; None if the cursor is not at the end of a word."""
        if not before[-1:].isalnum() or after[:1].isalnum():
            return None
        text = before.rpartition("\n")[2][-LOOKED_AT:]
        starts = [match.start() for match in _START.finditer(text)][-MOST_WORDS:]
        for start in starts:  # the most words first
            typed = text[start:]
            folded = _folded(typed)
            if len(folded) < LETTERS and folded.isascii():
                continue
            eager = folded not in self._known and folded not in self._between
            if names := self._continuing(folded, eager=eager):
                return Offer(typed=typed, names=names, eager=eager)
        return None

    def search(self, text: str) -> tuple[str, ...]:
        """Return all names that contain ``text``: first those that begin with it, then those with a word that does."""
        folded = _folded(" ".join(text.split()))
        if not folded:
            return self.names
        ranked: tuple[list[str], list[str], list[str]] = ([], [], [])
        for name, other in zip(self.names, self._folded, strict=True):
            if folded in other:
                ranked[0 if other.startswith(folded) else 1 if f" {folded}" in other else 2].append(name)
        return tuple(name for rank in ranked for name in rank)

    def _continuing(self, folded: str, *, eager: bool) -> tuple[str, ...]:
        first: list[str] = []
        then: list[str] = []
        for name, other in zip(self.names, self._folded, strict=True):
            if folded not in other or folded == other:
                continue
            if other.startswith(folded if eager else f"{folded} "):
                first.append(name)
            elif (eager and f" {folded}" in other) or (
                folded in self._known and f" {folded} " in f" {other} "
            ):
                then.append(name)
        return (*sorted(first, key=len), *sorted(then, key=len))[:MOST]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


class IdeasModel(QObject):
    """The names and example prompts of the model chosen in the form, read in another thread.

    Attributes:
        available: whether the model comes with any, as far as they were read.
        words: the words; empty if there are none or they cannot be read.
        fault: why they cannot be read, a translated sentence; "" if they can.

    Signals:
        changed: another model was chosen, or its words were read.
    """

    changed = Signal()

    def __init__(self, form: FormModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Follow the model of ``form``."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._background = Background(self)
        self._folder: Path | None = None
        self._reading: Path | None = None
        self._completion: Completion | None = None
        self.words = Words()
        self.available, self.fault = False, ""
        self._on_form_changed()
        form.changed.connect(self._on_form_changed)
        catalog.changed.connect(self._on_catalog_changed)

    def offer(self, before: str, after: str) -> Offer | None:
        """See `Completion.offer`."""
        return self._completion.offer(before, after) if self._completion is not None else None

    def search(self, text: str) -> tuple[str, ...]:
        """See `Completion.search`."""
        return self._completion.search(text) if self._completion is not None else ()

    def _find(self) -> Path | None:
        model = self._catalog.find(self._form.values.model)
        return (
            model.folder if model is not None and model.card is not None and takes_text(model.card) else None
        )

    @Slot()
    def _on_form_changed(self) -> None:
        folder = self._find()
        if folder != self._folder:
            self._folder = folder
            self._set(None)
            self._read()

    @Slot()
    def _on_catalog_changed(self) -> None:
        """Read the words again, even if the model's folder is the same."""
        self._on_form_changed()
        if self._reading is None:
            self._read()

    def _read(self) -> None:
        folder = self._reading = self._folder
        if folder is not None:
            self._background.do(
                partial(_read_completion, folder),
                partial(self._on_read, folder),
                partial(self._on_unread, folder),
                key="words",
            )

    def _on_read(self, folder: Path, completion: Completion | None) -> None:
        if folder == self._folder:
            self._reading = None
            self._set(completion)

    def _on_unread(self, folder: Path, error: StudioError) -> None:
        if folder == self._folder:
            self._reading = None
            self._set(None, tr(error.message))

    def _set(self, completion: Completion | None, fault: str = "") -> None:
        self._completion, self.fault = completion, fault
        self.words = completion.words if completion is not None else Words()
        self.available = completion is not None or bool(fault)
        self.changed.emit()


def _read_completion(folder: Path) -> Completion | None:
    return Completion(read_words(folder)) if has_words(folder) else None
