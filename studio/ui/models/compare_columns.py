"""What is to be compared: two to six columns, each a run of the form's prompt with its own settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from studio.diffusion.samplers import SAMPLERS
from studio.engine.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.engine.requests import sampler_options
from studio.errors import RequestError, capitalised, shorten
from studio.ui.models.form_rules import fitted, with_model

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.option_values import OptionValue
    from studio.engine.requests import GenerateRequest
    from studio.ui.models.catalog import Catalog
    from studio.ui.models.form import FormModel
    from studio.ui.models.form_values import FormValues


class CompareColumns(QObject):
    """The columns, from left to right.

    Prompt, negative prompt and size are the form's and the same for all; so is the seed, unless a column is given its
    own, and then they start from the same noise no more.
    """

    changed = Signal()
    """A column's settings are others, or what they share."""
    count_changed = Signal()
    """There are more columns, or fewer."""

    def __init__(self, form: FormModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Begin with a column for each sampler."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self._columns: list[FormValues] = []
        self.fill_samplers()
        form.changed.connect(self._on_form_changed)

    @property
    def columns(self) -> tuple[FormValues, ...]:
        """The settings of each; what they share is in each of them."""
        return tuple(self._columns)

    @property
    def prompt(self) -> str:
        """What all of them make."""
        return self._form.values.prompt

    @property
    def can_add(self) -> bool:
        """Whether there is room for another column."""
        return len(self._columns) < MAX_PANES

    @property
    def can_remove(self) -> bool:
        """Whether there are more columns than a comparison needs."""
        return len(self._columns) > MIN_PANES

    @property
    def fault(self) -> str:
        """Why they cannot be compared now, a sentence; "" when they can."""
        try:
            self.take_request()
        except RequestError as error:
            sentence = str(error)
            return capitalised(sentence)
        return ""

    def card(self, place: int) -> ModelCard | None:
        """Return the card of a column's model; None where that model is not here or broken."""
        return self._catalog.card(self._columns[place].model)

    def edit(self, place: int, **changes: Any) -> None:  # noqa: ANN401 - as FormValues has them
        """Change settings of a column by name. Another seed in the first goes to all that stand at the same."""
        old = self._columns[place]
        values = old
        name = changes.get("model", old.model)
        if name != old.model:
            values = with_model(values, self.card(place), self._catalog.card(name), name)
        self._columns[place] = replace(values, **changes)
        if place == 0:
            for other, column in enumerate(self._columns):
                if column.seed == old.seed:
                    self._columns[other] = replace(column, seed=self._columns[0].seed)
        self.changed.emit()

    def edit_option(self, place: int, name: str, value: OptionValue) -> None:
        """Change an option of a column's sampler.

        Raises:
            RequestError: the sampler has no such option, or it cannot have this value.
        """
        column = self._columns[place]
        sampler_options(column.sampler, {name: value})
        options = {**column.options, column.sampler: {**column.options.get(column.sampler, {}), name: value}}
        self._columns[place] = replace(column, options=options)
        self.changed.emit()

    @Slot()
    def fill_samplers(self) -> None:
        """Begin anew with the form's settings: one column for each sampler."""
        values = replace(self._form.values, count=1)
        before = len(self._columns)
        self._columns = [replace(values, sampler=name) for name in list(SAMPLERS)[:MAX_PANES]]
        if len(self._columns) != before:
            self.count_changed.emit()
        self.changed.emit()

    @Slot()
    def add(self) -> None:
        """Add a column like the last."""
        if self.can_add:
            self._columns.append(self._columns[-1])
            self.count_changed.emit()
            self.changed.emit()

    def remove(self, place: int) -> None:
        """Take a column away."""
        if self.can_remove:
            del self._columns[place]
            self.count_changed.emit()
            self.changed.emit()

    def take_request(self) -> CompareRequest:
        """Return what is to be made, everything filled in.

        Raises:
            RequestError: a column cannot be made; the sentence names it.
        """
        made = CompareRequest(requests=tuple(map(self._resolved, range(len(self._columns)))))
        return made.validate()

    def _resolved(self, place: int) -> GenerateRequest:
        values, card = self._columns[place], self.card(place)
        if card is None:
            raise RequestError(f"model of column {place + 1}", f"{shorten(values.model)!r} is not here")
        try:
            return values.request().resolve(card)
        except RequestError as error:
            raise RequestError(f"{error.field} of column {place + 1}", error.reason) from error

    @Slot()
    def _on_form_changed(self) -> None:
        """Follow the form in what all columns share."""
        form = self._form.values
        shared = {name: getattr(form, name) for name in ("prompt", "negative", "width", "height")}
        columns = [
            fitted(replace(column, **shared), self.card(place)) for place, column in enumerate(self._columns)
        ]
        if columns != self._columns:
            self._columns = columns
            self.changed.emit()
