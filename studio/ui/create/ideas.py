"""Ideas for a prompt: the names and example prompts that come with a model, and completion of what is being typed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.words import Words, has_words, read_words
from studio.errors import CheckpointError
from studio.ui.jobs.run_settings import takes_text
from studio.ui.language import tr

if TYPE_CHECKING:
    from pathlib import Path

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
        self.names = words.names
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
    """The names and example prompts of the model chosen in the form.

    Attributes:
        available: whether the model comes with any.
        fault: why they cannot be read, a translated sentence; "" if they can, or were not read yet.

    Signals:
        changed: another model was chosen, or its words have changed.
    """

    changed = Signal()

    def __init__(self, form: FormModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Follow the model of ``form``; its words are read when they are first needed."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._folder: Path | None = None
        self._completion: Completion | None = None
        self._words = Words()
        self.available, self.fault = False, ""
        self._on_form_changed()
        form.changed.connect(self._on_form_changed)
        catalog.changed.connect(self._on_catalog_changed)

    @property
    def words(self) -> Words:
        """The words of the model; empty if it has none or they cannot be read."""
        self._read()
        return self._words

    def offer(self, before: str, after: str) -> Offer | None:
        """See `Completion.offer`."""
        completion = self._read()
        return completion.offer(before, after) if completion is not None else None

    def search(self, text: str) -> tuple[str, ...]:
        """See `Completion.search`."""
        completion = self._read()
        return completion.search(text) if completion is not None else ()

    def _read(self) -> Completion | None:
        if self._completion is None and self.available and self._folder is not None and not self.fault:
            try:
                self._words = read_words(self._folder)
            except CheckpointError as error:
                self.fault = tr(error.message)
            else:
                self._completion = Completion(self._words)
        return self._completion

    def _find(self) -> Path | None:
        model = self._catalog.find(self._form.values.model)
        return (
            model.folder if model is not None and model.card is not None and takes_text(model.card) else None
        )

    @Slot()
    def _on_form_changed(self) -> None:
        folder = self._find()
        if folder != self._folder:
            self._set_folder(folder)

    @Slot()
    def _on_catalog_changed(self) -> None:
        """Read the words again, even if the model's folder is the same."""
        self._set_folder(self._find())

    def _set_folder(self, folder: Path | None) -> None:
        self._folder, self.available = folder, folder is not None and has_words(folder)
        self._completion, self._words, self.fault = None, Words(), ""
        self.changed.emit()
