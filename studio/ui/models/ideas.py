"""What the chosen model can draw: its words, read when they are first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.checkpoints.words import Words, has_words, read_words
from studio.errors import CheckpointError
from studio.ui.jobs.run_settings import takes_text
from studio.ui.models.completion import Completion, Offer

if TYPE_CHECKING:
    from pathlib import Path

    from studio.ui.core.catalog import Catalog
    from studio.ui.models.form import FormModel


class IdeasModel(QObject):
    """The words of the model that stands in the form.

    Attributes:
        available: whether the model says what it can draw.
        fault: why its words cannot be shown, a sentence; "" where they can, or were not read yet.
    """

    changed = Signal()
    """Another model, or other words."""

    def __init__(self, form: FormModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Follow the choice of model; nothing is read before it is asked for."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._looked_at: Path | None = None
        self._completion: Completion | None = None
        self._words = Words()
        self.available, self.fault = False, ""
        self._on_form_changed()
        form.changed.connect(self._on_form_changed)
        catalog.changed.connect(self._on_catalog_changed)

    @property
    def words(self) -> Words:
        """Its words; none where there are none or they cannot be read."""
        self._read()
        return self._words

    def offer(self, before: str, after: str) -> Offer | None:
        """Return the names to offer while a prompt is typed; see `Completion.offer`."""
        completion = self._read()
        return completion.offer(before, after) if completion is not None else None

    def search(self, text: str) -> tuple[str, ...]:
        """Return the names that hold a text; see `Completion.search`."""
        completion = self._read()
        return completion.search(text) if completion is not None else ()

    def _read(self) -> Completion | None:
        if self._completion is None and self.available and self._looked_at is not None and not self.fault:
            try:
                self._words = read_words(self._looked_at)
            except CheckpointError as error:
                self.fault = str(error)
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
        if folder != self._looked_at:
            self._look_at(folder)

    @Slot()
    def _on_catalog_changed(self) -> None:
        """Look again, even where the model's folder is the same."""
        self._look_at(self._find())

    def _look_at(self, folder: Path | None) -> None:
        self._looked_at, self.available = folder, folder is not None and has_words(folder)
        self._completion, self._words, self.fault = None, Words(), ""
        self.changed.emit()
